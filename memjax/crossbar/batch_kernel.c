/* The fixed part of a kernel: node voltages of one array of ohmic cells at many inputs, in groups of a vector's width.
 *
 * It solves the equations of the word lines that nodes.py has, with the inputs of a group side by side in memory: each
 * conductance and pivot is loaded once for all of them. With the residual r, corrected to z, a step is y += z / p and
 * r -= S z / p, where the poles p are those of the polynomial of another right-hand side: there are no products to wait for.
 *
 * Since z = T^-1 r + C r, where T are the word lines with their cells and C is the smooth correction, S z is
 * r + T C r - D B^-1 D z: wires act on the smooth part alone. A step is two passes over the rows of the array.
 *
 * - down: word lines solve for the correction, which is added to y and begins the solves of the bit lines;
 * - up: these end, which gives the next residual, and begins the solves of the word lines.
 *
 * Steps are of float32, which leave of a residual what they round: in float64 the voltages take half of the polynomial, and
 * the other half begins with their residual as it is. Inputs are measured in units of their largest number. */

#ifdef __linux__
#include <sys/mman.h>
#endif

enum { WIDE = 16, PARTS = WIDE / BLOCK }; /* inputs of a group, of which steps compute all at once, the rest some */

typedef Real Vec __attribute__((vector_size(sizeof(Real) * BLOCK)));
typedef float Part __attribute__((vector_size(sizeof(float) * BLOCK)));
typedef float Step __attribute__((vector_size(sizeof(float) * WIDE)));

enum { MOST_POLES = 64 };
enum { TOGETHER = 4 }; /* modes at a time: chains of dependent operations that run side by side */
enum { NUMBERS, SCALARS, LOADS, BIT_RATIOS, BIT_SHARES, FIRST, LAST, POLES };
enum { STEP_LOADS = POLES + 1, STEP_WORD_RATIOS, STEP_BIT_RATIOS, STEP_BIT_SHARES, STEP_FIRST, STEP_LAST };
enum { FACTORS = STEP_LAST + 1, WORD_KNOTS, ALONG_BIT, WORD_IN, BIT_IN, ARGS };
enum { WORD_OUT, BIT_OUT, SQUARE, SCALE, COUNT, RETS };

#define PREFETCH(x) __builtin_prefetch(x, 0, 2)

/* Conductances of cells over that of a segment of a word line, pivots of bit lines, and these times conductances over that of
 * a segment of a bit line; ends of word lines. */
typedef struct { const Real *loads, *bit_ratios, *bit_shares, *first, *last; } Cells;
typedef struct { const float *loads, *word_ratios, *bit_ratios, *bit_shares, *first, *last; } StepCells;

typedef struct { /* what all threads read */
    Cells cells;
    StepCells steps;
    const float *factors, *word_knots, *along_bit;
    const Real *word_in, *bit_in; /* currents into nodes, or voltages of the ends of lines */
    Real *word_out, *bit_out, *square, *scale;
    int32_t *count;
    float poles[MOST_POLES];
    Real tolerance, word_resistance, bit_resistance, bit_most;
    int64_t rows, columns, inputs, word_modes, bit_modes, knots, spacing, bits, groups, next;
    int32_t terms, stretch, most, ends; /* of the polynomial; steps of its first half; at which it ends */
} Work;

typedef struct { /* of the group of a thread */
    Step *y;                    /* 2 x rows x columns: voltages by the first half of the polynomial, and what the rest adds */
    Step *residual, *handed;    /* rows x columns: the second one is what a pass hands to the next */
    Step *knots;                /* rows x knots: smooth part of a correction */
    Step *line, *sums, *smooth; /* columns: of the bit lines; knots: of a row; word modes (filled up) x bit modes */
    float *modes;               /* word modes in blocks of TOGETHER: block x knots x TOGETHER */
    Vec *row, *x, *ends;        /* columns: of a row; parts x columns: the last nodes of the bit lines */
    Vec unit[PARTS];
    int64_t begin, inputs, word_from, bit_from; /* rows before which no currents enter nodes of word lines, of bit lines */
} Space;

