"""The device with learned functions: laws that no parameters break."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BSpline

import memjax as mj
from memjax.device.hybrid import FUNCTIONS, NODES, node_names, node_position, node_voltages
from memjax.device.laws.splines import cubic_basis, extrapolated

ENV = mj.Environment()
SETS = 10_000
"""Random sets of parameters."""

TRAINED = mj.presets.names("hybrid")
"""Presets that are fits to measured data."""


def test_the_basis_is_that_of_cubic_splines():
    u = np.linspace(0, NODES - 3, 41)
    knots = np.arange(-3.0, NODES + 1)
    basis = np.asarray(jax.vmap(lambda x: cubic_basis(x, NODES))(jnp.asarray(u)))
    np.testing.assert_allclose(basis, BSpline(knots, np.eye(NODES), 3)(u), atol=1e-14)
    np.testing.assert_allclose(basis.sum(axis=1), 1.0, rtol=1e-14)


def test_functions_go_on_as_straight_lines_that_join_smoothly():
    c = jnp.asarray(np.random.default_rng(0).normal(size=(1, NODES)))

    def f(u):
        value, line = extrapolated(c, jnp.asarray(u))
        return (value + line)[0]

    for end, outwards in ((0.0, -1.0), (NODES - 3.0, 1.0)):
        slope = jax.grad(f)(end - 1e-9 * outwards)
        assert float(jax.grad(f)(end + outwards)) == pytest.approx(float(slope), rel=1e-6)
        assert float(f(end + 2 * outwards)) == pytest.approx(
            float(f(end) + 2 * outwards * slope), rel=1e-6
        )


@pytest.mark.parametrize("skew", [0.3, 1.0, 4.0])
def test_nodes_lie_where_their_voltages_are_and_positions_go_on_smoothly(skew):
    low, high = -4.0, 1.0
    v = node_voltages(low, high, skew)
    at = jax.vmap(lambda x: node_position(x, low, high, skew))(jnp.asarray(v))
    np.testing.assert_allclose(at, np.arange(-1.0, NODES - 1), atol=1e-12)
    middle = v[(NODES - 1) // 2]
    assert (middle - low) / (high - middle) == pytest.approx(skew)
    slope = jax.grad(lambda x: node_position(x, low, high, skew))
    for end in (low, high):
        assert float(slope(end - 1e-9)) == pytest.approx(float(slope(end + 1e-9)), rel=1e-6)


def random_parameters(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Nodes far beyond what any device has, and feedback of either sign."""
    values = {n: rng.normal(scale=20, size=SETS) for f in FUNCTIONS for n in node_names(f)}
    values |= {n: rng.uniform(-30, 30, SETS) for n in ("p", "n")}
    values["skew"] = np.exp(rng.uniform(np.log(0.05), np.log(20), SETS))
    return values | {"share": rng.uniform(size=SETS), "lag": rng.uniform(0, 30, SETS)}


def check_laws(device: mj.HybridDevice, sets: dict[str, np.ndarray], volts: np.ndarray) -> None:
    """Pinched, passive, rising with the state and bounded; 0 is among the voltages."""
    v, states = jnp.asarray(volts), jnp.asarray([0.0, 0.2, 0.7, 1.0])

    def look(parameters):
        changed = mj.params.replace(device, parameters, check=False)

        def current(v):
            at = lambda x: changed.current(0.0, {s.name: x for s in changed.states}, v, ENV)  # noqa: E731
            return jax.vmap(at)(states)

        rate = lambda v, x: changed.drift(0.0, {s.name: x for s in changed.states}, v, ENV)["x"]  # noqa: E731
        ends = jax.vmap(lambda v: jnp.stack([rate(v, jnp.zeros(())), rate(v, jnp.ones(()))]))(v)
        return jax.vmap(current)(v), ends

    i, ends = jax.jit(jax.vmap(look))({n: jnp.asarray(x) for n, x in sets.items()})
    assert bool(jnp.all(jnp.isfinite(i)) & jnp.all(jnp.isfinite(ends)))
    assert np.any(volts == 0)
    assert bool(jnp.all(i[:, volts == 0] == 0))
    assert bool(jnp.all(i * v[None, :, None] >= 0))
    # Up to the rounding of an exponential.
    assert bool(
        jnp.all(jnp.diff(jnp.abs(i), axis=2) >= -4 * jnp.finfo(i.dtype).eps * jnp.abs(i[..., 1:]))
    )
    # At either end the state moves inwards.
    assert bool(jnp.all(ends[..., 0] >= 0) & jnp.all(ends[..., 1] <= 0))


