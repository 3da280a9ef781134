/* The fixed part of a kernel: node voltages of one array of ohmic cells at many inputs, in groups of a vector's width.
 *
 * It solves the equations of the word lines that nodes.py has, with the inputs of a group side by side in memory: each
 * conductance and pivot is loaded once for all of them. Their Krylov polynomial is given, that of another right-hand side
 * of the same equations: without products to wait for, an iteration is two passes over the rows of the array.
 *
 * - down: the smooth part of the correction is added, and the voltages begin the solves of the bit lines;
 * - up: these end, which gives the residual; word lines solve for its correction, and the voltages take their next step.
 *
 * Passes carry a row of the bit lines. The time goes into moving the three arrays of a group, of rows x columns x inputs,
 * through the caches: seven times in an iteration. */

#ifdef __linux__
#include <sys/mman.h>
#endif

typedef Real Vec __attribute__((vector_size(sizeof(Real) * BLOCK)));

enum { TOGETHER = 4 }; /* word lines, or modes, at a time: chains of dependent operations that run side by side */
enum { NUMBERS, SCALARS, LENGTHS, SHARES, CELLS, WORD_RATIOS, BIT_RATIOS, FIRST, LAST, FACTORS, WORD_KNOTS, ALONG_BIT };
enum { WORD_IN = ALONG_BIT + 1, BIT_IN, ARGS };
enum { WORD_OUT, BIT_OUT, SQUARE, SCALE, COUNT, RETS };

#define PREFETCH(x) __builtin_prefetch(x, 0, 2)

typedef struct { /* what all threads read */
    const Real *lengths, *shares, *g, *word_ratios, *bit_ratios, *first, *last, *factors, *word_knots, *along_bit;
    const Real *word_in, *bit_in; /* currents into nodes, or voltages of the ends of lines */
    Real *word_out, *bit_out, *square, *scale;
    int32_t *count;
    Real tolerance, word_resistance, bit_resistance;
    int64_t rows, columns, inputs, word_modes, bit_modes, knots, spacing, groups, next;
    int32_t terms, stores_from, most, ends; /* of the polynomial; iterations at which results are stored, at which it ends */
} Work;

typedef struct { /* of the group of a thread */
    Vec *x, *old, *handed; /* rows x columns: voltages, those before (or the next ones), what a pass hands to the next */
    Vec *sources;          /* rows x columns: sides of the equations where they are not of the ends alone; else none */
    Vec *line;             /* columns: of the bit lines */
    Vec *residual;         /* columns: of a row */
    Vec *knots;            /* of the smooth part of a row */
    Vec *smooth;           /* word modes (filled up) x bit modes */
    Real *modes;           /* word modes in blocks of TOGETHER: block x knots x TOGETHER */
    int64_t begin, inputs;
} Space;

INLINE int64_t filled(int64_t n) { return (n + TOGETHER - 1) / TOGETHER * TOGETHER; }

INLINE Vec all(Real x) { return x + (Vec){0}; }

/* Ask for large pages where memory was not touched yet: to fill in small ones takes a third of the time of a call. */
static void ask_large_pages(void *x, size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const uintptr_t page = 2 << 20, begin = ((uintptr_t)x + page - 1) / page * page, end = ((uintptr_t)x + size) / page * page;
    if (end > begin) (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)x, (void)size;
#endif
}

static void clear(Vec *x, int64_t n) { memset(x, 0, n * sizeof(Vec)); }

static int is_zero(const Real *x, int64_t n) {
    for (int64_t k = 0; k < n; k++)
        if (x[k] != 0) return 0;
    return 1;
}

/* Whether all currents enter at the ends of word lines. */
static int is_plain(const Work *w) { return w->ends && is_zero(w->bit_in, w->rows * w->columns); }