INLINE int64_t filled(int64_t n) { return (n + TOGETHER - 1) / TOGETHER * TOGETHER; }

INLINE Vec all(Real x) { return x + (Vec){0}; }
INLINE Step all_of(float x) { return x + (Step){0}; }

/* Ask for large pages where memory was not touched yet: to fill in small ones takes a third of the time of a call. */
static void ask_large_pages(void *x, size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const uintptr_t page = 2 << 20, begin = ((uintptr_t)x + page - 1) / page * page, end = ((uintptr_t)x + size) / page * page;
    if (end > begin) (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)x, (void)size;
#endif
}

static void clear(void *x, int64_t n) { memset(x, 0, n * sizeof(Step)); }

/* Memory of a group; where there is none, the first pointer is none. */
static Space space_of(const Work *w) {
    const int64_t columns = w->columns, modes = filled(w->word_modes);
    /* Arrays that begin at the same place of a page would share few lines of the first-level cache. */
    const int64_t cells = w->rows * columns + 16, smooth = modes * w->bit_modes;
    const int64_t vectors = 4 * cells + (w->rows + 1) * w->knots + (3 + PARTS) * columns + smooth;
    const size_t size = vectors * sizeof(Step) + modes * w->knots * sizeof(float);
    Step *y = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!y) return (Space){0};
    ask_large_pages(y, size);
    Space s = {.y = y, .residual = y + 2 * cells, .handed = y + 3 * cells, .knots = y + 4 * cells};
    s.line = s.knots + w->rows * w->knots, s.sums = s.line + columns, s.smooth = s.sums + w->knots;
    s.row = (Vec *)(s.smooth + smooth), s.x = s.row + columns, s.ends = s.x + columns;
    s.modes = (float *)(s.ends + PARTS * columns);
    memset(s.modes, 0, modes * w->knots * sizeof(float));
    for (int64_t m = 0; m < w->word_modes; m++)
        for (int64_t q = 0; q < w->knots; q++)
            s.modes[(m / TOGETHER * w->knots + q) * TOGETHER + m % TOGETHER] = w->word_knots[q * w->word_modes + m];
    return s;
}

/* Inputs of a part of a group, and the first of them. */
INLINE int64_t inputs_of(const Space *s, int part) {
    const int64_t left = s->inputs - part * BLOCK;
    return left < 0 ? 0 : left < BLOCK ? left : BLOCK;
}
INLINE int64_t begin_of(const Space *s, int part) { return s->begin + part * BLOCK; }

/* The largest of some numbers, or what is larger. */
static Real largest(const Real *x, int64_t count, Real most) {
    Real all_most[BLOCK] = {0};
    for (int64_t k = 0; k < count; k += BLOCK)
        for (int64_t l = 0; l < BLOCK; l++) {
            const Real here = ABS(x[k + l < count ? k + l : count - 1]);
            all_most[l] = here > all_most[l] ? here : all_most[l];
        }
    for (int64_t l = 0; l < BLOCK; l++) most = all_most[l] > most ? all_most[l] : most;
    return most;
}

/* Units of the inputs of a group, 1 where all numbers are 0, and where there are currents. */
static void find_units(const Work *w, Space *s) {
    const int64_t columns = w->columns, cells = w->rows * columns;
    s->word_from = s->bit_from = w->rows;
    for (int part = 0; part < PARTS; part++) {
        s->unit[part] = all(1);
        for (int64_t l = 0; l < inputs_of(s, part); l++) {
            const int64_t input = begin_of(s, part) + l;
            Real most = w->bit_most;
            if (w->ends) most = largest(w->word_in + input * w->rows, w->rows, most);
            for (int64_t i = 0; i < w->rows && !w->ends; i++) {
                const int64_t at = input * cells + i * columns;
                const Real word = w->word_resistance * largest(w->word_in + at, columns, 0);
                const Real bit = w->bit_resistance * largest(w->bit_in + at, columns, 0);
                if (word > 0 && i < s->word_from) s->word_from = i;
                if (bit > 0 && i < s->bit_from) s->bit_from = i;
                most = word > most ? word : most;
                most = bit > most ? bit : most;
            }
            if (most > 0) s->unit[part][l] = most;
        }
    }
}

