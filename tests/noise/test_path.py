"""Counter-based noise: independent where it must be, equal where it must be, normal."""

import functools
import itertools

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from memjax.errors import PolicyError
from memjax.noise import KINDS, GridPath, areas, device_key, increments, uniform, words
from tests.helpers import z_score

STEPS = 4000


def _words(seed=0, member=0, sweep=0, **more):
    return words(device_key(seed, member=member, sweep=sweep, **more))


def _both(key, n, *, channels=3, kind="gaussian"):
    """Numbers of a step for increments and for areas."""
    more = dict(channels=channels, dtype=jnp.float64, kind=kind)
    return jnp.stack([increments(key, n, **more), areas(key, n, **more)])


@functools.partial(jax.jit, static_argnames=("steps", "channels", "kind"))
def _compiled(key, *, steps, channels, kind):
    """One program for all keys."""
    draw = lambda n: _both(key, n, channels=channels, kind=kind)  # noqa: E731
    return jax.vmap(draw)(jnp.arange(steps))


def _draws(steps=STEPS, channels=3, kind="gaussian", **of):
    """Numbers by step, use (increment, area) and channel."""
    return np.asarray(_compiled(_words(**of), steps=steps, channels=channels, kind=kind))


@pytest.fixture(scope="module")
def draws():
    return _draws()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_increments_do_not_depend_on_the_batch(kind):
    one = lambda m: _both(_words(7, m, 2), jnp.asarray(11), kind=kind)  # noqa: E731
    of = lambda members: np.asarray(jax.jit(jax.vmap(one))(jnp.arange(members)))  # noqa: E731
    np.testing.assert_array_equal(of(7)[:3], of(3))
    np.testing.assert_allclose(of(3)[1], one(1), rtol=1e-14)  # not compiled: rounded otherwise


@pytest.mark.slow
@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"member": 1},
        {"sweep": 1},
        {"purpose": "spread"},
        {"purpose": "read"},
        {"member": 1, "sweep": 1},
    ],
)
def test_another_seed_member_sweep_or_purpose_is_independent(draws, other):
    product = draws * _draws(**other)
    for each in product.reshape(STEPS, 6).T:
        assert abs(z_score(each, 0.0, expected_sd=1.0)) < 4


@pytest.mark.integration
def test_member_and_sweep_are_not_interchangeable():
    assert not np.any(_draws(8, member=1, sweep=2) == _draws(8, member=2, sweep=1))


def test_increments_areas_channels_and_steps_are_independent(draws):
    flat = draws.reshape(STEPS, 6)
    for a, b in itertools.combinations(range(6), 2):
        assert abs(z_score(flat[:, a] * flat[:, b], 0.0, expected_sd=1.0)) < 4
    for lag in (1, 2, 3, 64):
        for each in (flat[lag:] * flat[:-lag]).T:
            assert abs(z_score(each, 0.0, expected_sd=1.0)) < 4


@pytest.mark.parametrize(
    ("power", "mean", "sd"), [(1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5)]
)
def test_increments_have_the_moments_of_a_standard_normal(draws, power, mean, sd):
    for use in (0, 1):
        assert abs(z_score(draws[:, use] ** power, mean, expected_sd=sd)) < 4


def test_two_point_increments_and_areas_are_signs():
    drawn = _draws(kind="two-point")
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    for use in (0, 1):
        assert abs(z_score(drawn[:, use], 0.0, expected_sd=1.0)) < 4
    assert abs(z_score(drawn[:, 0] * drawn[:, 1], 0.0, expected_sd=1.0)) < 4


def test_three_point_increments_have_the_first_five_moments_of_a_standard_normal():
    drawn = _draws(kind="three-point")
    np.testing.assert_allclose(np.unique(drawn[:, 0]), [-(3**0.5), 0.0, 3**0.5], rtol=1e-15)
    assert set(np.unique(drawn[:, 1])) == {-1.0, 1.0}
    # Odd moments by symmetry; z^2 is 3 with probability 1/3, which makes its mean 1 and that of z^4 3.
    assert abs(z_score(drawn[:, 0], 0.0, expected_sd=1.0)) < 4
    assert abs(z_score(drawn[:, 0] != 0, 1 / 3, expected_sd=2**0.5 / 3)) < 4
    for power in (1, 2):
        assert abs(z_score(drawn[:, 0] ** power * drawn[:, 1], 0.0, expected_sd=3**0.5)) < 4


