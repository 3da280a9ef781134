/* The driver of an exchange interval: what arrives at each block of lanes in each step, and the call by XLA.
 *
 * Before it stands what is generated for one kind of neuron (see source.py): the struct types Own, Carry and Uniform,
 * `prepare_uniform`, `load_block`, `store_states` and `advance_block`, and the constants used below.
 * Nothing passes between neurons sooner than the delay, so that LANES of them advance alone over all steps of an
 * exchange interval, in the first-level cache; lists of what arrives, in order of steps, take the place of arrays of it.
 */

typedef struct { int32_t step, lane; float weight; } Event;
typedef struct { /* at one receptor: an array over all steps, or lists by groups of lanes */
    const float *dense;
    Event *event;
    int64_t *begin; /* the events of group g are begin[g] to begin[g + 1] */
} Arrivals;

typedef struct { /* spikes of some exchange intervals ago, due through a table of connections */
    int32_t table, ago, count;
    const int32_t *number, *step;
} List;

typedef struct { /* a spike that is due: of a table of connections, and its step, counted from this interval */
    int32_t table, number, step;
} Due;

enum { NO_NUMBER = 0x7FC00000 };
enum { ARRAYS = 7 }; /* of a table: rows, targets, weights, delays; numbers, steps and counts of spikes by interval */

static void *memory(size_t count, size_t size) { return malloc(count * size + 1); }

/* Lane of a place in arrivals that lie block by block, and in a block step by step. */
static inline int32_t lane_of(int32_t place) { return place / (STEPS * BLOCK) * BLOCK + place % BLOCK; }

/* Lists of spikes that may arrive at a receptor in an interval, earlier ones of a table first; how many. */
static int list_lists(XLA_FFI_Buffer **tables, int receptor, int32_t interval, List *list) {
    int n = 0;
    for (int k = 0; k < TABLES; k++) {
        if (RECEPTOR_OF_TABLE[k] != receptor) continue;
        XLA_FFI_Buffer **t = tables + ARRAYS * k;
        const int64_t kept = t[4]->dims[0], room = t[4]->dims[1];
        for (int ago = LATEST_OF_TABLE[k]; ago >= EARLIEST_OF_TABLE[k]; ago--, n++) {
            const int64_t slot = ((interval - ago) % kept + kept) % kept;
            list[n] = (List){k, ago, ((int32_t *)t[6]->data)[slot], (int32_t *)t[4]->data + slot * room,
                             (int32_t *)t[5]->data + slot * room};
        }
    }
    return n;
}

/* Spikes of lists in order of their steps, those of one step in order of lists; the place after the last. */
static Due *put_in_order(const List *list, const List *end, Due *due) {
    int64_t begin[STEPS + 1];
    memset(begin, 0, sizeof begin);
    for (const List *l = list; l < end; l++)
        for (int32_t j = 0; j < l->count; j++) begin[l->step[j] + 1]++;
    for (int t = 0; t < STEPS; t++) begin[t + 1] += begin[t];
    for (const List *l = list; l < end; l++) {
        const int32_t since = LATER_OF_TABLE[l->table] - l->ago * STEPS;
        for (int32_t j = 0; j < l->count; j++)
            due[begin[l->step[j]]++] = (Due){l->table, l->number[j], l->step[j] + since};
    }
    return due + begin[STEPS];
}

/* All spikes that may arrive at a receptor in an interval, and how many. */
static Due *list_due(XLA_FFI_Buffer **tables, int receptor, int32_t interval, int64_t *count) {
    List list[LISTS + 1];
    const int lists = list_lists(tables, receptor, interval, list);
    int64_t total = 0;
    for (int k = 0; k < lists; k++) total += list[k].count;
    Due *due = memory(total, sizeof *due), *last = due;
    for (int k = 0, to; due && k < lists; k = to) {
        to = IS_UNORDERED[receptor] ? k + 1 : lists;
        last = put_in_order(list + k, list + to, last);
    }
    *count = total;
    return due;
}

