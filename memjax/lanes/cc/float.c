/* Numbers of float32, and functions of them. */

typedef float Real;
enum { LANES = 64 };

#define ONE 1.0f
#define OF_KIND(function) function##f

INLINE int32_t is_finite(float x) { return (u_of_f(x) & 0x7F800000u) != 0x7F800000u; }

/* e^x to 1.5e-7: 2^n e^r with |r| <= log(2)/2, r in two parts of log(2), a polynomial of least largest error. From
 * x = -88.3 down 2^n is 0, from 88.5 up infinity, as the exponent is read. Of what is no number p is none. */
HELD(float, lowest_exponent, -88.3f);
HELD(float, highest_exponent, 88.5f);
INLINE float exp_of(float x) {
    float y = x < lowest_exponent ? lowest_exponent : x;
    y = y > highest_exponent ? highest_exponent : y;
    float n = rintf(y * 1.44269504f), r = FMA(n, -0.693359375f, y);
    r = FMA(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    TERM(r, 1.3981999507e-3f) TERM(r, 8.3334519073e-3f) TERM(r, 4.1665795894e-2f) TERM(r, 1.6666665459e-1f)
    TERM(r, 5.0000001201e-1f)
    p = FMA(p, r * r, r) + 1.0f;
    return p * f_of_i(((int32_t)n + 127) << 23);
}

/* log x to 1.5e-7 of its size: exponent, and a polynomial of what is left between root 1/2 and root 2. */
INLINE float log_of(float x) {
    int32_t word = i_of_f(x), high = (word & 0x7FFFFF) > 0x3504F3;
    float e = (float)((word >> 23) - 127 + high);
    float m = f_of_i((word & 0x7FFFFF) | (high ? 0x3F000000 : 0x3F800000)) - 1.0f, q = m * m;
    float p = 7.0376836292e-2f;
    TERM(m, -1.1514610310e-1f) TERM(m, 1.1676998740e-1f) TERM(m, -1.2420140846e-1f) TERM(m, 1.4249322787e-1f)
    TERM(m, -1.6668057665e-1f) TERM(m, 2.0000714765e-1f) TERM(m, -2.4999993993e-1f) TERM(m, 3.3333331174e-1f)
    float y = FMA(e, -2.12194440e-4f, p * m * q);
    y = FMA(-0.5f, q, y) + m;
    y = FMA(e, 0.693359375f, y);
    y = x < 1.17549435e-38f ? (x < 0 ? NAN : -INFINITY) : y;
    /* One comparison, false of what is no number: gcc makes no whole vectors of loops in which two are joined. */
    return x <= 3.4028235e38f ? y : x;
}

/* e^x - 1: a series where the difference would cancel. */
INLINE float expm1_of(float x) {
    float p = 1.9841270e-4f;
    TERM(x, 1.3888889e-3f) TERM(x, 8.3333333e-3f) TERM(x, 4.1666667e-2f) TERM(x, 1.6666667e-1f)
    TERM(x, 0.5f)
    p = FMA(p * x, x, x);
    return fabsf(x) < 0.35f ? p : exp_of(x) - 1.0f;
}

/* log(erfc(x) / t) + x^2 at t = 1 / (1 + x / 2) with u = 2 t - 1, and erf(x) / x at x^2 = (u + 1) / 2: by interpolation
 * at Chebyshev's nodes to 1e-8. */
INLINE float erfc_polynomial(float u) {
    float p = 4.65786206e-06f;
    TERM(u, 3.32440715e-04f) TERM(u, -2.19426875e-04f) TERM(u, -2.04580603e-03f) TERM(u, 1.78649684e-03f)
    TERM(u, 8.70160107e-03f) TERM(u, -9.87724401e-03f) TERM(u, -4.68742698e-02f) TERM(u, 4.73435260e-02f)
    TERM(u, 6.72642171e-01f)
    return FMA(p, u, -6.71794057e-01f);
}
INLINE float erf_polynomial(float u) {
    float p = 1.23060545e-06f;
    TERM(u, -1.76690683e-05f) TERM(u, 2.17513545e-04f) TERM(u, -2.28541950e-03f) TERM(u, 1.98524967e-02f)
    TERM(u, -1.40536100e-01f)
    return FMA(p, u, 9.65468764e-01f);
}

/* (sin r - r) / r^3 and (cos r - 1 + r^2 / 2) / r^4 at z = r^2 below (pi/4)^2, by interpolation at Chebyshev's nodes to
 * 2e-8 and 2e-9; half a turn's half in three parts, the first two of few bits: what a whole number makes of them is exact. */
#define QUARTER_TURN_1 1.5703125f
#define QUARTER_TURN_2 4.8351287841796875e-4f
#define QUARTER_TURN_3 3.139164786504813e-7f
INLINE float sine_polynomial(float z) {
    return FMA(FMA(-1.958537321e-4f, z, 8.332736559e-3f), z, -1.666666460e-1f);
}
INLINE float cosine_polynomial(float z) {
    return FMA(FMA(2.454541908e-5f, z, -1.388829130e-3f), z, 4.166666460e-2f);
}
