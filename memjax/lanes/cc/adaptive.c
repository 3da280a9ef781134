/* The driver of adaptive steps: each lane takes steps of its own, as diffrax does (see
 * memjax/simulate/adaptive.py); STEPS lanes are computed side by side, wherever in time each of them is.
 *
 * Before it stands what is generated of the equations: the struct types Own, Carry and Uniform, `load_parameters`, which
 * reads those of a lane, `prepare_uniform`, which takes a step of the states of several lanes, `prepare_tangents`, which
 * finds what a step of their derivatives needs, `results_of`, which reads what a step gives one of them, `load_block`,
 * `store_states`, and `advance_some` and `advance_some_and_slopes`, which take a step of derivatives of one lane along
 * WIDTH of LANES directions; and STATES, OWNS, NUMBERS.
 */

#include <float.h>

enum { SUCCESSFUL = 0, STEP_LIMIT = 1 };

typedef struct { /* what drives a lane, and where it is looked at */
    const Real *corners, *values, *zeros, *rows;
    int64_t n_corners, n_zeros, n_rows;
    int linear;
} Sweep;

typedef struct { /* tolerances, the end, what is as good as it, the first step, the time just before the last row, the shortest step [s] */
    Real rtol, atol, end, floor, first, last, shortest;
    int64_t most_steps;
    int keeps_steps;
} Control;

typedef struct { /* what a lane gives */
    Real *y, *dy, *t, *steps, *dsteps, *last;
    int32_t *counts;
} Outputs;

static double after(double t) { return t == 0 ? DBL_MIN : nextafter(t, DBL_MAX); }
static double before(double t) { return t == 0 ? -DBL_MIN : nextafter(t, -DBL_MAX); }

/* Place of the first of ascending times above t; `count` where there is none. */
static int64_t first_above(const Real *times, int64_t count, double t) {
    int64_t low = 0, high = count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (times[middle] > t) high = middle;
        else low = middle + 1;
    }
    return low;
}

/* Whether t is one of ascending times. */
static int is_one_of(const Real *times, int64_t count, double t) {
    const int64_t k = first_above(times, count, t);
    return k > 0 && times[k - 1] == t;
}

/* The drive from t on, up to its next corner, as a straight line: value and time of a point, slope, the time up to which it is
 * looked at, and that corner, which the last step may pass by some roundings. The point is the end that is nearer to 0: rounding then changes no sign there, where devices have kinks. */
static void drive_from(const Sweep *s, double t, double last, Real *line) {
    const int64_t k = first_above(s->corners, s->n_corners, fmin(t, last)) - 1;
    line[0] = s->values[k < 0 ? 0 : k], line[1] = t, line[2] = 0, line[3] = last, line[4] = last;
    if (!s->linear || k < 0 || k >= s->n_corners - 1) return;
    const Real *v = s->values + k, *x = s->corners + k;
    const int end = fabs(v[1]) < fabs(v[0]);
    line[0] = v[end], line[1] = x[end], line[2] = (v[1] - v[0]) / (x[1] - x[0]), line[4] = x[1];
}

/* A positive number rounded to five binary digits behind the first, see `round_bits` in memjax/lanes/xla_adaptive.py. */
static double round_bits(double h) {
    const int drop = 52 - DIGITS;
    return d_of_u(u_of_d(h) + ((uint64_t)1 << (drop - 1)) & ~(((uint64_t)1 << drop) - 1));
}

/* Root of the mean square of errors over their tolerances; infinite where the step has no number. */
static double error_of(const Control *c, const Real *y, const Real *end, const Real *error) {
    double sum = 0;
    int lost = 0;
    for (int k = 0; k < STATES; k++) lost |= is_nan(end[k]);
    for (int k = 0; k < STATES; k++) {
        if (!is_finite(error[k])) return HUGE_VAL;
        const double reached = lost ? 0 : fabs(end[k]), size = fmax(fabs(y[k]), reached);
        const double share = error[k] / (c->atol + c->rtol * size);
        sum += share * share;
    }
    return sqrt(sum / STATES);
}

