/* The driver of equal steps between rows: lanes in blocks, which advance alone over many steps in the first-level cache.
 *
 * Before it stands what is generated of the equations (see memjax/lanes/cc/source.py): the struct types Own, Carry and
 * Uniform, `prepare_uniform`, `load_block`, `store_states`, `advance_block`, `watch_block` and `largest_state`, and the
 * constants used below.
 */

enum { SHARES = 16 };

typedef struct { /* what all threads do, in shares that each takes when it has done its last */
    XLA_FFI_Buffer **args, **rets;
    int64_t groups, shares, next;
} Work;

/* How lanes stand: as they did, unless that was well and states are no numbers or have run away. Not part of the loop over
 * steps, whose numbers would else leave their registers for it. */
static NOINLINE void look_at_states(Carry *restrict c, int32_t *restrict code) {
WHOLE_VECTORS
    for (int j = 0; j < LANES; j++) {
        const Real size = largest_state(c, j);
        const int32_t lost = (c->broken[j] != 0) | !is_finite(size), far = size > LARGEST;
        const int32_t now = lost ? NOT_FINITE : (far ? RUNAWAY : 0);
        code[j] = code[j] ? code[j] : now;
    }
}

/* All steps of some groups of lanes; states and rates are looked at every so many steps, `size`. */
static void advance_groups(const Work *work, int64_t first_group, int64_t end_group, Uniform *uniform) {
    XLA_FFI_Buffer **rets = work->rets;
    const Real *constant = work->args[0]->data;
    const int32_t *whole = work->args[1]->data, number = whole[0], size = whole[1];
    XLA_FFI_Buffer **places = work->args + 2, **own = places + PLACES, **begin = own + OWNS;
    const int64_t lanes = size_of(begin[0]), steps = size_of(places[0]), rows = size_of(rets[0]) / lanes, each = steps / rows;
    int32_t *result = rets[2 * CARRIES]->data;
    Real *stiff[2] = {rets[2 * CARRIES + 1]->data, rets[2 * CARRIES + 2]->data};
    for (int64_t s = 0; s < steps; s += STEPS) {
        const int32_t count = steps - s < STEPS ? steps - s : STEPS;
        prepare_uniform(constant, places, s, number, count, uniform);
        for (int64_t g = first_group; g < end_group; g++) {
            const int64_t lane = g * LANES, n = lanes - lane < LANES ? lanes - lane : LANES;
            _Alignas(64) Real stiffness[2][LANES] = {{0}};
            _Alignas(64) int32_t code[LANES] = {0};
            Own o;
            Carry c;
            load_block(constant, own, s ? rets + CARRIES : begin, lane, n, &o, &c);
            for (int64_t j = 0; s && j < n; j++) {
                code[j] = result[lane + j];
                for (int k = 0; k < 2; k++) stiffness[k][j] = stiff[k][lane + j];
            }
            /* In stretches up to the next look or row, without calls: they would empty the registers in each step. */
            int64_t to_look = size - s % size, to_row = each - s % each;
            for (int32_t t = 0; t < count;) {
                if (to_look == size) watch_block(uniform, t, &o, &c, code, stiffness);
                const int64_t left = to_look < to_row ? to_look : to_row, stretch = left < count - t ? left : count - t;
                for (const int32_t end = t + stretch; t < end; t++) advance_block(uniform, t, &o, &c);
                if ((to_look -= stretch) == 0) look_at_states(&c, code), to_look = size;
                if ((to_row -= stretch) == 0) store_states(rets, (s + t - 1) / each * lanes + lane, n, &c), to_row = each;
            }
            store_states(rets + CARRIES, lane, n, &c);
            for (int64_t j = 0; j < n; j++) {
                result[lane + j] = code[j] || !c.broken[j] ? code[j] : NOT_FINITE;
                for (int k = 0; k < 2; k++) stiff[k][lane + j] = stiffness[k][j];
            }
        }
    }
}

/* Shares one after the other until none is left; none where there is no memory for it. */
static void *run(void *argument) {
    Work *work = argument;
    Uniform *uniform = malloc(sizeof *uniform);
    for (int64_t k; uniform && (k = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED)) < work->shares;)
        advance_groups(work, k * work->groups / work->shares, (k + 1) * work->groups / work->shares, uniform);
    free(uniform);
    return NULL;
}

/* Whether all lanes were advanced: cores of unlike speed (neighbours on a shared machine) end together. */
static int run_all(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args;
    const int64_t groups = (size_of(args[2 + PLACES + OWNS]) + LANES - 1) / LANES;
    const int64_t usable = ((int32_t *)args[1]->data)[2], threads = usable < groups ? usable : groups;
    /* One thread has nothing to share: each share computes anew what all lanes have in common. */
    const int64_t shares = threads > 1 ? threads * SHARES : 1;
    Work work = {args, (XLA_FFI_Buffer **)frame->rets.rets, groups, shares < groups ? shares : groups, 0};
    run_in_threads(run, &work, threads);
    return work.next >= work.shares; /* a thread that had no memory left its share to the others */
}

static int fits(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args, **rets = (XLA_FFI_Buffer **)frame->rets.rets;
    if (frame->args.size != 2 + PLACES + OWNS + CARRIES || frame->rets.size != 2 * CARRIES + 3) return 0;
    XLA_FFI_Buffer **places = args + 2, **own = places + PLACES;
    const int64_t steps = size_of(places[0]), lanes = size_of(own[OWNS]), cells = size_of(rets[0]);
    const int fine = size_of(args[0]) >= CONSTANTS && size_of(args[1]) == 3 && lanes > 0 && cells && cells % lanes == 0;
    return fine && steps % (cells / lanes) == 0 && are_of(places, PLACES, steps) && are_of(own, OWNS + CARRIES, lanes) &&
           are_of(rets, CARRIES, cells) && are_of(rets + CARRIES, CARRIES + 3, lanes);
}
