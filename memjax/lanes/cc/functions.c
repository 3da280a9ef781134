/* What follows from the functions of float.c or double.c, alike in both. */

INLINE int32_t is_nan(Real x) { return x != x; }

/* One instruction, as processors have it: b where either is no number. */
INLINE Real most(Real a, Real b) { return a > b ? a : b; }
INLINE Real least(Real a, Real b) { return a < b ? a : b; }

/* What is no number stays none: a bound that hid it would hide a step that failed. */
INLINE Real greater(Real a, Real b) { return a != a ? a : most(a, b); }
INLINE Real smaller(Real a, Real b) { return a != a ? a : least(a, b); }

INLINE Real sign_of(Real x) { return x > 0 ? ONE : (x < 0 ? -ONE : x); }

INLINE Real log1p_of(Real x) {
    const Real u = ONE + x, d = u - ONE, y = log_of(u) * (x / (d == 0 ? ONE : d));
    return d == 0 ? x : (is_finite(u) | (u < 0) ? y : u);
}

INLINE Real logistic_of(Real x) { return ONE / (ONE + exp_of(-x)); }

INLINE Real tanh_of(Real x) {
    const Real a = expm1_of(-2 * ABS(x)), y = -a / (a + 2);
    return x < 0 ? -y : y;
}

INLINE Real pow_of(Real x, Real y) { return y == 0 ? ONE : exp_of(y * log_of(x)); }

INLINE Real sinh_of(Real x) {
    const Real half = ONE / 2, a = ABS(x), h = exp_of(half * a), e = expm1_of(a);
    const Real y = a < 40 ? half * (e + e / (e + ONE)) : half * h * h;
    return x < 0 ? -y : y;
}

INLINE Real cosh_of(Real x) {
    const Real half = ONE / 2, a = ABS(x), h = exp_of(half * a);
    return FMA(half * h, h, half / (h * h));
}

/* Of its size to x^2 units in the last place: the square is rounded. */
INLINE Real erfc_of(Real x) {
    const Real half = ONE / 2, a = ABS(x), t = ONE / FMA(half, a, ONE);
    const Real y = t * exp_of(erfc_polynomial(2 * t - ONE) - a * a);
    return x < 0 ? 2 - y : y;
}

INLINE Real erf_of(Real x) { return ABS(x) < ONE ? x * erf_polynomial(FMA(2 * x, x, -ONE)) : ONE - erfc_of(x); }

/* Sine, and so many quarter turns on: of what is left of the nearest multiple of a quarter turn. */
INLINE Real turned_sine(Real x, Real quarters) {
    const Real half = ONE / 2, n = FLOOR(FMA(x, (Real)0.6366197723675814, half));
    Real r = FMA(-n, QUARTER_TURN_1, x);
    r = FMA(-n, QUARTER_TURN_2, r);
    r = FMA(-n, QUARTER_TURN_3, r);
    const Real z = r * r, m = n + quarters, q = m - 4 * FLOOR(m / 4);
    const Real s = FMA(r * z, sine_polynomial(z), r), c = FMA(z * z, cosine_polynomial(z), FMA(-half, z, ONE));
    const Real y = (q == 1) | (q == 3) ? c : s;
    return q >= 2 ? -y : y;
}
INLINE Real sin_of(Real x) { return turned_sine(x, 0); }
INLINE Real cos_of(Real x) { return turned_sine(x, 1); }