/* Memory of a group; where there is none, the first pointer is none. */
static Space space_of(const Work *w) {
    const int64_t columns = w->columns, modes = filled(w->word_modes), arrays = is_plain(w) ? 3 : 4;
    /* Arrays that begin at the same place of a page would share few lines of the first-level cache. */
    const int64_t cells = w->rows * columns + 16, rest = 2 * columns + w->knots, vectors = arrays * cells + rest + modes * w->bit_modes;
    const size_t size = vectors * sizeof(Vec) + modes * w->knots * sizeof(Real);
    Vec *x = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!x) return (Space){0};
    ask_large_pages(x, size);
    Vec *line = x + arrays * cells, *smooth = line + rest;
    Real *along = (Real *)(smooth + modes * w->bit_modes);
    memset(along, 0, modes * w->knots * sizeof(Real));
    for (int64_t m = 0; m < w->word_modes; m++)
        for (int64_t q = 0; q < w->knots; q++)
            along[(m / TOGETHER * w->knots + q) * TOGETHER + m % TOGETHER] = w->word_knots[q * w->word_modes + m];
    Vec *sources = arrays == 4 ? x + 3 * cells : NULL;
    return (Space){x, x + cells, x + 2 * cells, sources, line, line + columns, line + 2 * columns, smooth, along, 0, 0};
}

/* Solve bit lines, whose currents times the resistance of a segment stand where their voltages come to stand. */
static void solve_bit_lines(const Work *w, Vec *x, Vec *line) {
    const int64_t columns = w->columns;
    clear(line, columns);
    for (int64_t i = 0; i < w->rows; i++)
        for (int64_t j = 0, k = i * columns; j < columns; j++, k++) line[j] = x[k] = all(w->bit_ratios[k]) * (x[k] + line[j]);
    clear(line, columns);
    for (int64_t i = w->rows; i--;)
        for (int64_t j = 0, k = i * columns; j < columns; j++, k++) line[j] = x[k] += all(w->bit_ratios[k]) * line[j];
}

/* Voltages of the bit lines were all word lines at 0 V, into `to`. */
static void grounded_bits(const Work *w, const Space *s, Vec *to) {
    const int64_t cells = w->rows * w->columns;
    for (int64_t k = 0; k < cells; k++) {
        Vec y = all(0);
        if (w->ends) y = all(w->bit_in[k]);
        else
            for (int64_t l = 0; l < s->inputs; l++) y[l] = w->bit_resistance * w->bit_in[(s->begin + l) * cells + k];
        to[k] = y;
    }
    solve_bit_lines(w, to, s->line);
}

/* Voltages of the drivers of a row. */
INLINE Vec driven(const Work *w, const Space *s, int64_t i) {
    Vec v = all(0);
    for (int64_t l = 0; l < s->inputs; l++) v[l] = w->word_in[(s->begin + l) * w->rows + i];
    return v;
}

/* Sides of the equations of the word lines. */
static void prepare_sources(const Work *w, const Space *s) {
    const int64_t rows = w->rows, columns = w->columns;
    grounded_bits(w, s, s->sources);
    for (int64_t i = 0; i < rows; i++) {
        Vec *b = s->sources + i * columns;
        for (int64_t j = 0; j < columns; j++) b[j] *= all(w->word_resistance * w->g[i * columns + j]);
        if (w->ends) {
            b[0] += all(w->first[i]) * driven(w, s, i);
            b[columns - 1] += all(w->last[i]) * driven(w, s, i);
            continue;
        }
        const Real *in = w->word_in + s->begin * rows * columns + i;
        for (int64_t j = 0; j < columns; j++)
            for (int64_t l = 0; l < s->inputs; l++) b[j][l] += w->word_resistance * in[(l * columns + j) * rows];
    }
}

/* A row of a group into the results of its inputs, whose numbers lie so far apart. */
INLINE void store_row(const Vec *restrict row, int64_t columns, int64_t inputs, Real *restrict out, int64_t input, int64_t right) {
    for (int64_t j0 = 0; j0 < columns; j0 += BLOCK) {
        const int64_t end = j0 + BLOCK < columns ? j0 + BLOCK : columns;
        for (int64_t l = 0; l < inputs; l++)
            for (int64_t j = j0; j < end; j++) out[l * input + j * right] = row[j][l];
    }
}

