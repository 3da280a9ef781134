"""Brownian paths on dyadic trees: additive to rounding, exact in distribution, independent where they must be."""

import functools
import itertools

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from memjax.errors import PolicyError
from memjax.noise import DyadicPath, device_key, words
from tests.helpers import z_score

BOUNDS = np.array([0.0, 2.0, 2.0, 5.0])
TREES = [(0.0, 2.0), (2.0, 3.0)]
"""Start and span of each tree; the one between the equal bounds has none."""

PLACES = [
    (tree, level, index)
    for tree in TREES
    for level, index in [(0, 0), (1, 1), (5, 19), (20, 5), (20, 700_001), (39, 0), (39, 2**38 + 7)]
]
PATHS = 4000


@functools.cache
def _keys(members, seed=0):
    one = lambda m: words(device_key(seed, member=m, sweep=0))  # noqa: E731
    return jax.vmap(one)(jnp.arange(members))


@jax.jit
def _look(keys, t0, t1):
    """W and H of two channels over an interval, for each key."""
    bounds = jnp.asarray(BOUNDS, t0.dtype)
    see = lambda key: DyadicPath(key, bounds, 2).evaluate(t0, t1, use_levy=True)  # noqa: E731
    found = jax.vmap(see)(keys)
    return found.W, found.H, found.dt


KEYS = _keys(PATHS)


def _see(t0, t1, dtype=float, keys=KEYS):
    return tuple(np.asarray(x) for x in _look(keys, jnp.asarray(t0, dtype), jnp.asarray(t1, dtype)))


def _interval(tree, level, index):
    start, span = tree
    return start + span * index * 2.0**-level, start + span * (index + 1) * 2.0**-level


@functools.cache
def _halves(tree, level, index, **options):
    """What an interval and its halves see: W, H and length of each."""
    spots = [(level, index), (level + 1, 2 * index), (level + 1, 2 * index + 1)]
    return [_see(*_interval(tree, *spot), **options) for spot in spots]


@pytest.mark.integration
@pytest.mark.parametrize("place", PLACES)
def test_increments_and_areas_of_halves_make_those_of_the_whole(place):
    (w, area, h), (w1, area1, h1), (w2, area2, h2) = _halves(*place)
    np.testing.assert_allclose([h1[0], h2[0]], h[0] / 2, rtol=1e-14)
    # 41 levels of numbers up to 6 and of the size of the interval: rounding and no more.
    rounding = 41 * 6 * np.finfo(float).eps
    np.testing.assert_allclose(w1 + w2, w, rtol=0, atol=rounding * h[0] ** 0.5)
    # The integral of the path above its start is h (W / 2 + H); Chen's rule for two halves.
    mean, mean1, mean2 = (0.5 * w + area, 0.5 * w1 + area1, 0.5 * w2 + area2)
    np.testing.assert_allclose(
        0.5 * (mean1 + w1 + mean2), mean, rtol=0, atol=rounding * h[0] ** 0.5
    )


@pytest.mark.parametrize("place", PLACES)
def test_increment_and_area_of_an_interval_have_the_exact_covariance(place):
    (w, area, h), *_ = _halves(*place)
    np.testing.assert_allclose(h, place[0][1] * 2.0 ** -place[1], rtol=1e-14)
    w, area = w / h[0] ** 0.5, area / (h[0] / 12) ** 0.5
    for x in (w, area):
        assert abs(z_score(x, 0.0, expected_sd=1.0)) < 4
        assert abs(z_score(x**2, 1.0, expected_sd=2**0.5)) < 4
        assert abs(z_score(x**4, 3.0, expected_sd=96**0.5)) < 4
    assert abs(z_score(w * area, 0.0, expected_sd=1.0)) < 4


@pytest.mark.parametrize("place", PLACES)
def test_halves_and_channels_are_independent(place):
    _, (w1, area1, h), (w2, area2, _) = _halves(*place)
    w, area = h[0] ** 0.5, (h[0] / 12) ** 0.5
    numbers = np.concatenate([w1 / w, area1 / area, w2 / w, area2 / area], axis=1)
    for a, b in itertools.combinations(numbers.T, 2):
        assert abs(z_score(a * b, 0.0, expected_sd=1.0)) < 4


def test_trees_and_members_are_independent():
    places = [(0, 0), (3, 4)]
    for place in places:
        (w, a, h), (w2, a2, h2) = (_see(*_interval(tree, *place)) for tree in TREES)
        for x, y in [(w, w2), (a, a2), (w, a2)]:
            product = x * y / (x.std() * y.std())
            assert abs(z_score(product, 0.0, expected_sd=1.0)) < 4
        assert abs(z_score(w[1:] * w[:-1] / h[0], 0.0, expected_sd=1.0)) < 4
        assert h2[0] == pytest.approx(1.5 * h[0])


@pytest.mark.slow
def test_a_path_does_not_depend_on_the_paths_beside_it():
    interval = _interval(TREES[1], 6, 11)
    few, many = (_see(*interval, keys=_keys(n)) for n in (3, 7))
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a, b[:3])