/* The first of some delays, which rise, that is not below a number. */
static int32_t first_not_below(const int32_t *delay, int32_t begin, int32_t end, int32_t least) {
    while (begin < end) {
        const int32_t middle = begin + (end - begin) / 2;
        if (delay[middle] < least) begin = middle + 1;
        else end = middle;
    }
    return begin;
}

/* Events in order of steps; those of one step stay in order. */
static void sort_events(Event *event, int64_t n, Event *other) {
    int64_t begin[STEPS + 1];
    memset(begin, 0, sizeof begin);
    for (int64_t i = 0; i < n; i++) begin[event[i].step + 1]++;
    for (int t = 0; t < STEPS; t++) begin[t + 1] += begin[t];
    for (int64_t i = 0; i < n; i++) other[begin[event[i].step]++] = event[i];
    memcpy(event, other, n * sizeof *event);
}

/* What arrives at a receptor, by groups of lanes and in order of steps within them: counted, then put in place.
 * Where delays are of any number of steps spikes are taken list by list, and events are then put in order: what arrives
 * in a step adds up in the order of delays, from the longest, as where spikes are exchanged in every step. */
static int deliver(XLA_FFI_Buffer **tables, int receptor, int32_t interval, int64_t groups, Arrivals *all) {
    int64_t dues, most = 0;
    Due *due = list_due(tables, receptor, interval, &dues);
    int64_t *begin = all->begin = calloc(groups + 2, sizeof *begin);
    all->event = NULL;
    if (!due || !begin) return free(due), 0;
    for (int put = 0; put < 2; put++) {
        for (const Due *d = due; d < due + dues; d++) {
            XLA_FFI_Buffer **t = tables + ARRAYS * d->table;
            const int32_t *first = t[0]->data, *target = t[1]->data, *delay = t[3]->data, end = first[d->number + 1];
            const float *weight = t[2]->data, sign = SIGN_OF_TABLE[d->table];
            const int each = t[2]->rank > 0, differ = t[3]->rank > 0;
            int32_t e = first[d->number];
            if (differ) e = first_not_below(delay, e, end, -d->step);
            for (; e < end; e++) {
                const int32_t lane = lane_of(target[e]), group = lane / LANES, at = d->step + delay[differ ? e : 0];
                if (at < 0 || at >= STEPS) break; /* in another interval, as all that follow */
                if (!put) begin[group + 2]++;
                else all->event[begin[group + 1]++] = (Event){at, lane % LANES, sign * weight[each ? e : 0]};
            }
        }
        if (put) break;
        for (int64_t k = 2; k < groups + 2; k++) {
            if (begin[k] > most) most = begin[k];
            begin[k] += begin[k - 1];
        }
        if (!(all->event = memory(begin[groups + 1], sizeof *all->event))) return free(due), 0;
    }
    free(due);
    if (!IS_UNORDERED[receptor]) return 1;
    Event *other = memory(most, sizeof *other);
    for (int64_t k = 0; other && k < groups; k++)
        if (begin[k + 1] > begin[k] + 1) sort_events(all->event + begin[k], begin[k + 1] - begin[k], other);
    free(other);
    return other != NULL;
}