/* A row of the voltages into the results. */
static NOINLINE void store(const Work *w, const Space *s, int64_t i) {
    const int64_t columns = w->columns, cells = w->rows * columns, begin = s->begin * cells;
    const Vec *x = s->x + i * columns;
    store_row(s->line, columns, s->inputs, w->bit_out + begin + i * columns, cells, 1);
    /* Where the ends were given the word lines are wanted as the array has them. */
    if (w->ends) store_row(x, columns, s->inputs, w->word_out + begin + i * columns, cells, 1);
    else store_row(x, columns, s->inputs, w->word_out + begin + i, cells, w->rows);
}

/* Add so much of the smooth part of the correction to a row. Between two knots it grows by the same from column to column. */
static void add_smooth(const Work *w, const Space *s, int64_t i, Real length, Vec *row) {
    const int64_t columns = w->columns, spacing = w->spacing;
    const Real *along_bit = w->along_bit + i * w->bit_modes;
    clear(s->knots, w->knots);
    for (int64_t m = 0; m < w->word_modes; m += TOGETHER) {
        const Real *along = s->modes + m * w->knots;
        Vec a[TOGETHER] = {{0}};
        for (int64_t n = 0; n < w->bit_modes; n++)
            for (int k = 0; k < TOGETHER; k++) a[k] += s->smooth[(m + k) * w->bit_modes + n] * all(length * along_bit[n]);
        for (int64_t q = 0; q < w->knots; q++) {
            Vec y = s->knots[q];
            for (int k = 0; k < TOGETHER; k++) y += all(along[q * TOGETHER + k]) * a[k];
            s->knots[q] = y;
        }
    }
    for (int64_t q = 0, j = 0; j < columns; q++) {
        Vec y = s->knots[q];
        const Vec step = (s->knots[q + 1] - y) * all((Real)1 / spacing);
        for (const int64_t end = j + spacing < columns ? j + spacing : columns; j < end; j++) row[j] += y, y += step;
    }
}

/* Add the part of a row to the smooth modes of the residual: each number is shared out between the knots beside it. */
static void sum_smooth(const Work *w, const Space *s, int64_t i) {
    const int64_t columns = w->columns, spacing = w->spacing;
    const Real *along_bit = w->along_bit + i * w->bit_modes;
    clear(s->knots, w->knots);
    for (int64_t q = 0, j = 0; j < columns; q++) {
        const int64_t end = j + spacing < columns ? j + spacing : columns, missing = spacing - (end - j);
        Vec sum = all(0), sums = all(0); /* in the second one a number counts once for each that is not before it */
        for (; j < end; j++) sum += s->residual[j], sums += sum;
        const Vec left = (sums + all(missing) * sum) * all((Real)1 / spacing);
        s->knots[q] += left, s->knots[q + 1] = sum - left;
    }
    for (int64_t m = 0; m < w->word_modes; m += TOGETHER) {
        const Real *along = s->modes + m * w->knots;
        Vec a[TOGETHER] = {{0}};
        for (int64_t q = 0; q < w->knots; q++)
            for (int k = 0; k < TOGETHER; k++) a[k] += all(along[q * TOGETHER + k]) * s->knots[q];
        for (int k = 0; k < TOGETHER; k++)
            for (int64_t n = 0; n < w->bit_modes; n++) s->smooth[(m + k) * w->bit_modes + n] += all(along_bit[n]) * a[k];
    }
}

/* The smooth part of a correction of so much, and the first half of the solves of the bit lines. */
static NOINLINE void pass_down(const Work *w, const Space *s, Real length) {
    const int64_t columns = w->columns;
    Vec *line = s->line;
    clear(line, columns);
    for (int64_t i = 0; i < w->rows; i++) {
        const Real *g = w->g + i * columns, *ratios = w->bit_ratios + i * columns;
        Vec *x = s->x + i * columns, *handed = s->handed + i * columns;
        add_smooth(w, s, i, length, x);
        for (int64_t j = 0; j < columns; j++) {
            PREFETCH(x + columns + j), PREFETCH(handed + columns + j);
            line[j] = handed[j] = all(ratios[j]) * (all(w->bit_resistance * g[j]) * x[j] + line[j]);
        }
    }
}