/* A row of a part out of the arrays of its inputs, in which it is 0 before one. */
static NOINLINE void load_row(const Work *w, const Space *s, int part, int64_t i, int64_t one, const Real *from, Real factor) {
    const int64_t columns = w->columns, cells = w->rows * columns, begin = begin_of(s, part);
    const Vec share = all(factor) / s->unit[part];
    if (i < one) {
        clear(s->row, columns);
        return;
    }
    for (int64_t j = 0; j < columns; j++) {
        for (int64_t l = 0; l < inputs_of(s, part); l++) s->row[j][l] = from[(begin + l) * cells + i * columns + j];
        s->row[j] *= share;
    }
}

/* Into results that begin at a place, and lie so far apart. */
static NOINLINE void store_row(const Work *w, const Space *s, int part, const Vec *restrict row, Real *restrict to, int64_t apart) {
    const int64_t begin = begin_of(s, part);
    for (int64_t j0 = 0; j0 < w->columns; j0 += BLOCK) {
        const int64_t end = j0 + BLOCK < w->columns ? j0 + BLOCK : w->columns;
        for (int64_t l = 0; l < inputs_of(s, part); l++)
            for (int64_t j = j0; j < end; j++) to[(begin + l) * apart + j] = s->unit[part][l] * row[j][l];
    }
}

/* Voltages of a row of word lines. */
INLINE void add_up(const Work *w, const Space *s, int part, int64_t i) {
    const int64_t cells = w->rows * w->columns;
    const Part *y = (Part *)(s->y + i * w->columns) + part, *more = y + cells * PARTS;
    for (int64_t j = 0; j < w->columns; j++)
        s->x[j] = __builtin_convertvector(y[j * PARTS], Vec) + __builtin_convertvector(more[j * PARTS], Vec);
}

/* Currents into the nodes of a row of bit lines, times the resistance of their segments; the row was cleared before. */
INLINE void bit_sources(const Work *w, const Space *s, int part, int64_t i) {
    if (!w->ends) load_row(w, s, part, i, s->bit_from, w->bit_in, w->bit_resistance);
    else if (w->bit_most > 0)
        for (int64_t j = 0; j < w->columns; j++) s->row[j] = all(w->bit_in[i * w->columns + j]) / s->unit[part];
}

/* Likewise those of a word line. */
INLINE void word_sources(const Work *w, const Space *s, int part, int64_t i) {
    if (!w->ends) {
        load_row(w, s, part, i, s->word_from, w->word_in, w->word_resistance);
        return;
    }
    Vec v = all(0);
    for (int64_t l = 0; l < inputs_of(s, part); l++) v[l] = w->word_in[(begin_of(s, part) + l) * w->rows + i];
    v /= s->unit[part];
    s->row[w->columns - 1] = all(0);
    s->row[0] = all(w->cells.first[i]) * v;
    s->row[w->columns - 1] += all(w->cells.last[i]) * v;
}

/* Smooth part of a correction in a row at its knots: between two of them it grows by the same from column to column. */
static NOINLINE void find_knots(const Work *w, const Space *s, int64_t i) {
    const float *along_bit = w->along_bit + i * w->bit_modes;
    Step *knots = s->knots + i * w->knots;
    clear(knots, w->knots);
    for (int64_t m = 0; m < w->word_modes; m += TOGETHER) {
        const float *along = s->modes + m * w->knots;
        Step a[TOGETHER] = {{0}};
        for (int64_t n = 0; n < w->bit_modes; n++)
            for (int k = 0; k < TOGETHER; k++) a[k] += s->smooth[(m + k) * w->bit_modes + n] * all_of(along_bit[n]);
        for (int64_t q = 0; q < w->knots; q++) {
            Step y = knots[q];
            for (int k = 0; k < TOGETHER; k++) y += all_of(along[q * TOGETHER + k]) * a[k];
            knots[q] = y;
        }
    }
}

