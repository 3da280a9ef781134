/* Numbers of float64, and functions of them, to a few units in the last place. */

typedef double Real;
#ifndef BLOCK
#define BLOCK 32
#endif
enum { LANES = BLOCK };

#define ONE 1.0
#define OF_KIND(function) function

INLINE double d_of_u(uint64_t x) { double y; memcpy(&y, &x, 8); return y; }
INLINE uint64_t u_of_d(double x) { uint64_t y; memcpy(&y, &x, 8); return y; }

#define BITS_OF_INFINITY 0x7FF0000000000000u

INLINE int32_t is_finite(double x) { return (u_of_d(x) & BITS_OF_INFINITY) != BITS_OF_INFINITY; }

/* e^x: 2^n e^r with |r| <= log(2)/2, r in two parts of log(2), and a polynomial, by interpolation at Chebyshev's nodes
 * to 2e-17. Adding 1.5 * 2^52 rounds to a whole number that stands in the lowest bits. Of what is no number p is none. */
HELD(double, lowest_exponent, -708.0);
HELD(double, highest_exponent, 709.78);
INLINE double exp_of(double x) {
    double y = x < lowest_exponent ? lowest_exponent : x;
    y = y > highest_exponent ? highest_exponent : y;
    const double shifted = FMA(y, 1.4426950408889634, 0x1.8p52), n = shifted - 0x1.8p52;
    double r = FMA(n, -0x1.62e42fefa39efp-1, y);
    r = FMA(n, -0x1.abc9e3b39803fp-56, r);
    double p = 0x1.af390ba7e6f47p-26;
    TERM(r, 0x1.2891d4ffbb0f9p-22) TERM(r, 0x1.71de0d85293b8p-19) TERM(r, 0x1.a019b8ca26fcfp-16)
    TERM(r, 0x1.a01a01a7cebcdp-13) TERM(r, 0x1.6c16c1789d1d7p-10) TERM(r, 0x1.11111111109a6p-7)
    TERM(r, 0x1.5555555553d37p-5) TERM(r, 0x1.5555555555556p-3) TERM(r, 0.5)
    p = FMA(p, r * r, r) + 1.0;
    /* Twice 2^(n - 1), since 2^1024 is none. */
    double z = p * d_of_u((u_of_d(shifted) + 1022) << 52) * 2.0;
    z = x < lowest_exponent ? 0.0 : z;
    return x > highest_exponent ? INFINITY : z;
}

/* log x: exponent, and for m between root 1/2 and root 2 an odd function of s = (m - 1) / (m + 1), by interpolation at
 * Chebyshev's nodes to 5e-18. */
INLINE double log_of(double x) {
    const uint64_t word = u_of_d(x), fraction = word & 0xFFFFFFFFFFFFFu, high = fraction > 0x6A09E667F3BCCu;
    /* The exponent as a float64: in the lowest bits of 2^52. */
    const double e = d_of_u((word >> 52) + high | 0x4330000000000000u) - (0x1p52 + 1023.0);
    const double f = d_of_u(fraction | (high ? 0x3FE0000000000000u : 0x3FF0000000000000u)) - 1.0;
    const double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double p = 0x1.2b6686d1072f3p-3;
    TERM(z, 0x1.39fd39474ad34p-3) TERM(z, 0x1.7462bd8e53c17p-3) TERM(z, 0x1.c71c62c63e016p-3)
    TERM(z, 0x1.2492492e09d1ap-2) TERM(z, 0x1.9999999995204p-2) TERM(z, 0x1.5555555555558p-1)
    double y = FMA(s, FMA(p, z, half), e * 0x1.ef35793c76730p-45);
    y = FMA(e, 0x1.62e42fefa3800p-1, f - (half - y));
    y = x < 0x1p-1022 ? (x < 0 ? NAN : -INFINITY) : y;
    return is_finite(x) ? y : (x < 0 ? NAN : x);
}

/* e^x - 1: a series where the difference would cancel. */
INLINE double expm1_of(double x) {
    double p = 0x1.6124613a86d09p-33; /* 1/13! and on to 1/2! */
    TERM(x, 0x1.1eed8eff8d898p-29) TERM(x, 0x1.ae64567f544e4p-26) TERM(x, 0x1.27e4fb7789f5cp-22)
    TERM(x, 0x1.71de3a556c734p-19) TERM(x, 0x1.a01a01a01a01ap-16) TERM(x, 0x1.a01a01a01a01ap-13)
    TERM(x, 0x1.6c16c16c16c17p-10) TERM(x, 0x1.1111111111111p-7) TERM(x, 0x1.5555555555555p-5)
    TERM(x, 0x1.5555555555555p-3) TERM(x, 0.5)
    p = FMA(p * x, x, x);
    return fabs(x) < 0.35 ? p : exp_of(x) - 1.0;
}

