/* The fixed part of a kernel of adaptive solves: each lane alone, as diffrax takes its steps (see memjax/simulate/adaptive.py).
 *
 * Before it stands what is generated of the equations: the struct types Own, Carry and Uniform, `prepare_uniform`, which
 * takes a step of the state, `results_of`, which reads what it gives, `load_tangents`, `store_tangents`, and
 * `advance_tangents` and `advance_tangents_and_slopes`, which take a step of derivatives along LANES directions at once;
 * and STATES, OWNS, NUMBERS.
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

/* A positive number rounded to five binary digits behind the first, see `_round_bits` there. */
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
    double factor = none ? (keep ? 10.0 : 0.2) : 0.9 * pow(1 / error, 0.6 / 3) * pow(*previous, -0.3 / 3);
    const double least = keep ? 1.0 : 0.2, most = keep ? 10.0 : 0.9;
    factor = factor < least ? least : factor;
    if (keep) *previous = none ? 1.0 : 1 / error;
    return factor > most ? most : factor;
}

/* By how much the next step within a tick of the clock is to differ from one with such an error. */
static double tick_factor(double error) {
    if (!is_finite(error)) return 0.2;
    const double factor = error == 0 ? 5.0 : 0.9 * pow(error, -1.0 / 3);
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

/* All of a lane. */
static void solve_lane(const Sweep *s, const Control *control, const Real *leaves, const Real *d_leaves, const Real *y0,
                       const Real *dy0, const Outputs *f, int derive) {
    Uniform u;
    Own own;
    Carry carry;
    _Alignas(64) Real d_start[STATES * LANES], d_end[STATES * LANES], d_slopes[2 * STATES * LANES];
    Real at[8 + STATES], *y = at + 8, out[4 * STATES], previous = 1;
    Real *end = out, *slopes = out + STATES;
    const Real *error = out + 3 * STATES;
    int64_t row = 0, accepted = 0, steps = 0;
    double t0 = 0, t1 = control->first;
    int64_t next = first_above(s->zeros, s->n_zeros, t0);
    if (next < s->n_zeros) t1 = fmin(t1, s->zeros[next]);
    next = first_above(s->corners, s->n_corners, t0);
    if (next < s->n_corners) t1 = fmin(t1, before(s->corners[next]));
    t1 = fmin(t1, control->end);
    double tried = t1 - t0;
    memcpy(y, y0, sizeof(Real) * STATES);
    memcpy(f->steps, y0, sizeof(Real) * STATES);
    f->t[0] = 0;
    if (derive) {
        load_tangents(leaves, d_leaves, dy0, &own, &carry);
        memcpy(f->dsteps, dy0, sizeof d_start);
        memcpy(d_end, dy0, sizeof d_start);
    }
    /* Of a lane that begins without numbers nothing is asked. */
    for (int k = 0; k < STATES; k++) steps = is_nan(y0[k]) ? control->most_steps : steps;
    for (; t0 < control->end && steps < control->most_steps; steps++) {
        /* Steps shorter than the clock tells apart, see `Resolution` in memjax/solver/rosenbrock.py. */
        const double length = t1 > t0 ? t1 - t0 : DBL_EPSILON;
        const int tick = length < 1.5 * control->shortest;
        const double step = tick && tried < length ? tried : length;
        at[0] = t0, at[1] = t1, at[7] = step;
        drive_from(s, t0, control->last, at + 2);
        prepare_uniform(leaves, at, 1, &u);
        results_of(&u, out);
        double off = error_of(control, y, end, error);
        const int fine = is_finite(off) && off < 1, clock = tick && !(fine && step >= length);
        const int stays = clock && !fine, keep = clock || fine;
        if (keep) tried = tick ? step * tick_factor(off) : length;
        if (stays) {
            memcpy(end, y, sizeof(Real) * STATES);
            memset(slopes, 0, sizeof(Real) * 2 * STATES);
        }
        if (clock) off = 0.99;
        double begin = keep ? t1 : t0, stop = begin + (t1 - t0) * factor_of(off, keep, &previous);
        stop = begin + fmax(round_bits(stop - begin), control->shortest);
        if (keep) {
            const int seen = row < s->n_rows && s->rows[row] <= t1;
            if (derive) {
                memcpy(d_start, d_end, sizeof d_start);
                if (stays) memset(d_slopes, 0, sizeof d_slopes);
                else if (seen) advance_tangents_and_slopes(&u, 0, &own, &carry, (Real (*)[LANES])d_slopes);
                else advance_tangents(&u, 0, &own, &carry);
                store_tangents(&carry, d_end);
            }
            row = store_rows(s, f, row, t0, t1, y, end, slopes, d_start, d_end, d_slopes, derive);
            memcpy(y, end, sizeof(Real) * STATES);
        }
        /* The next zero, as diffrax's control has it: seen from behind those that were met. */
        double from = is_one_of(s->zeros, s->n_zeros, after(begin)) ? after(after(begin)) : begin;
        from = is_one_of(s->zeros, s->n_zeros, begin) ? after(begin) : from;
        next = first_above(s->zeros, s->n_zeros, from);
        if (next < s->n_zeros) stop = fmin(stop, s->zeros[next]);
        /* From just before a corner on to just behind it. */
        from = is_one_of(s->corners, s->n_corners, after(begin)) ? after(after(begin)) : begin;
        begin = is_one_of(s->corners, s->n_corners, begin) ? after(begin) : from;
        stop = fmax(after(begin), stop);
        next = first_above(s->corners, s->n_corners, begin);
        if (next < s->n_corners) stop = fmin(stop, before(s->corners[next]));
        t0 = fmin(begin, control->end);
        t1 = stop > control->floor ? (keep ? control->end : t0 + 0.5 * (control->end - t0)) : stop;
        if (!keep) continue;
        accepted++;
        f->t[accepted] = t0;
        memcpy(f->steps + accepted * STATES, y, sizeof(Real) * STATES);
        if (derive) memcpy(f->dsteps + accepted * STATES * LANES, d_end, sizeof d_end);
    }
    const uint64_t infinity = BITS_OF_INFINITY;
    for (int64_t k = accepted + 1; k <= control->most_steps; k++) memcpy(f->t + k, &infinity, sizeof infinity);
    for (int64_t k = row * STATES; k < s->n_rows * STATES; k++) memcpy(f->y + k, &infinity, sizeof infinity);
    if (derive) memset(f->dy + row * STATES * LANES, 0, sizeof(Real) * (s->n_rows - row) * STATES * LANES);
    f->last[0] = t0;
    memcpy(f->last + 1, y, sizeof(Real) * STATES);
    f->counts[0] = accepted, f->counts[1] = steps - accepted, f->counts[2] = t0 < control->end ? STEP_LIMIT : SUCCESSFUL;
}

typedef struct { /* what threads share */
    XLA_FFI_Buffer **args, **rets;
    int64_t next; /* lane that no thread has taken */
} Work;

static void *run(void *argument) {
    Work *work = argument;
    XLA_FFI_Buffer **args = work->args, **rets = work->rets;
    const uint32_t mode = flush_denormals();
    const Real *numbers = args[0]->data;
    const int32_t *whole = args[1]->data;
    const int64_t lanes = args[7]->dims[0], sweeps = args[2]->dims[0], most = whole[0];
    const int derive = whole[3];
    const int64_t n_corners = args[2]->dims[1], n_zeros = args[4]->dims[1], n_rows = args[5]->dims[1];
    Control control = {numbers[0], numbers[1], numbers[2], numbers[2], numbers[3], before(numbers[4]), numbers[5], most};
    for (int k = 0; k < 100; k++) control.floor = before(control.floor);
    for (;;) {
        const int64_t lane = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED), k = lane % sweeps;
        if (lane >= lanes) break;
        const Sweep sweep = {(const Real *)args[2]->data + k * n_corners, (const Real *)args[3]->data + k * n_corners,
                             (const Real *)args[4]->data + k * n_zeros, (const Real *)args[5]->data + k * n_rows,
                             n_corners, n_zeros, n_rows, whole[2]};
        const int64_t steps = most + 1, wide = derive ? STATES * LANES : 0;
        const Outputs outputs = {(Real *)rets[0]->data + lane * n_rows * STATES, (Real *)rets[1]->data + lane * n_rows * wide,
                             (Real *)rets[2]->data + lane * steps, (Real *)rets[3]->data + lane * steps * STATES,
                             (Real *)rets[4]->data + lane * steps * wide, (Real *)rets[5]->data + lane * (STATES + 1),
                             (int32_t *)rets[6]->data + lane * 3};
        solve_lane(&sweep, &control, (const Real *)args[6]->data + lane * NUMBERS,
                   (const Real *)args[8]->data + (derive ? lane * OWNS * LANES : 0), (const Real *)args[7]->data + lane * STATES,
                   (const Real *)args[9]->data + lane * wide, &outputs, derive);
    }
    restore(mode);
    return NULL;
}

XLA_FFI_Error *memjax_kernel(XLA_FFI_CallFrame *frame) {
    if (tell_version(frame)) return NULL;
    if (frame->stage != XLA_FFI_ExecutionStage_EXECUTE) return NULL;
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args;
    Work work = {args, (XLA_FFI_Buffer **)frame->rets.rets, 0};
    const int32_t *whole = args[1]->data;
    const int64_t wide = whole[3] ? LANES : 0, lanes = args[7]->dims[0];
    if (args[6]->dims[0] != lanes || args[6]->dims[1] != NUMBERS || args[7]->dims[1] != STATES || args[8]->dims[0] != lanes ||
        args[8]->dims[1] != OWNS || args[8]->dims[2] != wide || args[9]->dims[0] != lanes || args[9]->dims[2] != wide)
        return fail(frame, XLA_FFI_Error_Code_INVALID_ARGUMENT, "lanes of other equations than their kernel's");
    run_in_threads(run, &work, whole[1] < lanes ? whole[1] : lanes);
    return NULL;
}