/* How much longer the next step is to be: PI control; `previous` is one over the error of the last step that was accepted. */
static double factor_of(double error, int keep, double *previous) {
    const int none = !is_finite(error) || error == 0;
    double factor = none ? (keep ? 10.0 : 0.2) : 0.9 * pow_of(1 / error, 0.6 / 3) * pow_of(*previous, -0.3 / 3);
    const double least = keep ? 1.0 : 0.2, most = keep ? 10.0 : 0.9;
    factor = factor < least ? least : factor;
    if (keep) *previous = none ? 1.0 : 1 / error;
    return factor > most ? most : factor;
}

/* By how much the next step within a tick of the clock is to differ from one with such an error. */
static double tick_factor(double error) {
    if (!is_finite(error)) return 0.2;
    const double factor = error == 0 ? 5.0 : 0.9 * pow_of(error, -1.0 / 3);
    return factor < 0.2 ? 0.2 : (factor > 5.0 ? 5.0 : factor);
}

/* Cubic between two states with slopes [per step] at a share s of the step. */
INLINE double cubic(double y0, double y1, double k0, double k1, double s) {
    const double a = k0 + k1 + 2 * y0 - 2 * y1, b = -2 * k0 - k1 - 3 * y0 + 3 * y1;
    return ((a * s + b) * s + k0) * s + y0;
}

/* The rows that lie in a step, and their derivatives where they are wanted. */
static int64_t store_rows(const Sweep *s, const Outputs *f, int64_t row, double t0, double t1, const Real *y, const Real *end,
                          const Real *slopes, const Real *before_step, const Real *after_step, const Real *d_slopes, int derive) {
    for (; row < s->n_rows && s->rows[row] <= t1; row++) {
        const double share = t1 == t0 ? 0 : (s->rows[row] - t0) / (t1 - t0);
        for (int k = 0; k < STATES; k++) f->y[row * STATES + k] = cubic(y[k], end[k], slopes[k], slopes[STATES + k], share);
        Real *to = f->dy + row * STATES * LANES;
        for (int k = 0; derive && k < STATES * LANES; k++)
            to[k] = cubic(before_step[k], after_step[k], d_slopes[k], d_slopes[STATES * LANES + k], share);
    }
    return row;
}

typedef struct { /* a lane on its way: what it was given, where it is, what it tries next */
    Sweep sweep;
    Outputs outputs;
    const Real *leaves, *d_leaves;
    Own own;
    Carry carry;
    _Alignas(64) Real d_start[STATES * LANES], d_end[STATES * LANES], d_error[STATES * LANES], d_slopes[2 * STATES * LANES];
    Real y[STATES], t0, t1, length, step, tried, previous;
    int64_t row, accepted, steps;
} Lane;

typedef struct { /* of one thread: its lanes, the number of each, and what is computed side by side */
    Uniform uniform;
    Lane lanes[STEPS];
    Lane *taken[STEPS];
} Side;

/* Largest ratio of the errors of derivatives to what they may be; a derivative that is not a number has none. */
static double derivative_error(const Lane *a) {
    const double floor = DERIVATIVE_FLOOR;
    double most = 0;
    for (int j = 0; j < LANES; j++) {
        double size = 0, error = 0;
        for (int k = j; k < STATES * LANES; k += LANES) {
            const double before_step = fabs(a->d_start[k]), after_step = fabs(a->d_end[k]), off = fabs(a->d_error[k]);
            size = size > before_step ? size : before_step;
            size = size > after_step ? size : after_step;
            error = error > off ? error : off;
        }
        const double ratio = error / (DERIVATIVE_ERROR * size + floor);
        /* What is no number, of a direction that has none, hides no other. */
        most = ratio > most ? ratio : most;
    }
    return most;
}

/* A step of the derivatives of a lane, and the slopes where they are asked for; the error of those derivatives. */
static double advance_tangents(const Uniform *u, int t, Lane *a, int slopes) {
    Real (*error)[LANES] = (Real (*)[LANES])a->d_error;
    memcpy(a->d_start, a->d_end, sizeof a->d_start);
    for (int k = 0; k < LANES; k += WIDTH)
        if (slopes) advance_some_and_slopes(u, t, &a->own, &a->carry, k, error, (Real (*)[LANES])a->d_slopes);
        else advance_some(u, t, &a->own, &a->carry, k, error);
    store_states(a->d_end, &a->carry);
    return derivative_error(a);
}