/* The second half of the solves of word lines, from one row to another one, the first half of which stands in `handed`; and
 * the next voltages, a length along the correction and a share of the step before. */
INLINE void step_lines(const Work *w, const Space *s, int64_t row, const int rows, Vec length, Vec share) {
    const int64_t columns = w->columns;
    Vec after[TOGETHER] = {{0}};
    for (int64_t j = columns; j--;)
        for (int k = 0; k < rows; k++) {
            const int64_t at = (row + k) * columns + j;
            after[k] = s->handed[at] + all(w->word_ratios[at]) * after[k];
            s->old[at] = s->x[at] + length * after[k] + share * (s->x[at] - s->old[at]);
        }
}

/* The residual, and the step that follows from it, but for the smooth part of the correction; the square of the residual in
 * the norm of the preconditioner. */
static NOINLINE Vec pass_up(const Work *w, const Space *s, Real length, Real share, int stores) {
    const int64_t columns = w->columns;
    Vec *line = s->line, *residual = s->residual, square = all(0);
    clear(line, columns);
    clear(s->smooth, filled(w->word_modes) * w->bit_modes);
    for (int64_t i = w->rows; i--;) {
        const Real *g = w->g + i * columns, *bit_ratios = w->bit_ratios + i * columns;
        const Real *word_ratios = w->word_ratios + i * columns;
        const Vec *x = s->x + i * columns, *sources = s->sources + i * columns;
        Vec *handed = s->handed + i * columns, *old = s->old + i * columns;
        for (int64_t j = 0; j < columns; j++) residual[j] = s->sources ? sources[j] : all(0);
        if (!s->sources) {
            residual[0] += all(w->first[i]) * driven(w, s, i);
            residual[columns - 1] += all(w->last[i]) * driven(w, s, i);
        }
        Vec v = x[0], arriving = all(w->first[i]) * v, before = all(0);
        for (int64_t j = 0; j < columns; j++) {
            PREFETCH(handed - columns + j), PREFETCH(x - columns + j), PREFETCH(old - columns + j);
            const Vec next = j + 1 < columns ? x[j + 1] : v;
            const Vec leaving = j + 1 < columns ? next - v : all(-w->last[i]) * v;
            const Vec bit = handed[j] + all(bit_ratios[j]) * line[j];
            const Vec r = (residual[j] - all(w->word_resistance * g[j]) * (v - bit)) - (arriving - leaving);
            const Vec sum = r + before;
            line[j] = bit;
            residual[j] = r;
            before = handed[j] = all(word_ratios[j]) * sum;
            square += before * sum; /* of r'T^-1 r with T = LDL' */
            arriving = leaving, v = next;
        }
        sum_smooth(w, s, i);
        if (stores) store(w, s, i);
        const int64_t count = i + TOGETHER < w->rows ? TOGETHER : w->rows - i;
        if (i % TOGETHER == 0) {
            if (count == TOGETHER) step_lines(w, s, i, TOGETHER, all(length), all(share));
            else
                for (int64_t k = 0; k < count; k++) step_lines(w, s, i + k, 1, all(length), all(share));
        }
    }
    for (int64_t k = 0; k < w->word_modes * w->bit_modes; k++) {
        const Vec scaled = all(w->factors[k]) * s->smooth[k];
        square += scaled * s->smooth[k];
        s->smooth[k] = scaled;
    }
    return square;
}

