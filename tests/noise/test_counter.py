"""Numbers from counters: as random as their tests can tell, as normal as they say, the same in any batch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from memjax.noise import counter
from tests.helpers import z_score

# Limits in standard errors, for so many tests that chance passes one in a thousand cases or fewer;
# seeds are fixed, so that a test that passes passes always.
FEW, THOUSANDS = 4.5, 5.5
DEVICES = STEPS = 2000
EDGES = np.asarray([0, 1, 2**31 - 1, 2**31, 2**32 - 1], np.uint32)
FLOATS = (jnp.float32, jnp.float64)


def _keys(devices, seed=0):
    return jax.vmap(counter.words)(jax.random.split(jax.random.key(seed), devices))


@jax.jit
def _grid(lo, hi, steps, *more):
    """Words of devices (rows) at steps (columns)."""
    return counter.bits(lo[:, None], hi[:, None], steps[None, :], *more)


def _row(lo, hi, steps=2**15):
    """Words of devices with raw keys."""
    lo, hi = (jnp.asarray(np.asarray(k, np.uint64).astype(np.uint32)) for k in (lo, hi))
    return np.asarray(_grid(lo, hi, jnp.arange(steps, dtype=jnp.uint32)))


def _normal(words, dtype=jnp.float64):
    return np.asarray(jax.jit(functools.partial(counter.normal, dtype=dtype))(jnp.asarray(words)))


@pytest.fixture(scope="module")
def words():
    return np.asarray(_grid(*_keys(DEVICES), jnp.arange(STEPS, dtype=jnp.uint32)))


@pytest.fixture(scope="module")
def normals(words):
    return _normal(words)


def _chi_square(a, b):
    """Standardised chi-square of pairs of words on 16 x 16 cells, in their upper and in their lower bits."""
    out = []
    for shift in (28, 0):
        x, y = ((v.ravel() >> np.uint32(shift)) & np.uint32(15) for v in (a, b))
        seen = np.bincount(x.astype(int) * 16 + y.astype(int), minlength=256)
        out.append((scipy.stats.chisquare(seen).statistic - 255) / 510**0.5)
    return np.asarray(out)


def _correlation(a, b):
    """Standardised correlations of normal numbers, and of their squares."""
    return np.asarray(
        [
            z_score(a * b, 0.0, expected_sd=1.0),
            z_score((a**2 - 1) * (b**2 - 1), 0.0, expected_sd=2.0),
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("power", "mean", "sd"),
    [(1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5), (6, 15, 10170**0.5)],
)
def test_numbers_have_the_moments_of_a_standard_normal(normals, power, mean, sd):
    assert abs(z_score(normals**power, mean, expected_sd=sd)) < FEW


@pytest.mark.integration
def test_their_distribution_is_normal(normals):
    p = scipy.special.ndtr(np.sort(normals, axis=None))
    away = np.max(np.abs(p - (np.arange(p.size) + 0.5) / p.size))
    assert away * p.size**0.5 < 2.2  # Kolmogorov: 1.3e-4


@pytest.mark.integration
def test_their_tails_are_those_of_a_normal_number_to_one_in_a_million():
    tails, devices, steps = 10.0 ** -np.arange(3, 7), 10_000, 20_000
    lo, hi = _keys(devices, seed=1)
    limits = [np.float32(q) for q in -scipy.special.ndtri(tails)]

    def step(seen, n):
        z = counter.normal(counter.bits(lo, hi, n), jnp.float32)
        new = [s * z > limit for s in (1, -1) for limit in limits]
        return tuple(c + x.astype(jnp.int32) for c, x in zip(seen, new)), None

    start = (jnp.zeros(devices, jnp.int32),) * 8
    seen, _ = jax.jit(lambda: jax.lax.scan(step, start, jnp.arange(steps, dtype=jnp.uint32)))()
    mean = np.tile(tails, 2) * devices * steps
    away = (np.asarray([int(jnp.sum(c)) for c in seen]) - mean) / np.sqrt(mean)
    assert np.all(np.abs(away) < FEW), away


@pytest.mark.slow
@pytest.mark.parametrize("axis", [0, 1], ids=["devices", "steps"])
@pytest.mark.parametrize("lag", range(1, 17))
def test_numbers_and_their_squares_are_uncorrelated(normals, axis, lag):
    z = np.moveaxis(normals, axis, 0)
    assert np.all(np.abs(_correlation(z[lag:], z[:-lag])) < FEW)


@pytest.mark.parametrize("axis", [0, 1], ids=["devices", "steps"])
def test_their_spectrum_is_white(normals, axis):
    power = np.abs(np.fft.rfft(normals, axis=axis)) ** 2 / normals.shape[axis]
    mean = np.mean(power, axis=1 - axis)[1:-1]
    assert np.all(np.abs(mean - 1) * normals.shape[1 - axis] ** 0.5 < 5.0)


@pytest.mark.parametrize("axis", [0, 1], ids=["devices", "steps"])
def test_pairs_of_words_fill_all_cells_alike(words, axis):
    w = np.moveaxis(words, axis, 0)
    for lag in (1, 2, 16):
        assert np.all(_chi_square(w[lag:], w[:-lag]) < 5.0)


def test_each_bit_is_set_half_of_the_time(words):
    for k in range(32):
        ones = int(np.sum((words >> np.uint32(k)) & np.uint32(1)))
        assert abs(ones - words.size / 2) < FEW * words.size**0.5 / 2


@pytest.mark.integration
def test_a_device_repeats_words_as_often_as_chance_does():
    n = 2**20  # a permutation of the counter would never
    lo, hi = _keys(16, seed=2)
    w = np.sort(np.asarray(_grid(lo, hi, jnp.arange(n, dtype=jnp.uint32))), axis=1)
    mean = 16 * n * (n - 1) / 2**33
    assert abs(np.sum(w[:, 1:] == w[:, :-1]) - mean) < FEW * mean**0.5


@pytest.mark.integration
@pytest.mark.parametrize("place", range(5), ids=["lo", "hi", "first", "second", "third"])
def test_a_bit_of_a_key_or_counter_flips_every_bit_half_of_the_time(place):
    n = 2**15
    lo, hi = _keys(n, seed=3)
    step = jnp.arange(n, dtype=jnp.uint32)
    of = jax.jit(lambda *parts: counter.bits(*parts))
    parts = [lo, hi, step, step % 7, step // 64]
    for k in range(32):
        other = [p ^ jnp.uint32(1 << k) if i == place else p for i, p in enumerate(parts)]
        changed = np.asarray(of(*parts) ^ of(*other))
        flips = np.sum((changed[:, None] >> np.arange(32, dtype=np.uint32)) & np.uint32(1), axis=0)
        assert np.all(np.abs(flips.astype(float) - n / 2) < THOUSANDS * n**0.5 / 2)


def _close_keys():
    """Raw keys that differ in one bit of a word, and by a little in one or both."""
    lo, hi = 0x5EED1234, 0x0BADCAFE
    out = [(lo, hi, lo ^ 1 << k, hi) for k in range(32)]
    out += [(lo, hi, lo, hi ^ 1 << k) for k in range(32)]
    out += [(0, 0, d, 0) for d in range(1, 9)] + [(0, 0, 0, d) for d in range(1, 9)]
    return out + [(lo, hi, lo + d, hi + d) for d in range(1, 9)]


def test_devices_with_close_keys_share_nothing():
    lo, hi, other_lo, other_hi = np.transpose(_close_keys())
    a, b = _row(lo, hi), _row(other_lo, other_hi)
    worst = [_chi_square(x, y) for x, y in zip(a, b)]
    worst += [_chi_square(x[1:], y[:-1]) for x, y in zip(a, b)]
    worst += [np.abs(_correlation(x, y)) for x, y in zip(_normal(a), _normal(b))]
    assert np.max(worst) < THOUSANDS


@pytest.mark.integration
def test_devices_with_consecutive_keys_are_independent_at_each_step():
    n = np.arange(2**18)
    for lo, hi in ((n, 0 * n), (0 * n, n), (n, n)):
        w = _row(lo, hi, steps=4)
        assert np.all(_chi_square(w[1:], w[:-1]) < FEW)
        assert np.all(np.abs(_correlation(*(_normal(v) for v in (w[1:], w[:-1])))) < FEW)


@pytest.mark.integration
@pytest.mark.parametrize("dtype", FLOATS)
def test_extreme_words_have_finite_numbers(dtype):
    z = np.asarray(counter.normal(jnp.asarray(EDGES), dtype))
    assert z.dtype == np.dtype(dtype)
    assert np.all(np.isfinite(z))
    tails = np.asarray([0.5, 1.5, 2**31, 2**31, 2**32 - 0.5]) / 2**32
    np.testing.assert_allclose(z, scipy.stats.norm.isf(tails), rtol=0, atol=1e-5)
    u = np.asarray(counter.open_uniform(jnp.asarray(EDGES), dtype))
    assert u.dtype == np.dtype(dtype)
    assert np.all((u > 0) & (u < 1))


@pytest.mark.parametrize(("dtype", "error"), [(jnp.float64, 1.6e-6), (jnp.float32, 3e-6)])
def test_a_number_is_the_quantile_of_its_word(dtype, error):
    near_zero = np.arange(1000)
    grid = np.unique(np.geomspace(1, 2**31 - 1, 100_000).astype(np.int64))
    word = np.concatenate([near_zero, 2**31 - 1 - near_zero, grid]).astype(np.uint32)
    z = scipy.stats.norm.isf((word + 0.5) / 2**32)
    np.testing.assert_allclose(_normal(word, dtype), z, rtol=0, atol=error)
    np.testing.assert_allclose(_normal(~word, dtype), -z, rtol=0, atol=error)


def test_both_precisions_have_the_same_numbers(words):
    single, double = (_normal(words[:100], d) for d in FLOATS)
    np.testing.assert_allclose(single, double, rtol=0, atol=3e-6)
    assert np.all(np.sign(single) == np.sign(double))


def test_half_precision_has_them_too(words):
    half = _normal(words[:2], jnp.bfloat16)
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(float), _normal(words[:2]), rtol=2**-8, atol=1e-5)


def _outcomes(f):
    """A discrete number at words that are spread evenly, odd and even."""
    word = np.arange(0, 2**32, 2**12, dtype=np.uint64) + np.arange(2**20, dtype=np.uint64) % 4096
    return np.asarray(f(jnp.asarray(word.astype(np.uint32)), jnp.float64))


@pytest.mark.parametrize("f", [counter.two_point, counter.sign])
def test_a_number_of_two_points_has_three_moments(f):
    value = _outcomes(f)
    assert set(value) == {-1.0, 1.0}
    assert np.mean(value) == 0


def test_a_number_of_three_points_has_five_moments():
    value, moments = _outcomes(counter.three_point), (0, 1, 0, 3, 0)
    assert sorted(set(value)) == [-(3**0.5), 0, 3**0.5]
    for power, moment in enumerate(moments, start=1):
        assert np.mean(value**power) == pytest.approx(moment, abs=1e-4)


def test_the_middle_of_three_points_begins_and_ends_at_a_sixth():
    sixth = round(2**31 / 6)
    upper = np.asarray([sixth - 1, sixth, 2**31 - 1 - sixth, 2**31 - sixth], np.uint32)
    value = np.asarray(counter.three_point(jnp.asarray(upper << 1), jnp.float32))
    np.testing.assert_array_equal(np.sign(value), [-1, 0, 0, 1])


@pytest.mark.integration
@pytest.mark.parametrize("f", [counter.two_point, counter.three_point])
def test_the_sign_of_a_word_is_independent_of_its_points(words, f):
    w = jnp.asarray(words)
    sign, value = (np.asarray(g(w, jnp.float64)) for g in (counter.sign, f))
    for point in set(value.flat):
        assert abs(z_score(sign[value == point], 0.0, expected_sd=1.0)) < FEW


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_numbers_are_uniform(words, dtype):
    u = np.asarray(counter.open_uniform(jnp.asarray(words), dtype))
    seen = np.histogram(u, bins=1000, range=(0, 1))[0]
    assert (scipy.stats.chisquare(seen).statistic - 999) / 1998**0.5 < FEW


def _batches(dtype):
    """The same numbers, compiled: one by one, as a column, under vmap and in a loop."""
    lo, hi = _keys(37, seed=4)
    one = lambda lo, hi, n: counter.normal(counter.bits(lo, hi, n, 3), dtype)  # noqa: E731
    alone, n = jax.jit(one), jnp.asarray(11)
    yield np.asarray([alone(lo[k], hi[k], n) for k in range(37)])
    yield alone(lo[:, None], hi[:, None], n)[:, 0]
    yield jax.jit(jax.vmap(one, (0, 0, None)))(lo, hi, n)
    yield jax.jit(lambda: jax.lax.map(lambda n: one(lo, hi, n), jnp.arange(13)))()[11]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_do_not_depend_on_the_batch(dtype):
    first, *others = _batches(dtype)
    for other in others:
        np.testing.assert_array_equal(other, first)


@pytest.mark.slow
def test_words_do_not_depend_on_the_batch_nor_on_the_precision_of_floats():
    lo, hi = _keys(37, seed=4)
    expected = np.asarray(_grid(lo, hi, jnp.arange(5, dtype=jnp.uint32), 7))
    one = jax.jit(lambda lo, hi, n: counter.bits(lo, hi, n, 7))
    alone = [[one(lo[k], hi[k], n) for n in range(5)] for k in range(37)]
    np.testing.assert_array_equal(alone, expected)
    with jax.enable_x64(False):
        lo, hi = _keys(37, seed=4)
        single = counter.bits(lo[:, None], hi[:, None], jnp.arange(5)[None], 7)
        assert single.dtype == jnp.uint32
        np.testing.assert_array_equal(single, expected)
        z = counter.normal(single, jnp.float32)
    np.testing.assert_array_equal(z, counter.normal(jnp.asarray(expected), jnp.float32))


@pytest.mark.integration
def test_counters_count_in_their_order_and_by_their_number():
    key = counter.words(jax.random.key(5))
    sets = [(0,), (0, 0), (0, 0, 0), (1,), (1, 2), (2, 1), (1, 2, 0), (2**32 - 1,)]
    assert len({int(counter.bits(*key, *c)) for c in sets}) == len(sets)
    assert counter.bits(*key, 2**32 - 1) == counter.bits(*key, jnp.asarray(-1))