@pytest.mark.parametrize("order", [1, 2])
def test_no_parameters_break_its_laws(order):
    """At three times the voltages of the nodes too."""
    volts = np.array([-4.5, -1.5, -0.3, 0.0, 1e-3, 0.7, 1.5, 4.5])
    sets = random_parameters(np.random.default_rng(order))
    check_laws(mj.HybridDevice(order=order), sets, volts)


@pytest.mark.parametrize("name", TRAINED)
def test_what_data_taught_keeps_its_laws_at_three_times_their_voltages(name):
    """The values of the fit, and 1,000 draws of the bands of each."""
    device = mj.params.replace(mj.HybridDevice(), mj.presets.load(name)[1])
    bands, rng = mj.presets.bands(name), np.random.default_rng(0)
    sets = {
        n: np.append(float(getattr(device, n)), rng.uniform(*band, 1000))
        for n, band in bands.items()
    }
    volts = 3 * np.append(np.linspace(device.v_low, device.v_high, 41), 0.0)
    check_laws(device, sets, volts)
    ends = 3 * np.array([0.0, device.v_high, 0.0, device.v_low, 0.0])
    times = (
        np.append(0.0, np.cumsum(np.abs(np.diff(ends)))) * 0.3 / 0.02
    )  # the data's 20 mV in 0.3 s
    rows = np.linspace(0.0, times[-1], 401)
    trace = mj.simulate(device, mj.Sampled(times, ends), save=rows).check()
    i, v, x = (np.asarray(a)[0] for a in (trace.i, trace.v, trace.state["x"]))
    assert np.all(i * v >= 0)
    assert np.all((x >= 0) & (x <= 1))
    assert np.ptp(x) > 0.5  # it did switch


def test_heat_speeds_up_what_is_activated():
    device = mj.HybridDevice(e_rates=0.6, e_conduction=0.1)
    hot = mj.Environment(350.0)
    factor = np.exp(0.6 / 8.617333262e-5 * (1 / 300 - 1 / 350))
    state, v = {"x": jnp.asarray(0.0)}, jnp.asarray(1.0)
    rates = [float(device.drift(0.0, state, v, e)["x"]) for e in (mj.Environment(300.0), hot)]
    assert rates[1] / rates[0] == pytest.approx(factor, rel=1e-9)


@pytest.mark.slow
def test_the_noise_of_ions_has_a_limit_as_the_step_goes_to_0():
    """With rates that are alike and constant the state is a Jacobi process, whose moments are known.

    Its mean m and second moment q obey m' = a (1 - 2 m) and q' = (2 + s) a m - (4 + s) a q with s = sigma^2.
    """
    rate, sigma, start, end, members = 2.0, 0.7, 0.3, 0.25, 8192
    nodes = {n: np.log(rate) for f in ("set", "reset") for n in node_names(f)}
    device = mj.params.replace(mj.HybridDevice(sigma=sigma, x0=start), nodes)
    s, c, decay = sigma**2, start - 0.5, lambda k: np.exp(-k * rate * end)
    level = (2 + s) / (2 * (4 + s))
    squares = level + c * decay(2) + (start**2 - level - c) * decay(4 + s)
    exact = np.array([0.5 + c * decay(2), squares])
    moments, errors = [], []
    for k, steps in enumerate((16, 32)):
        policy = mj.Fixed(end / steps)
        drive = mj.stimulus.staircase(np.array([0.5]), end)
        trace = mj.simulate(
            device, drive, save=np.array([end]), members=members, seed=k, policy=policy
        ).check()
        x = np.ravel(trace.state["x"])
        assert np.all((x >= 0) & (x <= 1))
        powers = np.stack([x, x**2])
        moments.append(powers.mean(axis=1))
        errors.append(powers.std(axis=1) / np.sqrt(members))
    # Of first order in the step: what is extrapolated to none is off by its square, far below the errors.
    limit = 2 * moments[1] - moments[0]
    error = np.sqrt(4 * errors[1] ** 2 + errors[0] ** 2)
    assert np.all(np.abs(limit - exact) < 4 * error)
    # Without noise the second moment would be the square of the mean, and the test would fail.
    assert exact[1] - exact[0] ** 2 > 4 * error[1]
