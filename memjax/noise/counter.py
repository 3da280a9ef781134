"""Counter-based random numbers: a hash of a device's key and up to three counters, and distributions made from it."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Integer, Key, UInt32

_TOP = np.uint32(0x80000000)
# The two halves of 2^64 over the golden ratio: words without a pattern.
_START = (0x9E3779B9, 0x7F4A7C15)
"""Where the two hashes of the counters start, less the number of counters."""

_SHIFT = -0.0605
"""The quantile is smooth in sqrt(-log p + _SHIFT), smoothest for this value."""

# |z| in powers of sqrt(-log p + _SHIFT) - _MIDDLE for 2^-33 <= p <= 1/2, of least largest error: on
# 6000 Chebyshev nodes against scipy.special.ndtri, least squares reweighted until all errors are
# alike (Lawson), which leaves 1.54e-6.
_MIDDLE = 2.0
_QUANTILE = (
    2.114404146,
    1.616220185,
    -0.06681951929,
    0.02323223021,
    -0.008226738869,
    0.003008388534,
    -0.00110932828,
    0.0003409139429,
    -6.641022844e-05,
    5.694300807e-06,
)

# log(1 + x) in powers of x for 0 <= x <= 1, obtained likewise; the error is 1.9e-7.
_LOG = (
    1.922025152e-07,
    0.9999731221,
    -0.4993799891,
    0.3277878615,
    -0.2247556896,
    0.1331463177,
    -0.0541085414,
    0.0104840993,
)


def words(key: Key[Array, ""]) -> tuple[UInt32[Array, ""], UInt32[Array, ""]]:
    """Two words of a device's key, for `bits`. They are computed once, so that no step pays for threefry."""
    pair = jax.random.bits(key, (2,), jnp.uint32)
    return pair[0], pair[1]


def bits(
    key_lo: UInt32[Array, "..."],
    key_hi: UInt32[Array, "..."],
    counter: Integer[Array, "..."] | int,
    *counters: Integer[Array, "..."] | int,
) -> UInt32[Array, "..."]:
    """32 random bits of a key and one to three counters.

    Parameters
    ----------
    key_lo, key_hi : UInt32[Array, "..."]
        Key of each device, see `words`.
    counter, *counters : Integer[Array, "..."] or int
        Which number, e.g. of a step and a channel; taken modulo 2^32, and in this order. The shapes
        of keys and counters are broadcast. What depends on a scalar counter only is computed once
        for all devices.

    Returns
    -------
    UInt32[Array, "..."]
        They depend on nothing else, neither on the shapes nor on the precision of floats.

    Notes
    -----
    The counters make two words. These, each exclusive-or a word of the key, are added and go through
    the mixer "lowbias32": two 32-bit products per number, and two more per counter that is not a
    scalar. Simpler variants (one product, no fold at the start or the end, a word of the key that enters after the
    first product) fail the statistical tests for keys that differ in one bit or are consecutive. Keys chosen by
    hand may differ in one bit or be consecutive, but some that differ in two bits give related words;
    those from `words` do by a chance of about 2^-60 only. Not for cryptography.

    References
    ----------
    .. [1] J. Salmon et al., SC '11, doi:10.1145/2063384.2063405 (random numbers from counters)
    .. [2] C. Wellons, Prospecting for hash functions, https://nullprogram.com/blog/2018/07/31/
    """
    a, b = _of_counters(counter, *counters)
    lo, hi, a, b = jnp.broadcast_arrays(key_lo, key_hi, a, b)
    rotation = (hi << np.uint32(21)) | (hi >> np.uint32(11))
    x = (lo ^ a) + (rotation ^ b)
    x = _fold(x, 16) * np.uint32(0x7FEB352D)
    x = _fold(x, 15) * np.uint32(0x846CA68B)
    return _fold(x, 16)


def _fold(x, shift: int):
    """Mix the upper bits of a word into its lower ones."""
    return x ^ (x >> np.uint32(shift))


def _of_counters(*counters):
    """Two words that differ for different sequences of counters, whatever their number."""
    a, b = (jnp.uint32(start + len(counters)) for start in _START)
    for c in counters:
        a, b, c = jnp.broadcast_arrays(a, b, jnp.asarray(c, jnp.uint32))
        # Odd factors lose nothing modulo 2^32; these are those of the finaliser of MurmurHash3.
        a = _fold((a + c) * np.uint32(0x85EBCA6B), 15)
        b = _fold((b ^ c) * np.uint32(0xC2B2AE35), 16)
    return a, b