/* Add the part of a row to the smooth modes of the residual: each number is shared out between the knots beside it. */
static NOINLINE void sum_smooth(const Work *w, const Space *s, int64_t i) {
    const int64_t columns = w->columns, spacing = w->spacing;
    const float *along_bit = w->along_bit + i * w->bit_modes;
    const Step *residual = s->residual + i * columns;
    clear(s->sums, w->knots);
    for (int64_t q = 0, j = 0; j < columns; q++) {
        const int64_t end = j + spacing < columns ? j + spacing : columns, missing = spacing - (end - j);
        Step sum = all_of(0), sums = all_of(0); /* in the second one a number counts once for each that is not before it */
        for (; j < end; j++) sum += residual[j], sums += sum;
        const Step left = (sums + all_of(missing) * sum) * all_of(1.0f / spacing);
        s->sums[q] += left, s->sums[q + 1] = sum - left;
    }
    for (int64_t m = 0; m < w->word_modes; m += TOGETHER) {
        const float *along = s->modes + m * w->knots;
        Step a[TOGETHER] = {{0}};
        for (int64_t q = 0; q < w->knots; q++)
            for (int k = 0; k < TOGETHER; k++) a[k] += all_of(along[q * TOGETHER + k]) * s->sums[q];
        for (int k = 0; k < TOGETHER; k++)
            for (int64_t n = 0; n < w->bit_modes; n++) s->smooth[(m + k) * w->bit_modes + n] += all_of(along_bit[n]) * a[k];
    }
}

/* The smooth modes of the residual become those of its correction; their product. */
static Step scale_smooth(const Work *w, const Space *s) {
    Step square = all_of(0);
    for (int64_t k = 0; k < w->word_modes * w->bit_modes; k++) {
        const Step scaled = all_of(w->factors[k]) * s->smooth[k];
        square += scaled * s->smooth[k];
        s->smooth[k] = scaled;
    }
    return square;
}

/* A step along the correction, which the second half of the solves of the word lines gives, and the first half of those of
 * the bit lines. */
static NOINLINE void step_down(const Work *w, const Space *s, Step *changed, float length) {
    const int64_t columns = w->columns, spacing = w->spacing;
    Step *line = s->line;
    clear(line, columns);
    for (int64_t i = 0; i < w->rows; i++) {
        const int64_t at = i * columns;
        const StepCells *c = &w->steps;
        const float *word_ratios = c->word_ratios + at, *ratios = c->bit_ratios + at, *shares = c->bit_shares + at;
        const Step *knots = s->knots + i * w->knots;
        Step *total = changed + at, *handed = s->handed + at, after = all_of(0);
        find_knots(w, s, i);
        for (int64_t end = columns, q = (columns - 1) / spacing; q >= 0; end = q-- * spacing) {
            const Step step = (knots[q + 1] - knots[q]) * all_of(1.0f / spacing);
            Step y = knots[q] + all_of(end - 1 - q * spacing) * step;
            for (int64_t j = end; j-- > q * spacing;) {
                PREFETCH(total + columns + j), PREFETCH(handed + columns + j);
                after = handed[j] + all_of(word_ratios[j]) * after;
                const Step z = after + y;
                y -= step;
                total[j] += all_of(length) * z;
                line[j] = handed[j] = all_of(shares[j]) * z + all_of(ratios[j]) * line[j];
            }
        }
    }
}