/* All iterations of a group of inputs: until the residuals of all of them are small and the results stand. */
static void solve_group(const Work *w, Space *s) {
    const int64_t cells = w->rows * w->columns;
    clear(s->x, cells), clear(s->old, cells), clear(s->handed, cells);
    if (s->sources) prepare_sources(w, s);
    Vec scale = all(0), last = all(0);
    int32_t count[BLOCK] = {0}, done[BLOCK] = {0};
    for (int32_t k = 0;; k++) {
        /* What the polynomial leaves of an input takes it once more. */
        const int32_t term = k % w->terms, stores = k >= w->stores_from;
        const Vec square = pass_up(w, s, w->lengths[term], w->shares[term], stores);
        if (!k) scale = square;
        int any = 0;
        for (int l = 0; l < BLOCK; l++) {
            if (!done[l]) last[l] = square[l], count[l] = k;
            done[l] |= square[l] <= w->tolerance * scale[l];
            any |= !done[l];
        }
        if ((!any || k >= w->most) && stores) break;
        Vec *const next = s->old;
        s->old = s->x, s->x = next;
        pass_down(w, s, w->lengths[term]);
    }
    for (int64_t l = 0; l < s->inputs; l++) {
        w->square[s->begin + l] = last[l];
        w->scale[s->begin + l] = scale[l];
        w->count[s->begin + l] = count[l];
    }
    if (!s->sources) return;
    grounded_bits(w, s, s->handed);
    for (int64_t l = 0; l < s->inputs; l++)
        for (int64_t k = 0; k < cells; k++) w->bit_out[(s->begin + l) * cells + k] += s->handed[k][l];
}

/* Groups one after the other until none is left; none where there is no memory for one. */
static void *run(void *argument) {
    Work *w = argument;
    const uint32_t mode = flush_denormals();
    Space s = space_of(w);
    Vec *const memory = s.x;
    for (int64_t k; memory && (k = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED)) < w->groups;) {
        s.begin = k * BLOCK;
        s.inputs = w->inputs - s.begin < BLOCK ? w->inputs - s.begin : BLOCK;
        solve_group(w, &s);
    }
    free(memory);
    restore(mode);
    return NULL;
}

static int fits(const XLA_FFI_CallFrame *frame) { return frame->args.size == ARGS && frame->rets.size == RETS; }

static int run_all(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args, **rets = (XLA_FFI_Buffer **)frame->rets.rets;
    const int32_t *numbers = args[NUMBERS]->data;
    const Real *scalars = args[SCALARS]->data;
    Work w = {
        .lengths = args[LENGTHS]->data, .shares = args[SHARES]->data,
        .g = args[CELLS]->data, .word_ratios = args[WORD_RATIOS]->data, .bit_ratios = args[BIT_RATIOS]->data,
        .first = args[FIRST]->data, .last = args[LAST]->data, .factors = args[FACTORS]->data,
        .word_knots = args[WORD_KNOTS]->data, .along_bit = args[ALONG_BIT]->data,
        .word_in = args[WORD_IN]->data, .bit_in = args[BIT_IN]->data,
        .word_out = rets[WORD_OUT]->data, .bit_out = rets[BIT_OUT]->data,
        .square = rets[SQUARE]->data, .scale = rets[SCALE]->data, .count = rets[COUNT]->data,
        .tolerance = scalars[0], .word_resistance = scalars[1], .bit_resistance = scalars[2],
        .rows = args[CELLS]->dims[0], .columns = args[CELLS]->dims[1], .inputs = args[WORD_IN]->dims[0],
        .word_modes = args[FACTORS]->dims[0], .bit_modes = args[FACTORS]->dims[1],
        .knots = args[WORD_KNOTS]->dims[0], .spacing = numbers[4],
        .terms = numbers[0], .stores_from = numbers[1], .most = numbers[2], .ends = args[WORD_IN]->rank == 2,
    };
    w.groups = (w.inputs + BLOCK - 1) / BLOCK;
    for (int k = WORD_OUT; k <= BIT_OUT; k++) ask_large_pages(rets[k]->data, size_of(rets[k]) * sizeof(Real));
    run_in_threads(run, &w, numbers[3] < w.groups ? numbers[3] : w.groups);
    /* A thread that had no memory left its groups to the others. */
    return w.next >= w.groups;
}