/* A lane before its first step. */
static void begin_lane(Lane *a, const Control *control, const Real *y0, const Real *dy0, int derive) {
    const Sweep *s = &a->sweep;
    a->previous = 1, a->row = a->accepted = a->steps = 0, a->t0 = 0, a->t1 = control->first;
    int64_t next = first_above(s->zeros, s->n_zeros, a->t0);
    if (next < s->n_zeros) a->t1 = fmin(a->t1, s->zeros[next]);
    next = first_above(s->corners, s->n_corners, a->t0);
    if (next < s->n_corners) a->t1 = fmin(a->t1, before(s->corners[next]));
    a->t1 = fmin(a->t1, control->end);
    a->tried = a->t1 - a->t0;
    memcpy(a->y, y0, sizeof(Real) * STATES);
    memcpy(a->outputs.steps, y0, sizeof(Real) * STATES);
    a->outputs.t[0] = 0;
    if (derive) {
        load_block(a->leaves, a->d_leaves, dy0, &a->own, &a->carry);
        memcpy(a->outputs.dsteps, dy0, sizeof a->d_start);
        memcpy(a->d_end, dy0, sizeof a->d_start);
    }
    /* Of a lane that begins without numbers nothing is asked. */
    for (int k = 0; k < STATES; k++) a->steps = is_nan(y0[k]) ? control->most_steps : a->steps;
}

/* Whether a lane has steps to take. */
static int goes_on(const Lane *a, const Control *control) { return a->t0 < control->end && a->steps < control->most_steps; }

/* Where a step of a lane, in place t of those side by side, begins and ends. */
static void place_step(Lane *a, const Control *control, int t, Real (*at)[STEPS]) {
    /* Steps shorter than the clock tells apart, see `Resolution` in memjax/solver/rosenbrock.py. */
    a->length = a->t1 > a->t0 ? a->t1 - a->t0 : DBL_EPSILON;
    const int tick = a->length < 1.5 * control->shortest;
    a->step = tick && a->tried < a->length ? a->tried : a->length;
    Real line[5];
    drive_from(&a->sweep, a->t0, control->last, line);
    at[0][t] = a->t0, at[1][t] = a->t1, at[7][t] = a->step;
    for (int k = 0; k < 5; k++) at[2 + k][t] = line[k];
    for (int k = 0; k < STATES; k++) at[8 + k][t] = a->y[k];
}