/* The residual after it, and the first half of the solves of the word lines. */
static NOINLINE void step_up(const Work *w, const Space *s, float length) {
    const int64_t columns = w->columns, spacing = w->spacing;
    Step *line = s->line;
    clear(line, columns);
    clear(s->smooth, filled(w->word_modes) * w->bit_modes);
    for (int64_t i = w->rows; i--;) {
        const int64_t at = i * columns;
        const StepCells *c = &w->steps;
        const float *loads = c->loads + at, *bit_ratios = c->bit_ratios + at, *word_ratios = c->word_ratios + at;
        const Step *knots = s->knots + i * w->knots;
        Step *residual = s->residual + at, *handed = s->handed + at, before = all_of(0), arriving = all_of(c->first[i]) * knots[0];
/* A node, and the current of the smooth part that enters it along the wires. */
#define NODE(entering)                                                                                  \
    {                                                                                                   \
        PREFETCH(handed - columns + j), PREFETCH(residual - columns + j);                               \
        const Step bit = handed[j] + all_of(bit_ratios[j]) * line[j];                                       \
        const Step r = all_of(1 - length) * residual[j] + all_of(length) * (all_of(loads[j]) * (bit - y) entering); \
        line[j] = bit, residual[j] = r, y += step;                                                      \
        before = handed[j] = all_of(word_ratios[j]) * (r + before);                                        \
    }
        for (int64_t q = 0, j = 0; j < columns; q++) {
            Step y = knots[q];
            const Step step = (knots[q + 1] - y) * all_of(1.0f / spacing);
            const int64_t end = j + spacing < columns ? j + spacing : columns;
            const Step leaving = j + 1 < columns ? step : all_of(-c->last[i]) * y;
            NODE(-(arriving - leaving))
            for (j++; j < end - (end == columns); j++) NODE()
            if (j < end) {
                NODE(-(step + all_of(c->last[i]) * y))
                j++;
            }
            arriving = step;
        }
#undef NODE
        sum_smooth(w, s, i);
    }
    (void)scale_smooth(w, s);
}

/* The first half of the solves of the word lines at a residual; the square of this in the norm of the preconditioner. */
static NOINLINE Step prepare_step(const Work *w, const Space *s) {
    const int64_t columns = w->columns;
    Step square = all_of(0);
    clear(s->smooth, filled(w->word_modes) * w->bit_modes);
    for (int64_t i = 0; i < w->rows; i++) {
        const float *ratios = w->steps.word_ratios + i * columns;
        const Step *residual = s->residual + i * columns;
        Step *handed = s->handed + i * columns, before = all_of(0);
        for (int64_t j = 0; j < columns; j++) {
            const Step sum = residual[j] + before;
            before = handed[j] = all_of(ratios[j]) * sum;
            square += before * sum; /* of r'T^-1 r with T = LDL' */
        }
        sum_smooth(w, s, i);
    }
    return square + scale_smooth(w, s);
}

/* Residual of a part at no voltage, where all currents enter at the ends of word lines. */
static void plain_residual(const Work *w, const Space *s, int part) {
    clear(s->row, w->columns), clear(s->ends + part * w->columns, w->columns);
    for (int64_t i = 0; i < w->rows; i++) {
        Part *residual = (Part *)(s->residual + i * w->columns) + part;
        word_sources(w, s, part, i);
        for (int64_t j = 0; j < w->columns; j++) residual[j * PARTS] = __builtin_convertvector(s->row[j], Part);
    }
}

/* The first half of the solves of the bit lines of a part at the voltages of the word lines; at the last nodes it is all. */
static NOINLINE void voltages_down(const Work *w, const Space *s, int part) {
    const int64_t columns = w->columns;
    Vec *line = s->ends + part * columns;
    clear(line, columns), clear(s->row, columns);
    for (int64_t i = 0; i < w->rows; i++) {
        const int64_t at = i * columns;
        const Real *ratios = w->cells.bit_ratios + at, *shares = w->cells.bit_shares + at;
        Vec *handed = (Vec *)s->handed + at;
        bit_sources(w, s, part, i);
        add_up(w, s, part, i);
        for (int64_t j = 0; j < columns; j++)
            line[j] = handed[j] = all(shares[j]) * s->x[j] + all(ratios[j]) * (s->row[j] + line[j]);
    }
}