/* An exchange interval of all lanes of this device, or some steps of it. */
static int run_all(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args, **rets = (XLA_FFI_Buffer **)frame->rets.rets;
    const int64_t words = frame->rets.size - CARRIES;
    const float *constant = args[0]->data;
    const int32_t *steps = args[1]->data, from = steps[1], to = steps[2];
    XLA_FFI_Buffer **own = args + 2, **carry = own + OWNS, **dense = carry + CARRIES, **tables = dense + DENSES;
    const int64_t lanes = size_of(carry[0]), groups = (lanes + LANES - 1) / LANES;
    Arrivals arrivals[RECEPTORS + 1];
    memset(arrivals, 0, sizeof arrivals);
    Uniform *uniform = memory(1, sizeof *uniform);
    int fine = uniform != NULL;
    for (int r = 0, d = 0; r < RECEPTORS; r++) {
        if (IS_DENSE[r]) arrivals[r].dense = dense[d++]->data;
        else fine = fine && deliver(tables, r, steps[0] / STEPS, groups, &arrivals[r]);
    }
    if (fine) prepare_uniform(constant, NULL, 0, steps[0], STEPS, uniform);
    for (int64_t w = 0; w < words; w++) memset(rets[CARRIES + w]->data, 0, lanes * sizeof(uint32_t));
    for (int64_t g = 0; fine && g < groups; g++) {
        const int64_t lane = g * LANES, n = lanes - lane < LANES ? lanes - lane : LANES;
        Own o;
        Carry c;
        load_block(constant, own, carry, lane, n, &o, &c);
        Event *next[RECEPTORS + 1], *end[RECEPTORS + 1];
        for (int r = 0; r < RECEPTORS; r++) {
            if (!arrivals[r].begin) continue;
            next[r] = arrivals[r].event + arrivals[r].begin[g];
            end[r] = arrivals[r].event + arrivals[r].begin[g + 1];
            while (next[r] < end[r] && next[r]->step < from) next[r]++;
        }
        float arriving[RECEPTORS + 1][LANES] __attribute__((aligned(64))) = {{0}};
        int32_t fires[LANES] __attribute__((aligned(64)));
        for (int32_t t = from; t < to; t++) {
            for (int r = 0; r < RECEPTORS; r++) {
                if (arrivals[r].dense)
                    for (int64_t j = 0; j < n; j++) {
                        int64_t at = lane + j;
                        arriving[r][j] = arrivals[r].dense[at / BLOCK * (STEPS * BLOCK) + t * BLOCK + at % BLOCK];
                    }
                else
                    for (const Event *e = next[r]; e < end[r] && e->step == t; e++) arriving[r][e->lane] += e->weight;
            }
            int any = advance_block(uniform, t, &o, &c, arriving, fires);
            for (int r = 0; r < RECEPTORS; r++)
                if (!arrivals[r].dense)
                    for (; next[r] < end[r] && next[r]->step == t; next[r]++) arriving[r][next[r]->lane] = 0;
            if (__builtin_expect(any, 0))
                for (int64_t j = 0; j < n; j++) {
                    if (!fires[j]) continue;
                    for (int64_t w = words - 1; w > 0; w--) {
                        uint32_t *word = (uint32_t *)rets[CARRIES + w]->data + lane + j;
                        uint32_t below = ((uint32_t *)rets[CARRIES + w - 1]->data)[lane + j];
                        *word = HALVES ? *word << 16 | below >> 16 : below;
                    }
                    uint32_t *word = (uint32_t *)rets[CARRIES]->data + lane + j;
                    *word = (HALVES ? *word << 16 : 0) | (uint32_t)(t + 1);
                }
        }
        store_states(rets, lane, n, &c);
        for (int64_t j = 0; j < n; j++)
            if (c.broken[j]) ((uint32_t *)rets[0]->data)[lane + j] = NO_NUMBER;
    }
    for (int r = 0; r < RECEPTORS; r++) free(arrivals[r].event), free(arrivals[r].begin);
    free(uniform);
    return fine;
}

static int fits(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args, **rets = (XLA_FFI_Buffer **)frame->rets.rets;
    if (frame->args.size != 2 + OWNS + CARRIES + DENSES + ARRAYS * TABLES || frame->rets.size < CARRIES) return 0;
    XLA_FFI_Buffer **own = args + 2, **dense = own + OWNS + CARRIES;
    const int64_t lanes = size_of(own[OWNS]), least = (lanes + BLOCK - 1) / BLOCK * BLOCK * STEPS;
    int fine = size_of(args[0]) >= CONSTANTS && size_of(args[1]) == 3;
    fine = fine && are_of(own, OWNS + CARRIES, lanes) && are_of(rets, frame->rets.size, lanes);
    for (int k = 0; k < DENSES; k++) fine = fine && size_of(dense[k]) >= least;
    const int32_t *steps = args[1]->data;
    return fine && 0 <= steps[1] && steps[1] <= steps[2] && steps[2] <= STEPS;
}
