/* The fixed part of a kernel: node voltages of one array of ohmic cells at many inputs, in groups of a vector's width.
 *
 * It solves the equations of the word lines that nodes.py has, with the inputs of a group side by side in memory: each
 * conductance and pivot is loaded once for all of them. With the residual r, corrected to z, a step is y += z / p and
 * r -= S z / p, where the poles p are those of the polynomial of another right-hand side: there are no products to wait for.
 *
 * Since z = T^-1 r + C r, where T are the word lines with their cells and C is the smooth correction, S z is
 * r + T C r - D B^-1 D z: wires act on the smooth part alone. In the place of r its solve u = T^-1 r is kept, and the modes
 * of r that C takes. A step is two passes over the rows of the array.
 *
 * - down: the first half of the solves of the bit lines, of which only some rows are kept;
 * - up: these are taken up again block by block and end, which gives the next u row by row, and y from two of them.
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
enum { FACTORS = STEP_LAST + 1, WORD_KNOTS, ALONG_BIT, WORD_IN, BIT_IN, WORD_WEIGHTS, BIT_WEIGHTS, ARGS };
enum { WORD_OUT, BIT_OUT, SQUARE, SCALE, COUNT, PRODUCTS, WORD_ENDS, BIT_ENDS, RETS };

enum { ROWS = 8 }; /* of a block, in which first halves of solves are computed again: to keep them all moves more memory */

#define PREFETCH(x) __builtin_prefetch(x, 0, 2)
#define WIDENED(x) __builtin_convertvector(x, Vec)
#define NARROWED(x) __builtin_convertvector(x, Part)

/* Conductances of cells over that of a segment of a word line, pivots of bit lines, and these times conductances over that of
 * a segment of a bit line; ends of word lines. */
typedef struct { const Real *loads, *bit_ratios, *bit_shares, *first, *last; } Cells;
typedef struct { const float *loads, *word_ratios, *bit_ratios, *bit_shares, *first, *last; } StepCells;

/* Currents into the nodes of lines in the last rows, which are 0 in those before; or voltages of the ends of word lines, and
 * currents into the nodes of bit lines, the same for all inputs. */
typedef struct { const Real *in; int64_t begin, end; } Sources;

/* A row of them. */
static const Real *source_row(const Sources *s, int64_t columns, int64_t input, int64_t i) {
    return s->in + (input * (s->end - s->begin) + i - s->begin) * columns;
}

typedef struct { /* what all threads read */
    Cells cells;
    StepCells steps;
    const float *factors, *word_knots, *along_bit;
    Sources word, bit;
    Real *word_out, *bit_out, *square, *scale;
    const Real *word_weights, *bit_weights; /* voltages of the same nodes, with which results are multiplied */
    Real *products, *word_ends, *bit_ends;  /* sums over a group, and what the ends of lines have; none without weights */
    int32_t *count;
    float poles[MOST_POLES];
    Real tolerance, word_resistance, bit_resistance, bit_most;
    int64_t rows, columns, inputs, word_modes, bit_modes, knots, spacing, words, bits, groups, next;
    int32_t terms, stretch, most, ends; /* of the polynomial; steps of its first half; at which it ends */
} Work;