def test_the_number_for_the_jump_of_a_step_is_uniform_and_its_own(draws):
    key = _words()
    draw = jax.jit(jax.vmap(lambda n: uniform(key, n, dtype=jnp.float64)))
    drawn = np.asarray(draw(np.arange(STEPS)))
    assert np.all((drawn > 0) & (drawn < 1))
    assert abs(z_score(drawn, 0.5, expected_sd=12**-0.5)) < 4
    # The largest distance of two distributions: 1.95 / sqrt(n) is passed once in a thousand.
    assert np.max(np.abs(np.sort(drawn) - (np.arange(STEPS) + 0.5) / STEPS)) < 1.95 * STEPS**-0.5
    for each in draws.reshape(STEPS, 6).T:
        assert abs(z_score((drawn - 0.5) * each, 0.0, expected_sd=12**-0.5)) < 4


def test_no_channels_need_no_numbers():
    assert _draws(5, channels=0).shape == (5, 2, 0)


def test_a_path_takes_a_key_or_its_words(path):
    by_words = GridPath(_words(), path.dt, 2)
    assert eqx.tree_equal(by_words, path)


@pytest.mark.integration
def test_the_variance_of_a_path_is_its_time():
    steps, dt, paths = 64, 0.05, 2000

    def end(m):
        path = GridPath(device_key(3, member=m, sweep=0), jnp.asarray(dt), 1)
        one = lambda n: path.evaluate(n * dt, (n + 1) * dt)[0]  # noqa: E731
        return jnp.sum(jax.vmap(one)(jnp.arange(steps, dtype=float)))

    w = np.asarray(jax.jit(jax.vmap(end))(jnp.arange(paths)))
    time = steps * dt
    assert abs(z_score(w, 0.0, expected_sd=time**0.5)) < 4
    assert abs(z_score(w**2, time, expected_sd=2**0.5 * time)) < 4


def test_an_unknown_purpose_is_refused():
    with pytest.raises(PolicyError, match="unknown purpose 'luck'; allowed: path, spread, read"):
        device_key(0, member=0, sweep=0, purpose="luck")


@pytest.fixture(scope="module")
def path():
    return GridPath(device_key(0, member=0, sweep=0), jnp.asarray(0.1), 2)


def test_a_path_starts_where_it_is_told(path):
    late = GridPath(path.key, path.dt, 2, t0=jnp.asarray(5.0))
    here = path.evaluate(jnp.asarray(0.3), jnp.asarray(0.4))
    np.testing.assert_array_equal(late.evaluate(jnp.asarray(5.3), jnp.asarray(5.4)), here)


@pytest.mark.parametrize(("t0", "t1"), [(0.05, 0.15), (0.1, 0.15), (0.1, 0.3), (0.11, 0.21)])
def test_a_step_off_the_grid_is_an_error_at_run_time(path, t0, t1):
    with pytest.raises(RuntimeError, match="a step off the grid"):
        eqx.filter_jit(path.evaluate)(jnp.asarray(t0), jnp.asarray(t1))


def test_grid_steps_are_recognised_far_from_the_start(path):
    n = 1e6
    np.testing.assert_array_equal(
        path.evaluate(jnp.asarray(n * 0.1), jnp.asarray((n + 1) * 0.1)),
        increments(path.key, jnp.asarray(10**6), channels=2, dtype=jnp.float64) * np.sqrt(0.1),
    )


def test_a_path_has_increments_only(path):
    with pytest.raises(PolicyError, match="a grid path has increments only"):
        path.evaluate(jnp.asarray(0.1))


@pytest.mark.slow
def test_adaptive_steps_over_a_grid_path_are_an_error(path):
    terms = dfx.MultiTerm(
        dfx.ODETerm(lambda t, y, args: -y),
        dfx.ControlTerm(lambda t, y, args: 0.1 * jnp.eye(2), path),
    )
    control = dfx.PIDController(rtol=1e-3, atol=1e-6, pcoeff=0.1, icoeff=0.3)
    with pytest.raises(RuntimeError, match="a step off the grid"):
        dfx.diffeqsolve(terms, dfx.Heun(), 0.0, 1.0, 0.1, jnp.ones(2), stepsize_controller=control)


@pytest.mark.integration
def test_a_path_is_differentiable_with_respect_to_its_step():
    # W over a grid step is N sqrt(dt): its derivative is W / (2 dt).
    def last(dt):
        key = device_key(0, member=0, sweep=0)
        return GridPath(key, dt, 1).evaluate(2 * dt, 3 * dt)[0]

    dt = jnp.asarray(0.1)
    value, forward = jax.jit(lambda dt: jax.jvp(last, (dt,), (jnp.ones(()),)))(dt)
    reverse = jax.jit(jax.grad(last))(dt)
    np.testing.assert_allclose(forward, value / (2 * dt), rtol=1e-12)
    np.testing.assert_allclose(reverse, forward, rtol=1e-12)
