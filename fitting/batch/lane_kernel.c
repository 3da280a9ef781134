/* The fixed part of a kernel of lanes: each lane its own device on its own grid of steps, some of them together in whole vectors.
 *
 * Before it stands what is generated of the equations (see memjax/compiled/program.py): the struct types Own, Carry and
 * Uniform, `prepare_uniform`, `load_block`, `store_states` and `advance_block`, and the constants OWNS, CARRIES, SEEN and PATH.
 */

enum { PLACES = 4, BEFORE = 2 + PLACES };

/* Number of steps after which the last row of some lanes is reached. */
static int64_t steps_of(const int32_t *at, int64_t rows, int64_t n) {
    int64_t most = 0;
    for (int64_t j = 0; j < n; j++) most = at[j * rows + rows - 1] > most ? at[j * rows + rows - 1] : most;
    return most;
}

/* States after a step at those rows of each lane that lie there, and where PATH after every step. */
static void store_rows(XLA_FFI_Buffer **rets, const Shape *shape, int64_t lane, int64_t n, int64_t step, const int32_t *at,
                       int64_t *next, const Carry *c) {
    Real *rows = rets[0]->data, *path = PATH ? rets[1 + SEEN]->data : NULL;
    for (int64_t j = 0; j < n; j++) {
        const int64_t along = shape->steps + 1;
        if (PATH) store_states(path + (lane + j) * along + step, shape->lanes * along, j, c);
        while (next[j] < shape->rows && at[j * shape->rows + next[j]] == step)
            store_states(rows + (lane + j) * shape->rows + next[j]++, shape->lanes * shape->rows, j, c);
    }
}

static void run_block(const Uniform *uniform, XLA_FFI_Buffer **args, XLA_FFI_Buffer **rets, const Shape *shape, int64_t lane,
                      int64_t n) {
    const Real *constant = args[0]->data;
    const int32_t *at = (const int32_t *)args[1]->data + lane * shape->rows;
    Own o;
    Carry c;
    Places places;
    int64_t next[LANES] = {0};
    load_block(constant, args + BEFORE, args + BEFORE + OWNS, lane, n, &o, &c);
    store_rows(rets, shape, lane, n, 0, at, next, &c);
    const int64_t steps = steps_of(at, shape->rows, n);
    for (int64_t s = 0; s < steps; s++) {
        for (int64_t k = 0; k < PLACES; k++) {
            const Real *from = (const Real *)args[2 + k]->data + s * shape->lanes + lane;
            for (int64_t j = 0; j < LANES; j++) places.of[k][j] = from[j < n ? j : n - 1];
        }
        advance_block(uniform, &places, 0, &o, &c);
        store_rows(rets, shape, lane, n, s + 1, at, next, &c);
        for (int64_t k = 0; k < SEEN; k++) {
            Real *to = (Real *)rets[1 + k]->data + s * shape->lanes + lane;
            for (int64_t j = 0; j < n; j++) to[j] = places.seen[k][j];
        }
        for (int64_t j = 0; j < n; j++) {
            const uint64_t none = 0x7FF8000000000000u; /* what is no number */
            if (c.broken[j]) memcpy((Real *)rets[1]->data + s * shape->lanes + lane + j, &none, 8);
        }
    }
}

/* Whether all arrays are as the text takes them: of others it would read numbers that mean something else. */
static int fits(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args, **rets = (XLA_FFI_Buffer **)frame->rets.rets;
    if (frame->args.size != BEFORE + OWNS + CARRIES || frame->rets.size != 1 + SEEN + PATH) return 0;
    if (args[1]->rank != 2 || args[2]->rank != 2 || size_of(args[0]) != CONSTANTS) return 0;
    const int64_t lanes = args[1]->dims[0], rows = args[1]->dims[1], steps = args[2]->dims[0];
    int good = size_of(rets[0]) == CARRIES * lanes * rows;
    for (int64_t k = 0; k < PLACES; k++) good &= args[2 + k]->dims[1] == lanes && size_of(args[2 + k]) == steps * lanes;
    for (int64_t k = BEFORE; k < BEFORE + OWNS + CARRIES; k++) good &= size_of(args[k]) == lanes;
    for (int64_t k = 0; k < SEEN; k++) good &= size_of(rets[1 + k]) == steps * lanes;
    return good && (!PATH || size_of(rets[1 + SEEN]) == CARRIES * lanes * (steps + 1));
}

XLA_FFI_Error *memjax_kernel(XLA_FFI_CallFrame *frame) {
    if (tell_version(frame)) return NULL;
    if (frame->stage != XLA_FFI_ExecutionStage_EXECUTE) return NULL;
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args, **rets = (XLA_FFI_Buffer **)frame->rets.rets;
    if (!fits(frame))
        return fail(frame, XLA_FFI_Error_Code_INVALID_ARGUMENT, "lanes of other equations than their kernel's");
    const Shape shape = {args[2]->dims[1], args[2]->dims[0], args[1]->dims[1]};
    const uint32_t mode = flush_denormals();
    for (int64_t k = 0; k < 1 + SEEN + PATH; k++) memset(rets[k]->data, 0, size_of(rets[k]) * sizeof(Real));
    Uniform uniform;
    prepare_uniform(args[0]->data, 0, 0, &uniform);
    for (int64_t lane = 0; lane < shape.lanes; lane += LANES)
        run_block(&uniform, args, rets, &shape, lane, shape.lanes - lane < LANES ? shape.lanes - lane : LANES);
    restore(mode);
    return NULL;
}