typedef struct { /* of the group of a thread */
    Step *y;                           /* 2 x rows x columns: voltages by the first half of the polynomial, and by the rest */
    Step *u;                           /* rows x columns: the residual, solved by the word lines alone */
    Step *knots;                       /* 2 x rows x knots: smooth part of a correction, or of both halves of the voltages */
    Step *modes, *smooth, *total;      /* word modes (filled up) x bit modes: of the residual, of a correction, 2 x of voltages */
    Step *sum, *sums, *line, *row;     /* modes of a pass; knots: of a row; columns: of the bit lines, of a row */
    float *along;                      /* word modes in blocks of TOGETHER: block x knots x TOGETHER */
    Vec *begun, *block, *x;            /* parts x columns: of the bit lines before each block of rows; rows of a block */
    Vec *source, *zeros, *last, *ends; /* columns: of a row; parts x columns: of the bit lines, their last nodes */
    Vec unit[PARTS];
    int halves;                                /* of the voltages that are not 0 */
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

/* Memory that a call leaves to later ones, behind its size: to fill new pages takes up to half of the time of a call. */
enum { KEPT = 8, HEAD = 64, MOST_KEPT = 64 << 20 };
static char *kept[KEPT];

static void *take_memory(size_t size) {
    for (int k = 0; k < KEPT; k++) {
        char *block = __atomic_exchange_n(&kept[k], NULL, __ATOMIC_ACQ_REL);
        if (block && *(size_t *)block >= size) return block + HEAD;
        free(block);
    }
    char *block = aligned_alloc(HEAD, HEAD + (size + HEAD - 1) / HEAD * HEAD);
    if (!block) return NULL;
    *(size_t *)block = size;
    ask_large_pages(block, HEAD + size);
    return block + HEAD;
}

static void leave_memory(void *x) {
    if (!x) return;
    char *block = (char *)x - HEAD;
    for (int k = 0; k < KEPT && *(size_t *)block <= MOST_KEPT; k++) {
        char *none = NULL;
        if (__atomic_compare_exchange_n(&kept[k], &none, block, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return;
    }
    free(block);
}

static void clear(void *x, int64_t n) { memset(x, 0, n * sizeof(Step)); }

/* Memory of a group; where there is none, the first pointer is none. */
static Space space_of(const Work *w) {
    const int64_t columns = w->columns, modes = filled(w->word_modes), smooth = modes * w->bit_modes;
    /* Arrays that begin at the same place of a page would share few lines of the first-level cache. */
    const int64_t cells = w->rows * columns + 16, knots = w->rows * w->knots, blocks = (w->rows + ROWS - 1) / ROWS;
    const int64_t steps = 3 * cells + 2 * knots + 5 * smooth + w->knots + 2 * columns;
    const int64_t parts = ((blocks + 2 * ROWS + 2) * PARTS + 2) * columns;
    const size_t size = (steps + parts) * sizeof(Step) + modes * w->knots * sizeof(float);
    Step *y = take_memory(size);
    if (!y) return (Space){0};
    Space s = {.y = y, .u = y + 2 * cells, .knots = y + 3 * cells};
    s.modes = s.knots + 2 * knots, s.smooth = s.modes + smooth, s.total = s.smooth + smooth, s.sum = s.total + 2 * smooth;
    s.sums = s.sum + smooth, s.line = s.sums + w->knots, s.row = s.line + columns;
    s.begun = (Vec *)(s.row + columns), s.block = s.begun + blocks * PARTS * columns;
    s.x = s.block + ROWS * PARTS * columns, s.last = s.x + ROWS * PARTS * columns, s.ends = s.last + PARTS * columns;
    s.source = s.ends + PARTS * columns, s.zeros = s.source + columns, s.along = (float *)(s.zeros + columns);
    clear(s.zeros, columns);
    memset(s.along, 0, modes * w->knots * sizeof(float));
    for (int64_t m = 0; m < w->word_modes; m++)
        for (int64_t q = 0; q < w->knots; q++)
            s.along[(m / TOGETHER * w->knots + q) * TOGETHER + m % TOGETHER] = w->word_knots[q * w->word_modes + m];
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

/* The largest current of an input; the first row of all where there are any. */
static Real largest_current(const Sources *sources, int64_t columns, int64_t input, int64_t *from) {
    Real most = 0;
    for (int64_t i = sources->begin; i < sources->end; i++) {
        const Real here = largest(source_row(sources, columns, input, i), columns, 0);
        if (here > 0 && i < *from) *from = i;
        most = here > most ? here : most;
    }
    return most;
}

/* Units of the inputs of a group, 1 where all numbers are 0, and where there are currents. */
static void find_units(const Work *w, Space *s) {
    const int64_t columns = w->columns;
    s->word_from = s->bit_from = w->rows;
    for (int part = 0; part < PARTS; part++) {
        s->unit[part] = all(1);
        for (int64_t l = 0; l < inputs_of(s, part); l++) {
            const int64_t input = begin_of(s, part) + l;
            Real most;
            if (w->ends) most = largest(w->word.in + input * w->rows, w->rows, w->bit_most);
            else {
                most = w->word_resistance * largest_current(&w->word, columns, input, &s->word_from);
                const Real bit = w->bit_resistance * largest_current(&w->bit, columns, input, &s->bit_from);
                most = bit > most ? bit : most;
            }
            if (most > 0) s->unit[part][l] = most;
        }
    }
}

/* A row of a part out of the arrays of its inputs, in which it is 0 before one. */
static NOINLINE const Vec *load_row(
    const Work *w, const Space *s, int part, int64_t i, int64_t one, const Sources *from, Real factor
) {
    const Vec share = all(factor) / s->unit[part];
    if (i < one) return s->zeros;
    for (int64_t l = 0; l < inputs_of(s, part); l++) {
        const Real *row = source_row(from, w->columns, begin_of(s, part) + l, i);
        for (int64_t j = 0; j < w->columns; j++) s->source[j][l] = row[j];
    }
    for (int64_t j = 0; j < w->columns; j++) s->source[j] *= share;
    return s->source;
}

/* A row into results of so many rows. */
static NOINLINE void store_row(const Work *w, const Space *s, const Vec *restrict row, Real *restrict to, int64_t i, int64_t rows) {
    const int64_t columns = w->columns;
    for (int part = 0; part < PARTS; part++, row += columns)
        for (int64_t j0 = 0; j0 < columns; j0 += BLOCK) {
            const int64_t end = j0 + BLOCK < columns ? j0 + BLOCK : columns;
            for (int64_t l = 0; l < inputs_of(s, part); l++)
                for (int64_t j = j0; j < end; j++)
                    to[((begin_of(s, part) + l) * rows + i) * columns + j] = s->unit[part][l] * row[j][l];
        }
}

/* In the place of the voltages of a row: those across its cells times those of the weights, and the ends of its lines. */
static NOINLINE void weigh_row(const Work *w, const Space *s, const Vec *x, int64_t i) {
    const int64_t columns = w->columns;
    Real *products = w->products + (s->begin / WIDE * w->rows + i) * columns;
    for (int part = 0; part < PARTS; part++) {
        const Vec *word = x + part * columns, *bit = s->last + part * columns;
        if (inputs_of(s, part) < BLOCK) clear(s->source, columns);
        for (int64_t l = 0; l < inputs_of(s, part); l++) {
            const int64_t input = begin_of(s, part) + l, at = (input * w->rows + i) * columns;
            for (int64_t j = 0; j < columns; j++) s->source[j][l] = w->word_weights[at + j] - w->bit_weights[at + j];
            w->word_ends[2 * input * w->rows + i] = s->unit[part][l] * word[0][l];
            w->word_ends[(2 * input + 1) * w->rows + i] = s->unit[part][l] * word[columns - 1][l];
        }
        for (int64_t j = 0; j < columns; j++) {
            const Vec product = s->unit[part] * (word[j] - bit[j]) * s->source[j];
            Real sum = part ? products[j] : 0;
            for (int l = 0; l < BLOCK; l++) sum += product[l];
            products[j] = sum;
        }
    }
    if (i == 0) store_row(w, s, s->last, w->bit_ends, 0, 2);
    if (i == w->rows - 1) store_row(w, s, s->last, w->bit_ends, 1, 2);
}

/* Voltages of a row of word lines, whose smooth parts are straight between knots. */
static NOINLINE void add_up(const Work *w, const Space *s, int64_t i, Vec *x) {
    const int64_t columns = w->columns, spacing = w->spacing;
    for (int64_t k = 0; k < columns * PARTS; k++) x[k] = all(0);
    for (int half = 0; half < s->halves; half++)
        for (int part = 0; part < PARTS; part++) {
            const Part *y = (Part *)(s->y + (half * w->rows + i) * columns) + part;
            const Part *knots = (Part *)(s->knots + (half * w->rows + i) * w->knots) + part;
            for (int64_t q = 0, j = 0; j < columns; q++) {
                const int64_t end = j + spacing < columns ? j + spacing : columns;
                Vec smooth = WIDENED(knots[q * PARTS]);
                const Vec step = (WIDENED(knots[(q + 1) * PARTS]) - smooth) * all((Real)1 / spacing);
                for (; j < end; j++, smooth += step) {
                    PREFETCH(y + (columns + j) * PARTS);
                    x[part * columns + j] += WIDENED(y[j * PARTS]) + smooth;
                }
            }
        }
}

/* Currents into the nodes of a row of bit lines, times the resistance of their segments. */
INLINE const Vec *bit_sources(const Work *w, const Space *s, int part, int64_t i) {
    if (!w->ends) return load_row(w, s, part, i, s->bit_from, &w->bit, w->bit_resistance);
    if (w->bit_most == 0) return s->zeros;
    for (int64_t j = 0; j < w->columns; j++) s->source[j] = all(w->bit.in[i * w->columns + j]) / s->unit[part];
    return s->source;
}

/* Likewise those of a word line. */
INLINE const Vec *word_sources(const Work *w, const Space *s, int part, int64_t i) {
    if (!w->ends) return load_row(w, s, part, i, s->word_from, &w->word, w->word_resistance);
    Vec v = all(0);
    for (int64_t l = 0; l < inputs_of(s, part); l++) v[l] = w->word.in[(begin_of(s, part) + l) * w->rows + i];
    v /= s->unit[part];
    clear(s->source, w->columns);
    s->source[0] = all(w->cells.first[i]) * v;
    s->source[w->columns - 1] += all(w->cells.last[i]) * v;
    return s->source;
}

/* Smooth part of a row at its knots: between two of them it grows by the same from column to column. */
static NOINLINE void find_knots(const Work *w, const Space *s, const Step *smooth, int64_t i, Step *knots) {
    const float *along_bit = w->along_bit + i * w->bit_modes;
    knots += i * w->knots;
    clear(knots, w->knots);
    for (int64_t m = 0; m < w->word_modes; m += TOGETHER) {
        const float *along = s->along + m * w->knots;
        Step a[TOGETHER] = {{0}};
        for (int64_t n = 0; n < w->bit_modes; n++)
            for (int k = 0; k < TOGETHER; k++) a[k] += smooth[(m + k) * w->bit_modes + n] * all_of(along_bit[n]);
        for (int64_t q = 0; q < w->knots; q++) {
            Step y = knots[q];
            for (int k = 0; k < TOGETHER; k++) y += all_of(along[q * TOGETHER + k]) * a[k];
            knots[q] = y;
        }
    }
}

/* Smooth parts of both halves of the voltages. */
static void find_smooth(const Work *w, const Space *s) {
    for (int half = 0; half < s->halves; half++)
        for (int64_t i = 0; i < w->rows; i++)
            find_knots(w, s, s->total + half * filled(w->word_modes) * w->bit_modes, i, s->knots + half * w->rows * w->knots);
}

/* Share out the numbers between two knots: each goes to both, to the nearer one more. They come as their sum, and as one
 * in which a number counts once for each that is not before it. */
INLINE void share_out(const Work *w, const Space *s, int64_t q, int64_t count, Step sum, Step sums) {
    const Step left = (sums + all_of(w->spacing - count) * sum) * all_of(1.0f / w->spacing);
    s->sums[q] += left, s->sums[q + 1] = sum - left;
}

/* Add a row that was shared out to the smooth modes. */
static NOINLINE void add_smooth(const Work *w, const Space *s, int64_t i) {
    const float *along_bit = w->along_bit + i * w->bit_modes;
    for (int64_t m = 0; m < w->word_modes; m += TOGETHER) {
        const float *along = s->along + m * w->knots;
        Step a[TOGETHER] = {{0}};
        for (int64_t q = 0; q < w->knots; q++)
            for (int k = 0; k < TOGETHER; k++) a[k] += all_of(along[q * TOGETHER + k]) * s->sums[q];
        for (int k = 0; k < TOGETHER; k++)
            for (int64_t n = 0; n < w->bit_modes; n++) s->sum[(m + k) * w->bit_modes + n] += all_of(along_bit[n]) * a[k];
    }
}

/* The smooth modes of the residual: what a step leaves of them, and what it adds; and those of its correction. */
static void take_smooth(const Work *w, const Space *s, float length) {
    for (int64_t k = 0; k < w->word_modes * w->bit_modes; k++) {
        s->modes[k] = all_of(1 - length) * s->modes[k] + all_of(length) * s->sum[k];
        s->smooth[k] = all_of(w->factors[k]) * s->modes[k];
    }
}

/* The first half of the solves of the bit lines in a row at the correction, after the row before. */
static NOINLINE void step_row(const Work *w, const Space *s, int64_t i, const Step *before, Step *begun) {
    const int64_t columns = w->columns, spacing = w->spacing, at = i * columns;
    const float *ratios = w->steps.bit_ratios + at, *shares = w->steps.bit_shares + at;
    const Step *knots = s->knots + i * w->knots, *u = s->u + at;
    for (int64_t q = 0, j = 0; j < columns; q++) {
        const Step step = (knots[q + 1] - knots[q]) * all_of(1.0f / spacing);
        const int64_t end = j + spacing < columns ? j + spacing : columns;
        for (Step y = knots[q]; j < end; j++, y += step) {
            PREFETCH(u + columns + j);
            begun[j] = all_of(shares[j]) * (u[j] + y) + all_of(ratios[j]) * before[j];
        }
    }
}

/* The same in all rows, of which those before a block are kept. */
static NOINLINE void step_down(const Work *w, const Space *s) {
    clear(s->line, w->columns);
    for (int64_t i = 0; i < w->rows; i++) {
        if (i % ROWS == 0) memcpy((Step *)s->begun + i / ROWS * w->columns, s->line, w->columns * sizeof(Step));
        find_knots(w, s, s->smooth, i, s->knots);
        step_row(w, s, i, s->line, s->line);
    }
}

/* What a step of length 1 would leave of the residual in a row, into the smooth modes and the first half of its solve. */
static NOINLINE void leave_row(const Work *w, const Space *s, int64_t i, Step *begun) {
    const int64_t columns = w->columns, spacing = w->spacing, at = i * columns;
    const StepCells *c = &w->steps;
    const float *loads = c->loads + at, *bit_ratios = c->bit_ratios + at, *word_ratios = c->word_ratios + at;
    const Step *knots = s->knots + i * w->knots;
    Step *line = s->line, before = all_of(0), arriving = all_of(c->first[i]) * knots[0];
/* A node, and the current of the smooth part that enters it along the wires. */
#define NODE(entering)                                                               \
    {                                                                                \
        const Step bit = line[j] = begun[j] + all_of(bit_ratios[j]) * line[j];       \
        const Step left = all_of(loads[j]) * (bit - y) entering;                     \
        y += step, sum += left, sums += sum;                                         \
        before = begun[j] = all_of(word_ratios[j]) * (left + before);                \
    }
    s->sums[0] = all_of(0);
    for (int64_t q = 0, j = 0; j < columns; q++) {
        Step y = knots[q], sum = all_of(0), sums = all_of(0);
        const Step step = (knots[q + 1] - y) * all_of(1.0f / spacing);
        const int64_t begin = j, end = j + spacing < columns ? j + spacing : columns;
        const Step leaving = j + 1 < columns ? step : all_of(-c->last[i]) * y;
        NODE(-(arriving - leaving))
        for (j++; j < end - (end == columns); j++) NODE()
        if (j < end) {
            NODE(-(step + all_of(c->last[i]) * y))
            j++;
        }
        arriving = step;
        share_out(w, s, q, end - begin, sum, sums);
    }
#undef NODE
    add_smooth(w, s, i);
}

/* The residual after a step, and the voltages after this and the next one: their rows of it are at hand here. */
static NOINLINE void step_up(const Work *w, const Space *s, Step *y, int adds, float length, float next) {
    const int64_t columns = w->columns;
    clear(s->line, columns), clear(s->sum, filled(w->word_modes) * w->bit_modes);
    for (int64_t i0 = (w->rows - 1) / ROWS * ROWS; i0 >= 0; i0 -= ROWS) {
        const int64_t end = i0 + ROWS < w->rows ? i0 + ROWS : w->rows;
        const Step *before = (Step *)s->begun + i0 / ROWS * columns;
        Step *block = (Step *)s->block;
        for (int64_t i = i0; i < end; i++, before = block, block += columns) step_row(w, s, i, before, block);
        for (int64_t i = end; i-- > i0;) {
            const float *ratios = w->steps.word_ratios + i * columns;
            Step *u = s->u + i * columns, *total = y + i * columns, after = all_of(0);
            block -= columns;
            leave_row(w, s, i, block);
            for (int64_t j = columns; j--;) {
                const Step old = u[j];
                PREFETCH(u - ROWS * columns + j);
                if (next >= 0) PREFETCH(total - columns + j);
                after = block[j] + all_of(ratios[j]) * after;
                u[j] = all_of(1 - length) * old + all_of(length) * after;
                if (next >= 0) total[j] = (adds ? total[j] : all_of(0)) + (all_of(length) * old + all_of(next) * u[j]);
            }
        }
    }
}

/* A row of the residual into its smooth modes, and solved; its product with that. */
static NOINLINE Step take_row(const Work *w, const Space *s, int64_t i) {
    const float *ratios = w->steps.word_ratios + i * w->columns;
    Step *u = s->u + i * w->columns, before = all_of(0), after = all_of(0), square = all_of(0);
    s->sums[0] = all_of(0);
    for (int64_t q = 0, j = 0; j < w->columns; q++) {
        Step sum = all_of(0), sums = all_of(0);
        const int64_t begin = j, end = j + w->spacing < w->columns ? j + w->spacing : w->columns;
        for (; j < end; j++) {
            sum += s->row[j], sums += sum;
            before = u[j] = all_of(ratios[j]) * (s->row[j] + before);
        }
        share_out(w, s, q, end - begin, sum, sums);
    }
    add_smooth(w, s, i);
    for (int64_t j = w->columns; j--;) {
        after = u[j] += all_of(ratios[j]) * after;
        square += after * s->row[j];
    }
    return square;
}

/* The same product of the residual that steps have left. */
static Step lines_square(const Work *w, const Space *s) {
    const int64_t columns = w->columns;
    Step square = all_of(0);
    for (int64_t i = 0; i < w->rows; i++) {
        const Step *u = s->u + i * columns;
        const float *loads = w->steps.loads + i * columns;
        square += all_of(w->steps.first[i]) * u[0] * u[0] + all_of(w->steps.last[i]) * u[columns - 1] * u[columns - 1];
        for (int64_t j = 0; j < columns; j++) {
            const Step across = j ? u[j] - u[j - 1] : all_of(0);
            square += all_of(loads[j]) * u[j] * u[j] + across * across;
        }
    }
    return square;
}

/* Residual at no voltage, where all currents enter at the ends of word lines. */
static Step plain_residual(const Work *w, const Space *s) {
    Step square = all_of(0);
    clear(s->ends, w->columns * PARTS);
    for (int64_t i = 0; i < w->rows; i++) {
        for (int part = 0; part < PARTS; part++) {
            const Vec *source = word_sources(w, s, part, i);
            for (int64_t j = 0; j < w->columns; j++) ((Part *)(s->row + j))[part] = NARROWED(source[j]);
        }
        square += take_row(w, s, i);
    }
    return square;
}

/* The first half of the solves of the bit lines in a row at the voltages of the word line, after the row before. */
static NOINLINE void voltage_row(const Work *w, const Space *s, int64_t i, Vec *x, const Vec *before, Vec *begun) {
    const Real *ratios = w->cells.bit_ratios + i * w->columns, *shares = w->cells.bit_shares + i * w->columns;
    add_up(w, s, i, x);
    for (int part = 0; part < PARTS; part++) {
        const Vec *source = bit_sources(w, s, part, i);
        for (int64_t j = 0, k = part * w->columns; j < w->columns; j++, k++)
            begun[k] = all(shares[j]) * x[k] + all(ratios[j]) * (source[j] + before[k]);
    }
}

/* The same in all rows, of which those before a block are kept; at the last nodes it is all. */
static void voltages_down(const Work *w, const Space *s) {
    const int64_t columns = w->columns * PARTS;
    clear(s->ends, columns), find_smooth(w, s);
    for (int64_t i = 0; i < w->rows; i++) {
        if (i % ROWS == 0) memcpy(s->begun + i / ROWS * columns, s->ends, columns * sizeof(Vec));
        voltage_row(w, s, i, s->x, s->ends, s->ends);
    }
}

/* Bit lines of a part in a row by the second half of their solves, and what currents leave unbalanced. */
static NOINLINE void balance_row(const Work *w, const Space *s, int part, int64_t i, const Vec *x, const Vec *begun) {
    const int64_t columns = w->columns, at = i * columns;
    const Cells *c = &w->cells;
    const Real *loads = c->loads + at, *ratios = c->bit_ratios + at;
    Vec *line = s->last + part * columns, v = x[0], arriving = all(c->first[i]) * v;
    const Vec *source = word_sources(w, s, part, i);
    for (int64_t j = 0; j < columns; j++) {
        const Vec next = j + 1 < columns ? x[j + 1] : v;
        const Vec leaving = j + 1 < columns ? next - v : all(-c->last[i]) * v;
        const Vec bit = line[j] = begun[j] + all(ratios[j]) * line[j];
        ((Part *)(s->row + j))[part] = NARROWED((source[j] - all(loads[j]) * (v - bit)) - (arriving - leaving));
        arriving = leaving, v = next;
    }
}

/* In all rows: the residual, and its product with what the word lines solve of it; or the results. */
static NOINLINE Step voltages_up(const Work *w, const Space *s, int stores) {
    const int64_t columns = w->columns;
    Step square = all_of(0);
    clear(s->last, columns * PARTS);
    for (int64_t i0 = (w->rows - 1) / ROWS * ROWS; i0 >= 0; i0 -= ROWS) {
        const int64_t end = i0 + ROWS < w->rows ? i0 + ROWS : w->rows;
        const Vec *before = s->begun + i0 / ROWS * columns * PARTS;
        Vec *block = s->block, *x = s->x;
        for (int64_t i = i0; i < end; i++, before = block, block += columns * PARTS, x += columns * PARTS)
            voltage_row(w, s, i, x, before, block);
        for (int64_t i = end; i-- > i0;) {
            block -= columns * PARTS, x -= columns * PARTS;
            for (int part = 0; part < PARTS; part++) balance_row(w, s, part, i, x + part * columns, block + part * columns);
            if (stores) {
                if (w->products) weigh_row(w, s, x, i);
                if (w->words) store_row(w, s, x, w->word_out, i, w->rows);
                if (w->bits) store_row(w, s, s->last, w->bit_out, i, w->rows);
            } else square += take_row(w, s, i);
        }
    }
    return square;
}

/* Some steps, from one number to another one; the change of the last nodes of the bit lines. */
static void take_steps(const Work *w, Space *s, int32_t from, int32_t end) {
    const int second = from >= w->stretch;
    const int64_t smooth = filled(w->word_modes) * w->bit_modes;
    for (int32_t k = from; k < end; k++) {
        /* What the polynomial leaves takes it once more. */
        const float length = 1 / w->poles[k % w->terms], next = k + 1 < end ? 1 / w->poles[(k + 1) % w->terms] : 0;
        for (int64_t m = 0; m < smooth; m++) s->total[second * smooth + m] += all_of(length) * s->smooth[m];
        step_down(w, s);
        for (int part = 0; part < PARTS; part++)
            for (int64_t j = 0; j < w->columns; j++)
                s->ends[part * w->columns + j] += all(length) * WIDENED(((Part *)(s->line + j))[part]);
        step_up(w, s, s->y + second * w->rows * w->columns, s->halves > second, length, (k - from) % 2 ? -1 : next);
        s->halves = second + 1;
        take_smooth(w, s, length);
    }
}

/* The voltages of a group into the results. */
static void store(const Work *w, const Space *s) {
    if (w->bits == w->rows || w->products) {
        voltages_down(w, s), voltages_up(w, s, 1);
        return;
    }
    if (w->words) find_smooth(w, s);
    for (int64_t i = 0; i < w->words; i++) {
        add_up(w, s, i, s->x);
        store_row(w, s, s->x, w->word_out, i, w->rows);
    }
    store_row(w, s, s->ends, w->bit_out, 0, 1);
}

/* The residual of a group by its voltages, and all that a step begins with. */
static Step find_residual(const Work *w, const Space *s, int plain) {
    clear(s->sum, filled(w->word_modes) * w->bit_modes);
    if (!plain) voltages_down(w, s);
    const Step square = plain ? plain_residual(w, s) : voltages_up(w, s, 0);
    take_smooth(w, s, 1);
    return square;
}

/* All steps of a group of inputs, until the residuals of all of them are small; and the results. */
static void solve_group(const Work *w, Space *s) {
    const int64_t smooth = filled(w->word_modes) * w->bit_modes;
    Step scale = all_of(0);
    int32_t done[WIDE] = {0};
    clear(s->modes, 5 * smooth);
    s->halves = 0;
    find_units(w, s);
    for (int32_t k = 0, end, near = 0;; k = end) {
        /* At the end of the polynomial the steps leave one that float32 does not spoil, if they began near. */
        Step square = k == w->terms && near ? lines_square(w, s) : find_residual(w, s, !k && w->ends && w->bit_most == 0);
        for (int64_t m = 0; m < smooth; m++) square += s->smooth[m] * s->modes[m];
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
    store(w, s);
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
    leave_memory(s.y);
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

static Sources sources_of(const XLA_FFI_Buffer *x, int64_t rows) { return (Sources){x->data, rows - x->dims[1], rows}; }

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
        .word_out = rets[WORD_OUT]->data, .bit_out = rets[BIT_OUT]->data,
        .square = rets[SQUARE]->data, .scale = rets[SCALE]->data, .count = rets[COUNT]->data,
        .word_weights = args[WORD_WEIGHTS]->data, .bit_weights = args[BIT_WEIGHTS]->data,
        .products = size_of(rets[PRODUCTS]) ? rets[PRODUCTS]->data : NULL,
        .word_ends = rets[WORD_ENDS]->data, .bit_ends = rets[BIT_ENDS]->data,
        .tolerance = scalars[0], .word_resistance = scalars[1], .bit_resistance = scalars[2],
        .rows = args[LOADS]->dims[0], .columns = args[LOADS]->dims[1], .inputs = args[WORD_IN]->dims[0],
        .word_modes = args[FACTORS]->dims[0], .bit_modes = args[FACTORS]->dims[1],
        .knots = args[WORD_KNOTS]->dims[0], .spacing = numbers[4], .words = rets[WORD_OUT]->dims[1],
        .bits = rets[BIT_OUT]->dims[1],
        .terms = numbers[0], .stretch = numbers[1], .most = numbers[2], .ends = args[WORD_IN]->rank == 2,
    };
    memcpy(w.poles, args[POLES]->data, w.terms * sizeof(float));
    order_poles(w.poles, w.terms);
    w.word = sources_of(args[WORD_IN], w.rows), w.bit = sources_of(args[BIT_IN], w.rows);
    if (w.ends) w.bit_most = largest(w.bit.in, w.rows * w.columns, 0);
    w.groups = (w.inputs + WIDE - 1) / WIDE;
    for (int k = WORD_OUT; k <= BIT_OUT; k++) ask_large_pages(rets[k]->data, size_of(rets[k]) * sizeof(Real));
    run_in_threads(run, &w, numbers[3] < w.groups ? numbers[3] : w.groups);
    /* A thread that had no memory left its groups to the others. */
    return w.next >= w.groups;
}