/* (sin r - r) / r^3 and (cos r - 1 + r^2 / 2) / r^4 at z = r^2 below (pi/4)^2, by interpolation at Chebyshev's nodes to
 * 2e-17; half a turn's half in three parts, the first two of 33 bits: what a whole number below 2^20 makes of them is exact. */
#define QUARTER_TURN_1 0x1.921fb544p0
#define QUARTER_TURN_2 0x1.0b4611a6p-34
#define QUARTER_TURN_3 0x1.3198a2e037073p-69
INLINE double sine_polynomial(double z) {
    double p = 0x1.5e0333e3ccba1p-33;
    TERM(z, -0x1.ae5ff4f957b14p-26) TERM(z, 0x1.71de3781495ffp-19) TERM(z, -0x1.a01a019e73325p-13)
    TERM(z, 0x1.1111111110b6cp-7)
    return FMA(p, z, -0x1.5555555555555p-3);
}
INLINE double cosine_polynomial(double z) {
    double p = -0x1.9075bb669682cp-37;
    TERM(z, 0x1.1eeb5de1e2b95p-29) TERM(z, -0x1.27e4fa0d3726cp-22) TERM(z, 0x1.a01a019f4671dp-16)
    TERM(z, -0x1.6c16c16c16944p-10)
    return FMA(p, z, 0x1.5555555555555p-5);
}

/* log(erfc(x) / t) + x^2 at t = 1 / (1 + x / 2) with u = 2 t - 1, and erf(x) / x at x^2 = (u + 1) / 2: by interpolation
 * at Chebyshev's nodes to 1e-16. */
INLINE double erfc_polynomial(double u) {
    double p = -0x1.1943a855716ffp-29;
    TERM(u, 0x1.19025cd758d1ep-28) TERM(u, 0x1.a4127cbdd2cfbp-27) TERM(u, -0x1.5211eeabd8475p-25)
    TERM(u, -0x1.d655d27e3863ap-30) TERM(u, 0x1.4a724324f40dbp-23) TERM(u, -0x1.060b066f3b1c0p-22)
    TERM(u, -0x1.6bc4718441b70p-23) TERM(u, 0x1.4ddbba86fd026p-20) TERM(u, -0x1.554607c2e8655p-20)
    TERM(u, -0x1.8b03e50149c59p-19) TERM(u, 0x1.1f4a49fcec608p-17) TERM(u, 0x1.221b142acc5f5p-23)
    TERM(u, -0x1.fa7672f9d2a54p-16) TERM(u, 0x1.0a4e5f21961d8p-15) TERM(u, 0x1.2b7a1fb788c6ep-14)
    TERM(u, -0x1.6d8a51510294fp-13) TERM(u, -0x1.8927317001983p-14) TERM(u, 0x1.6133a4a05868cp-11)
    TERM(u, -0x1.32b3b06c5e8edp-13) TERM(u, -0x1.337867fb9f13bp-9) TERM(u, 0x1.cd18086ec0d3dp-10)
    TERM(u, 0x1.212cf33f1866bp-7) TERM(u, -0x1.43821ef9e46ffp-7) TERM(u, -0x1.802b39089ac4ap-5)
    TERM(u, 0x1.83d61c5241526p-5) TERM(u, 0x1.5864b151b8570p-1)
    return FMA(p, u, -0x1.57f564e956ebep-1);
}
INLINE double erf_polynomial(double u) {
    double p = 0x1.05ffd737fb32ep-46;
    TERM(u, -0x1.acbabce2865e7p-42) TERM(u, 0x1.428e938efe043p-37) TERM(u, -0x1.bf8d2c72b9b8cp-33)
    TERM(u, 0x1.1ad5edf90dd80p-28) TERM(u, -0x1.429e93e668f24p-24) TERM(u, 0x1.486638bc9befep-20)
    TERM(u, -0x1.263991b802ee6p-16) TERM(u, 0x1.c82aa249df460p-13) TERM(u, -0x1.2b902b7b2f28ep-9)
    TERM(u, 0x1.454368017b042p-6) TERM(u, -0x1.1fd16292151fdp-3)
    return FMA(p, u, 0x1.ee51eb23cb7eap-1);
}