/* What comes of that step: it is taken or refused, and the next one is chosen. */
static void end_step(Lane *a, const Control *control, int t, const Uniform *u, int derive) {
    const Sweep *s = &a->sweep;
    const Outputs *f = &a->outputs;
    Real out[4 * STATES], *end = out, *slopes = out + STATES;
    const Real *error = out + 3 * STATES;
    const double t0 = a->t0, t1 = a->t1;
    results_of(u, t, out);
    a->steps++;
    const int tick = a->length < 1.5 * control->shortest;
    double off = error_of(control, a->y, end, error);
    int fine = is_finite(off) && off < 1;
    const int clock = tick && !(fine && a->step >= a->length), stays = clock && !fine;
    if (derive && fine) {
        const double ratio = advance_tangents(u, t, a, a->row < s->n_rows && s->rows[a->row] <= t1);
        if (ratio >= 1 && !clock) { /* the derivatives need a shorter step */
            memcpy(a->d_end, a->d_start, sizeof a->d_end);
            load_block(a->leaves, a->d_leaves, a->d_end, &a->own, &a->carry);
            off = ratio, fine = 0;
        }
    }
    const int keep = clock || fine;
    if (keep) a->tried = tick ? a->step * tick_factor(off) : a->length;
    if (stays) {
        memcpy(end, a->y, sizeof(Real) * STATES);
        memset(slopes, 0, sizeof(Real) * 2 * STATES);
    }
    if (clock) off = 0.99;
    double begin = keep ? t1 : t0, stop = begin + (t1 - t0) * factor_of(off, keep, &a->previous);
    stop = begin + fmax(round_bits(stop - begin), control->shortest);
    if (keep) {
        if (derive && stays) {
            memcpy(a->d_start, a->d_end, sizeof a->d_start);
            memset(a->d_slopes, 0, sizeof a->d_slopes);
        }
        a->row = store_rows(s, f, a->row, t0, t1, a->y, end, slopes, a->d_start, a->d_end, a->d_slopes, derive);
        memcpy(a->y, end, sizeof(Real) * STATES);
    }
    /* The next zero, as diffrax's control has it: seen from behind those that were met. */
    double from = is_one_of(s->zeros, s->n_zeros, after(begin)) ? after(after(begin)) : begin;
    from = is_one_of(s->zeros, s->n_zeros, begin) ? after(begin) : from;
    int64_t next = first_above(s->zeros, s->n_zeros, from);
    if (next < s->n_zeros) stop = fmin(stop, s->zeros[next]);
    /* From just before a corner on to just behind it. */
    from = is_one_of(s->corners, s->n_corners, after(begin)) ? after(after(begin)) : begin;
    begin = is_one_of(s->corners, s->n_corners, begin) ? after(begin) : from;
    stop = fmax(after(begin), stop);
    next = first_above(s->corners, s->n_corners, begin);
    if (next < s->n_corners) stop = fmin(stop, before(s->corners[next]));
    a->t0 = fmin(begin, control->end);
    a->t1 = stop > control->floor ? (keep ? control->end : a->t0 + 0.5 * (control->end - a->t0)) : stop;
    if (!keep) return;
    a->accepted++;
    if (!control->keeps_steps) return;
    f->t[a->accepted] = a->t0;
    memcpy(f->steps + a->accepted * STATES, a->y, sizeof(Real) * STATES);
    if (derive) memcpy(f->dsteps + a->accepted * STATES * LANES, a->d_end, sizeof a->d_end);
}

/* What a lane gives where it has ended; nothing beyond. */
static void end_lane(const Lane *a, const Control *control, int derive) {
    const Outputs *f = &a->outputs;
    const int64_t n_rows = a->sweep.n_rows;
    const uint64_t infinity = BITS_OF_INFINITY;
    const int64_t kept = control->keeps_steps ? control->most_steps : 0;
    for (int64_t k = a->accepted + 1; k <= kept; k++) memcpy(f->t + k, &infinity, sizeof infinity);
    for (int64_t k = a->row * STATES; k < n_rows * STATES; k++) memcpy(f->y + k, &infinity, sizeof infinity);
    if (derive) memset(f->dy + a->row * STATES * LANES, 0, sizeof(Real) * (n_rows - a->row) * STATES * LANES);
    f->last[0] = a->t0;
    memcpy(f->last + 1, a->y, sizeof(Real) * STATES);
    f->counts[0] = a->accepted, f->counts[1] = a->steps - a->accepted;
    f->counts[2] = a->t0 < control->end ? STEP_LIMIT : SUCCESSFUL;
}

typedef struct { /* what threads share */
    XLA_FFI_Buffer **args, **rets;
    Side *sides;
    int64_t each, sides_taken, next; /* lanes side by side, sides that threads have taken, lane that none has taken */
} Work;