/* The second half of them, and the residual. */
static NOINLINE void voltages_up(const Work *w, const Space *s, int part, int stores) {
    const int64_t columns = w->columns;
    Vec *line = (Vec *)s->line;
    clear(line, columns), clear(s->row, columns);
    for (int64_t i = w->rows; i--;) {
        const int64_t at = i * columns;
        const Cells *c = &w->cells;
        const Real *loads = c->loads + at, *ratios = c->bit_ratios + at;
        const Vec *x = s->x, *handed = (Vec *)s->handed + at;
        Part *residual = (Part *)(s->residual + at) + part;
        word_sources(w, s, part, i);
        add_up(w, s, part, i);
        Vec v = x[0], arriving = all(c->first[i]) * v;
        for (int64_t j = 0; j < columns; j++) {
            PREFETCH(handed - columns + j);
            const Vec next = j + 1 < columns ? x[j + 1] : v;
            const Vec leaving = j + 1 < columns ? next - v : all(-c->last[i]) * v;
            const Vec bit = line[j] = handed[j] + all(ratios[j]) * line[j];
            const Vec r = (s->row[j] - all(loads[j]) * (v - bit)) - (arriving - leaving);
            residual[j * PARTS] = __builtin_convertvector(r, Part);
            arriving = leaving, v = next;
        }
        if (stores) store_row(w, s, part, line, w->bit_out + at, w->rows * columns);
    }
}

/* Some steps, from one number to another one; the change of the last nodes of the bit lines. */
static void take_steps(const Work *w, const Space *s, int32_t k, int32_t end) {
    Step *changed = s->y + (k >= w->stretch) * w->rows * w->columns;
    for (; k < end; k++) {
        /* What the polynomial leaves takes it once more. */
        const float length = 1 / w->poles[k % w->terms];
        step_down(w, s, changed, length);
        for (int part = 0; part < PARTS; part++)
            for (int64_t j = 0; j < w->columns; j++)
                s->ends[part * w->columns + j] += all(length) * __builtin_convertvector(((Part *)(s->line + j))[part], Vec);
        step_up(w, s, length);
    }
}

/* The voltages of a part into the results. */
static void store(const Work *w, const Space *s, int part) {
    const int64_t columns = w->columns, cells = w->rows * columns;
    for (int64_t i = 0; i < w->rows; i++) {
        add_up(w, s, part, i);
        store_row(w, s, part, s->x, w->word_out + i * columns, cells);
    }
    if (w->bits == w->rows) voltages_down(w, s, part), voltages_up(w, s, part, 1);
    else store_row(w, s, part, s->ends + part * columns, w->bit_out, columns);
}

/* All steps of a group of inputs, until the residuals of all of them are small; and the results. */
static void solve_group(const Work *w, Space *s) {
    const int64_t cells = w->rows * w->columns;
    Step scale = all_of(0);
    int32_t done[WIDE] = {0};
    clear(s->y, 2 * cells);
    find_units(w, s);
    for (int32_t k = 0, end, near = 0;; k = end) {
        for (int part = 0; part < PARTS; part++) {
            if (!k && w->ends && w->bit_most == 0) plain_residual(w, s, part);
            /* At the end of the polynomial the steps leave one that float32 does not spoil, if they began near. */
            else if (k != w->terms || !near) voltages_down(w, s, part), voltages_up(w, s, part, 0);
        }
        const Step square = prepare_step(w, s);
        if (!k) scale = square;
        int any = 0;
        near = 1;
        for (int64_t l = 0; l < s->inputs; l++) {
            const int64_t input = s->begin + l;
            if (!done[l]) w->square[input] = square[l], w->scale[input] = scale[l], w->count[input] = k;
            done[l] |= square[l] <= (float)w->tolerance * scale[l];
            any |= !done[l];
            near &= square[l] * 1e-12f <= (float)w->tolerance * scale[l];
        }
        if (!any || k >= w->most) break;
        /* An input that is not done then needs a look at the residual after each step. */
        end = !k ? w->stretch : k < w->terms ? w->terms : k + 1;
        take_steps(w, s, k, end);
    }
    for (int part = 0; part < PARTS; part++) store(w, s, part);
}