@pytest.mark.slow
def test_a_key_is_as_good_as_its_words():
    key, bounds = device_key(0, member=1, sweep=0), jnp.asarray(BOUNDS)
    of = lambda k: DyadicPath(k, bounds, 2).evaluate(jnp.asarray(0.0), jnp.asarray(1.0))  # noqa: E731
    np.testing.assert_array_equal(*jax.jit(lambda k: (of(k), of(words(k))))(key))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("tree", "level", "index"),
    [(TREES[0], 0, 0), (TREES[0], 5, 19), (TREES[1], 12, 4000), (TREES[0], 19, 1)],
)
def test_single_precision_works(tree, level, index):
    parts = _halves(tree, level, index, dtype=np.float32)
    (w, area, h), (w1, area1, _), (w2, area2, _) = parts
    assert all(x.dtype == np.float32 for part in parts for x in part)
    rounding = 41 * 6 * np.finfo(np.float32).eps
    np.testing.assert_allclose(w1 + w2, w, rtol=0, atol=rounding * h[0] ** 0.5)
    mean = 0.5 * w + area
    np.testing.assert_allclose(
        0.5 * (0.5 * w1 + area1 + w1 + 0.5 * w2 + area2),
        mean,
        rtol=0,
        atol=rounding * h[0] ** 0.5,
    )
    assert abs(z_score((w / h[0] ** 0.5) ** 2, 1.0, expected_sd=2**0.5)) < 4
    assert abs(z_score((area / (h[0] / 12) ** 0.5) ** 2, 1.0, expected_sd=2**0.5)) < 4


@pytest.mark.integration
@pytest.mark.parametrize(
    ("t0", "t1"),
    [
        (0.5, 1.5),  # of the right length, beside the tree
        (0.0, 1.5),  # three quarters
        (1.0, 3.5),  # across a bound
        (0.0, 5.0),
        (1.0, 0.5),  # backwards
        (2.0 + 3.0 / 8, 2.0 + 9.0 / 8),
    ],
)
def test_an_interval_that_is_none_of_a_tree_gives_no_number(t0, t1):
    for x in _see(t0, t1, keys=_keys(3)):
        assert np.all(np.isnan(x))


@pytest.mark.parametrize("t", [0.0, 0.3, 2.0, 5.0])
def test_an_empty_interval_gives_nothing(t):
    for x in _see(t, t, keys=_keys(3)):
        np.testing.assert_array_equal(x, 0.0)


@pytest.mark.integration
@pytest.mark.parametrize(("t0", "t1"), [(1.0, 2.0), (3.5, 5.0)])
def test_an_interval_may_end_just_before_its_bound(t0, t1):
    on, before = _see(t0, t1, keys=_keys(3)), _see(t0, np.nextafter(t1, 0.0), keys=_keys(3))
    for a, b in zip(on, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_path_has_increments_only():
    path = DyadicPath(device_key(0, member=0, sweep=0), jnp.asarray(BOUNDS), 1)
    with pytest.raises(PolicyError, match="a dyadic path has increments only"):
        path.evaluate(jnp.asarray(1.0))
    assert (float(path.t0), float(path.t1)) == (0.0, 5.0)


@pytest.mark.slow
def test_without_channels_there_is_nothing():
    path = DyadicPath(device_key(0, member=0, sweep=0), jnp.asarray(BOUNDS), 0)
    found = path.evaluate(jnp.asarray(0.0), jnp.asarray(1.0), use_levy=True)
    assert found.W.shape == found.H.shape == (0,)


@pytest.mark.slow
def test_a_diffrax_solve_over_uneven_steps_sums_up_the_path():
    path = DyadicPath(device_key(1, member=0, sweep=0), jnp.asarray(BOUNDS), 1)
    times = np.array([0.0, 0.5, 0.75, 1.0, 2.0, 3.5, 3.5 + 3 / 4, 5.0])
    terms = dfx.MultiTerm(
        dfx.ODETerm(lambda t, y, args: jnp.ones(1)),
        dfx.ControlTerm(lambda t, y, args: jnp.full((1, 1), 0.3), path),
    )
    end = dfx.diffeqsolve(
        terms,
        dfx.Euler(),
        jnp.asarray(0.0),
        jnp.asarray(5.0),
        None,
        jnp.zeros(1),
        stepsize_controller=dfx.StepTo(jnp.asarray(times)),
        max_steps=16,
    ).ys[0]
    see = jax.jit(lambda a, b: path.evaluate(a, b))
    whole = [see(a, b) for a, b in ((0.0, 2.0), (2.0, 5.0))]
    np.testing.assert_allclose(end, 5.0 + 0.3 * (whole[0] + whole[1]), rtol=1e-13)


@pytest.mark.slow
def test_a_path_is_differentiable_with_respect_to_its_span():
    # Over a given share of a tree W and H grow with the root of the span: their derivative is W / 2 span.
    def seen(span):
        path = DyadicPath(device_key(0, member=0, sweep=0), span * jnp.array([0.0, 1.0]), 1)
        found = path.evaluate(0.25 * span, 0.5 * span, use_levy=True)
        return jnp.concatenate([found.W, found.H])

    span = 0.7
    all_of = jax.jit(lambda s: (seen(s), jax.jacfwd(seen)(s), jax.jacrev(seen)(s)))
    value, *slopes = (np.asarray(x) for x in all_of(span))
    for slope in slopes:
        np.testing.assert_allclose(slope, value / (2 * span), rtol=1e-11)