def normal(word: UInt32[Array, "..."], dtype) -> Float[Array, "..."]:
    """Standard normal number of a word, by the inverse of the distribution function.

    Parameters
    ----------
    word : UInt32[Array, "..."]
        See `bits`.

    Returns
    -------
    Float[Array, "..."]
        What a normal number exceeds with probability (word + 1/2) / 2^32: finite, and at most 6.34
        in magnitude.

    Notes
    -----
    One logarithm, one square root and no branch. The error of the quantile is below 1.6e-6 in float64
    and below 3e-6 in float32 everywhere, tails included, which are resolved to 2^-32; the logarithm
    of a float32 is a polynomial in its mantissa. Other types are computed in float32.

    References
    ----------
    .. [1] M. Giles, in GPU Computing Gems Jade Edition (2011), 109,
       doi:10.1016/B978-0-12-385963-1.00010-1 (inverse normal from one logarithm)
    """
    work = jnp.float64 if jnp.dtype(dtype) == jnp.float64 else jnp.float32
    # A signed word plus 1/2 has the size of its complement's: quantiles are symmetric, and none is infinite.
    signed = lax.bitcast_convert_type(word, jnp.int32).astype(work)
    tail = jnp.abs(signed + 0.5)
    root = jnp.sqrt(_minus_log(tail))
    return _with_sign(word, _polynomial(_QUANTILE, root - _MIDDLE)).astype(dtype)


def _minus_log(tail):
    """-log(tail / 2^32) + _SHIFT."""
    if tail.dtype == jnp.float64:
        return 32 * np.log(2.0).item() + _SHIFT - jnp.log(tail)
    # tail = 2^(exponent + 32) (1 + x) with x in [0, 1), read off its bits: 127 is the bias of a float32's exponent.
    word = lax.bitcast_convert_type(tail, jnp.int32)
    exponent = (word - np.int32((127 + 32) << 23)) >> np.int32(23)
    mantissa = (word & np.int32(0x007FFFFF)) | np.int32(0x3F800000)
    x = lax.bitcast_convert_type(mantissa, jnp.float32) - 1.0
    minus = tuple(-c for c in _LOG)
    minus_log_mantissa = _polynomial((minus[0] + _SHIFT, *minus[1:]), x)
    return minus_log_mantissa - exponent.astype(jnp.float32) * np.log(2.0).item()


def _with_sign(word, size):
    """A number with the sign of a word: its uppermost bit."""
    if size.dtype == jnp.float64:
        return jnp.where(word >= _TOP, -size, size)
    pattern = lax.bitcast_convert_type(size, jnp.uint32) ^ (word & _TOP)
    return lax.bitcast_convert_type(pattern, jnp.float32)


def _polynomial(coefficients, x):
    """Polynomial, coefficients in ascending order; even and odd powers apart, which halves the longest chain."""
    square = x * x
    even, odd = _horner(coefficients[::2], square), _horner(coefficients[1::2], square)
    return even + x * odd


def _horner(coefficients, x):
    """Polynomial, coefficients in ascending order."""
    out = jnp.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        out = out * x + c
    return out


def open_uniform(word: UInt32[Array, "..."], dtype) -> Float[Array, "..."]:
    """Uniform number in (0, 1), never 0 nor 1: (word + 1/2) / 2^32, rounded.

    Near 0 it is resolved to 2^-33 in float32 too.
    """
    below_one = 1 - jnp.finfo(dtype).epsneg.item()
    return jnp.minimum((word.astype(dtype) + 0.5) * 2.0**-32, below_one)


def two_point(word: UInt32[Array, "..."], dtype) -> Float[Array, "..."]:
    """-1 or +1, from the uppermost bit: moments 1 to 3 are those of a normal number."""
    return jnp.where(word >= _TOP, -jnp.ones((), dtype), jnp.ones((), dtype))


def three_point(word: UInt32[Array, "..."], dtype) -> Float[Array, "..."]:
    """-sqrt(3), 0 or sqrt(3) with probabilities 1/6, 2/3, 1/6: moments 1 to 5 are those of a normal number.

    From the upper 31 bits, so that `sign` of the same word is independent; the probabilities are
    exact to 2e-10.
    """
    upper, sixth = word >> np.uint32(1), np.uint32(round(2**31 / 6))
    root = jnp.asarray(3**0.5, dtype)
    high = jnp.where(upper >= np.uint32(2**31) - sixth, root, jnp.zeros((), dtype))
    return jnp.where(upper < sixth, -root, high)


def sign(word: UInt32[Array, "..."], dtype) -> Float[Array, "..."]:
    """-1 or +1, from the lowest bit: independent of `two_point` and `three_point` of the same word."""
    odd = (word & np.uint32(1)) == np.uint32(1)
    return jnp.where(odd, -jnp.ones((), dtype), jnp.ones((), dtype))
