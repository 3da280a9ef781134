/* The fixed part of an ensemble's kernel: lanes in blocks, which advance alone over many steps in the first-level cache.
 *
 * Before it stands what is generated of the equations (see memjax/compiled/program.py): the struct types Own, Carry and
 * Uniform, `prepare_uniform`, `load_block`, `store_states`, `advance_block` and `has_numbers`, and the constants used
 * below.
 */

enum { SHARES = 16 };

typedef struct { /* what all threads do, in shares that each takes when it has done its last */
    XLA_FFI_Buffer **args, **rets;
    int64_t groups, shares, next;
} Work;

/* All steps of some groups of lanes. */
static void advance_groups(const Work *work, int64_t first_group, int64_t end_group, Uniform *uniform) {
    XLA_FFI_Buffer **rets = work->rets;
    const Real *constant = work->args[0]->data;
    const int32_t number = *(int32_t *)work->args[1]->data;
    XLA_FFI_Buffer **places = work->args + 3, **own = places + PLACES, **begin = own + OWNS;
    const int64_t lanes = size_of(begin[0]), steps = size_of(places[0]), rows = size_of(rets[0]) / lanes, each = steps / rows;
    int32_t *broken = rets[2 * CARRIES]->data;
    for (int64_t s = 0; s < steps; s += STEPS) {
        const int32_t count = steps - s < STEPS ? steps - s : STEPS;
        prepare_uniform(constant, places, s, number, count, uniform);
        for (int64_t g = first_group; g < end_group; g++) {
            const int64_t lane = g * LANES, n = lanes - lane < LANES ? lanes - lane : LANES;
            Own o;
            Carry c;
            load_block(constant, own, s ? rets + CARRIES : begin, lane, n, &o, &c);
            for (int32_t t = 0; t < count; t++) {
                advance_block(uniform, t, &o, &c);
                if ((s + t + 1) % each == 0) {
                    store_states(rets, (s + t) / each * lanes + lane, n, &c);
                    for (int64_t j = 0; j < n; j++) c.broken[j] |= !has_numbers(&c, j);
                }
            }
            store_states(rets + CARRIES, lane, n, &c);
            for (int64_t j = 0; j < n; j++) broken[lane + j] = (s ? broken[lane + j] : 0) | c.broken[j];
        }
    }
}

/* Shares one after the other until none is left; none where there is no memory for it. */
static void *run(void *argument) {
    Work *work = argument;
    const uint32_t mode = flush_denormals();
    Uniform *uniform = malloc(sizeof *uniform);
    for (int64_t k; uniform && (k = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED)) < work->shares;)
        advance_groups(work, k * work->groups / work->shares, (k + 1) * work->groups / work->shares, uniform);
    free(uniform);
    restore(mode);
    return NULL;
}

/* Whether all lanes were advanced: cores of unlike speed (neighbours on a shared machine) end together. */
static int run_all(XLA_FFI_Buffer **args, XLA_FFI_Buffer **rets) {
    const int64_t lanes = size_of(args[3 + PLACES + OWNS]), groups = (lanes + LANES - 1) / LANES;
    const int64_t usable = *(int32_t *)args[2]->data, threads = usable < groups ? usable : groups;
    /* One thread has nothing to share: each share computes anew what all lanes have in common. */
    const int64_t shares = threads > 1 ? threads * SHARES : 1;
    Work work = {args, rets, groups, shares < groups ? shares : groups, 0};
    run_in_threads(run, &work, threads);
    return work.next >= work.shares; /* a thread that had no memory left its share to the others */
}

XLA_FFI_Error *memjax_kernel(XLA_FFI_CallFrame *frame) {
    if (tell_version(frame)) return NULL;
    if (frame->stage != XLA_FFI_ExecutionStage_EXECUTE) return NULL;
    /* Of a drive that has more parts than the text knows the second would be read as the next number. */
    if (frame->args.size != 3 + PLACES + OWNS + CARRIES)
        return fail(frame, XLA_FFI_Error_Code_INVALID_ARGUMENT, "an ensemble of other equations than its kernel's");
    const int fine = run_all((XLA_FFI_Buffer **)frame->args.args, (XLA_FFI_Buffer **)frame->rets.rets);
    return fine ? NULL : fail(frame, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED, "no memory for an ensemble");
}