/* Groups one after the other until none is left; none where there is no memory for one. */
static void *run(void *argument) {
    Work *w = argument;
    const uint32_t mode = flush_denormals();
    Space s = space_of(w);
    for (int64_t k; s.y && (k = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED)) < w->groups;) {
        s.begin = k * WIDE;
        s.inputs = w->inputs - s.begin < WIDE ? w->inputs - s.begin : WIDE;
        solve_group(w, &s);
    }
    free(s.y);
    restore(mode);
    return NULL;
}

/* Put poles in Leja's order: the first one is nearest to 1, where most of the spectrum is, and each other one that of which
 * those before it leave most. Else the residual might grow on the way beyond what its digits hold. */
static void order_poles(float *poles, int32_t count) {
    for (int32_t k = 0; k < count; k++) {
        double most = -INFINITY;
        int32_t best = k;
        for (int32_t j = k; j < count; j++) {
            double left = k ? 0 : -fabs(1 - poles[j]);
            for (int32_t l = 0; l < k; l++) left += log(fabs(1 - (double)poles[j] / poles[l]));
            if (left > most) most = left, best = j;
        }
        const float pole = poles[best];
        poles[best] = poles[k], poles[k] = pole;
    }
}

static int fits(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args;
    return frame->args.size == ARGS && frame->rets.size == RETS && size_of(args[POLES]) <= MOST_POLES;
}

static int run_all(const XLA_FFI_CallFrame *frame) {
    XLA_FFI_Buffer **args = (XLA_FFI_Buffer **)frame->args.args, **rets = (XLA_FFI_Buffer **)frame->rets.rets;
    const int32_t *numbers = args[NUMBERS]->data;
    const Real *scalars = args[SCALARS]->data;
    Work w = {
        .cells = {
            args[LOADS]->data, args[BIT_RATIOS]->data, args[BIT_SHARES]->data, args[FIRST]->data, args[LAST]->data,
        },
        .steps = {
            args[STEP_LOADS]->data, args[STEP_WORD_RATIOS]->data, args[STEP_BIT_RATIOS]->data, args[STEP_BIT_SHARES]->data,
            args[STEP_FIRST]->data, args[STEP_LAST]->data,
        },
        .factors = args[FACTORS]->data, .word_knots = args[WORD_KNOTS]->data, .along_bit = args[ALONG_BIT]->data,
        .word_in = args[WORD_IN]->data, .bit_in = args[BIT_IN]->data,
        .word_out = rets[WORD_OUT]->data, .bit_out = rets[BIT_OUT]->data,
        .square = rets[SQUARE]->data, .scale = rets[SCALE]->data, .count = rets[COUNT]->data,
        .tolerance = scalars[0], .word_resistance = scalars[1], .bit_resistance = scalars[2],
        .rows = args[LOADS]->dims[0], .columns = args[LOADS]->dims[1], .inputs = args[WORD_IN]->dims[0],
        .word_modes = args[FACTORS]->dims[0], .bit_modes = args[FACTORS]->dims[1],
        .knots = args[WORD_KNOTS]->dims[0], .spacing = numbers[4], .bits = rets[BIT_OUT]->dims[1],
        .terms = numbers[0], .stretch = numbers[1], .most = numbers[2], .ends = args[WORD_IN]->rank == 2,
    };
    memcpy(w.poles, args[POLES]->data, w.terms * sizeof(float));
    order_poles(w.poles, w.terms);
    if (w.ends) w.bit_most = largest(w.bit_in, w.rows * w.columns, 0);
    w.groups = (w.inputs + WIDE - 1) / WIDE;
    for (int k = WORD_OUT; k <= BIT_OUT; k++) ask_large_pages(rets[k]->data, size_of(rets[k]) * sizeof(Real));
    run_in_threads(run, &w, numbers[3] < w.groups ? numbers[3] : w.groups);
    /* A thread that had no memory left its groups to the others. */
    return w.next >= w.groups;
}
