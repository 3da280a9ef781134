/* The fixed part of an ensemble's kernel: lanes in blocks, which advance alone over many steps in the first-level cache.
 *
 * Before it stands what is generated of the equations (see memjax/compiled/program.py): the struct types Own, Carry and
 * Uniform, `prepare_uniform`, `load_block`, `store_states`, `advance_block` and `has_numbers`, and the constants used
 * below.
 */

#include <pthread.h>

enum { MOST_THREADS = 256 };

typedef struct { /* what a thread does */
    XLA_FFI_Buffer **args, **rets;
    int64_t first_group, end_group;
    int fine;
} Share;

/* All steps of some groups of lanes; not `fine` where there is no memory for it. */
static void *run(void *argument) {
    Share *share = argument;
    const uint32_t mode = flush_denormals();
    XLA_FFI_Buffer **rets = share->rets;
    const Real *constant = share->args[0]->data;
    const int32_t number = *(int32_t *)share->args[1]->data;
    XLA_FFI_Buffer **places = share->args + 3, **own = places + PLACES, **begin = own + OWNS;
    const int64_t lanes = size_of(begin[0]), steps = size_of(places[0]), rows = size_of(rets[0]) / lanes, each = steps / rows;
    int32_t *broken = rets[2 * CARRIES]->data;
    Uniform *uniform = malloc(sizeof *uniform);
    share->fine = uniform != NULL;
    for (int64_t s = 0; share->fine && s < steps; s += STEPS) {
        const int32_t count = steps - s < STEPS ? steps - s : STEPS;
        prepare_uniform(constant, places, s, number, count, uniform);
        for (int64_t g = share->first_group; g < share->end_group; g++) {
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
    free(uniform);
    restore(mode);
    return NULL;
}

/* Groups of lanes, a share of them in each thread. */
static int run_all(XLA_FFI_Buffer **args, XLA_FFI_Buffer **rets) {
    const int64_t lanes = size_of(args[3 + PLACES + OWNS]), groups = (lanes + LANES - 1) / LANES;
    int64_t threads = *(int32_t *)args[2]->data;
    threads = threads < groups ? threads : groups;
    threads = threads < MOST_THREADS ? threads : MOST_THREADS;
    Share shares[MOST_THREADS];
    pthread_t others[MOST_THREADS];
    int started[MOST_THREADS] = {0}, fine = 1;
    for (int64_t k = 0; k < threads; k++) {
        shares[k] = (Share){args, rets, k * groups / threads, (k + 1) * groups / threads, 0};
        if (k) started[k] = pthread_create(&others[k], NULL, run, &shares[k]) == 0;
    }
    for (int64_t k = 0; k < threads; k++)
        if (!started[k]) run(&shares[k]);
    for (int64_t k = 0; k < threads; k++) {
        if (started[k]) pthread_join(others[k], NULL);
        fine = fine && shares[k].fine;
    }
    return fine;
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