/* A lane of a call. */
static void read_lane(const Work *work, int64_t lane, const Control *control, Lane *a) {
    XLA_FFI_Buffer **args = work->args, **rets = work->rets;
    const int32_t *whole = args[1]->data;
    const int64_t k = lane % args[2]->dims[0], steps = control->keeps_steps ? control->most_steps + 1 : 1;
    const int64_t n_corners = args[2]->dims[1], n_zeros = args[4]->dims[1], n_rows = args[5]->dims[1];
    const int64_t derive = whole[3], wide = derive ? STATES * LANES : 0;
    a->sweep = (Sweep){(const Real *)args[2]->data + k * n_corners, (const Real *)args[3]->data + k * n_corners,
                       (const Real *)args[4]->data + k * n_zeros, (const Real *)args[5]->data + k * n_rows,
                       n_corners, n_zeros, n_rows, whole[2]};
    a->outputs = (Outputs){(Real *)rets[0]->data + lane * n_rows * STATES, (Real *)rets[1]->data + lane * n_rows * wide,
                           (Real *)rets[2]->data + lane * steps, (Real *)rets[3]->data + lane * steps * STATES,
                           (Real *)rets[4]->data + lane * steps * wide, (Real *)rets[5]->data + lane * (STATES + 1),
                           (int32_t *)rets[6]->data + lane * 3};
    a->leaves = (const Real *)args[6]->data + lane * NUMBERS;
    a->d_leaves = (const Real *)args[8]->data + (derive ? lane * OWNS * LANES : 0);
    begin_lane(a, control, (const Real *)args[7]->data + lane * STATES, (const Real *)args[9]->data + lane * wide, derive);
}

static void *run(void *argument) {
    Work *work = argument;
    const Real *numbers = work->args[0]->data;
    const int32_t *whole = work->args[1]->data;
    const int64_t lanes = work->args[7]->dims[0];
    const int derive = whole[3];
    Control control = {numbers[0], numbers[1], numbers[2], numbers[2], numbers[3], before(numbers[4]), numbers[5], whole[0], whole[4]};
    for (int k = 0; k < 100; k++) control.floor = before(control.floor);
    Side *side = work->sides + __atomic_fetch_add(&work->sides_taken, 1, __ATOMIC_RELAXED);
    Lane **taken = side->taken;
    for (int t = 0; t < STEPS; t++) taken[t] = &side->lanes[t];
    for (int n = 0, left = 1;;) {
        while (left && n < work->each) {
            const int64_t lane = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED);
            if (!(left = lane < lanes)) break;
            read_lane(work, lane, &control, taken[n]);
            if (!goes_on(taken[n], &control)) end_lane(taken[n], &control, derive);
            else load_parameters(taken[n]->leaves, n, &side->uniform), n++;
        }
        if (!n) break;
        for (int t = 0; t < n; t++) place_step(taken[t], &control, t, side->uniform.at);
        /* Whole vectors, whatever stands in the places beyond. */
        prepare_uniform(&side->uniform);
        if (derive) prepare_tangents(&side->uniform);
        for (int t = 0; t < n; t++) end_step(taken[t], &control, t, &side->uniform, derive);
        for (int t = n - 1; t >= 0; t--) {
            if (goes_on(taken[t], &control)) continue;
            Lane *done = taken[t];
            end_lane(done, &control, derive);
            /* The last one takes its place. */
            taken[t] = taken[--n], taken[n] = done;
            if (t < n) load_parameters(taken[t]->leaves, t, &side->uniform);
        }
    }
    return NULL;
}

static int fits(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args;
    const int64_t wide = ((int32_t *)args[1]->data)[3] ? LANES : 0, lanes = args[7]->dims[0];
    return args[6]->dims[0] == lanes && args[6]->dims[1] == NUMBERS && args[7]->dims[1] == STATES && args[8]->dims[0] == lanes &&
           args[8]->dims[1] == OWNS && args[8]->dims[2] == wide && args[9]->dims[0] == lanes && args[9]->dims[2] == wide;
}

static int run_all(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args;
    const int64_t usable = ((int32_t *)args[1]->data)[1], lanes = args[7]->dims[0];
    int64_t threads = usable < lanes ? usable : lanes;
    threads = threads < 1 ? 1 : (threads < MOST_THREADS ? threads : MOST_THREADS);
    const int64_t share = (lanes + threads - 1) / threads;
    Side *sides = aligned_alloc(64, sizeof(Side) * threads);
    if (!sides) return 0;
    memset(sides, 0, sizeof(Side) * threads);
    Work work = {args, (XLA_FFI_Buffer **)frame->rets.rets, sides, share < STEPS ? share : STEPS, 0, 0};
    run_in_threads(run, &work, threads);
    free(sides);
    return 1;
}
