"""A pulsed device against the solvers of `simulate`, and the statistics of what is random about it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.data import PulseProtocol
from memjax.errors import ModelError
from memjax.synapse import Pulsed, PulseNoise, simulate_pulses

KINDS = np.repeat([0, 1], 40)
PROTOCOL = PulseProtocol(voltages=(2.5, -2.7), widths=(1e-6, 2e-6), period=1e-4, read_voltage=0.2)


@pytest.fixture(scope="module")
def pulsed() -> Pulsed:
    values = {"r_on": 1 / 60e-6, "r_off": 1 / 30e-6, "tau": 3e-5, "v_off": 2.7, "x0": 0.1}
    return Pulsed.under(mj.params.replace(mj.MetastableSwitches(), values), PROTOCOL)


def _noise(**some) -> PulseNoise:
    names = tuple(some)
    values = [jnp.asarray(x) for x in some.values()]
    noise = eqx.tree_at(
        lambda n: (n.g_mid, n.g_span), PulseNoise.none(), (jnp.asarray(4.5e-5), jnp.asarray(3e-5))
    )
    return eqx.tree_at(lambda n: [getattr(n, k) for k in names], noise, values)


@pytest.mark.slow
def test_a_pulse_is_what_simulate_makes_of_it():
    """A Yakopcic device under 5 set pulses with edges of a ten-thousandth of their width."""
    device = mj.params.replace(mj.Yakopcic(), {"a_p": 4e3, "a_n": 1e3})
    pulsed = Pulsed.under(device, PROTOCOL, substeps=16)
    kinds = jnp.zeros(5, int)
    _, path = pulsed.curve(kinds)
    train = mj.PulseTrain(2.5, 1e-6, 2e-6, count=5, edge=1e-10)
    rows = np.arange(1, 6) * 2e-6 - 1e-7
    trace = mj.simulate(device, train, save=rows, policy=mj.Stiff(rtol=1e-9, atol=1e-12)).check()
    # The edges add a ten-thousandth of a pulse at half height, where the rate is below the half.
    np.testing.assert_allclose(path[1:, 0], trace.state["x"][0], rtol=2e-4)


@pytest.mark.slow
def test_a_volatile_device_rests_between_pulses():
    device = mj.params.replace(mj.DiffusiveMemristor(), {"mu": 1e5, "gamma1": 2e4, "gamma2": 2e4})
    with pytest.raises(ModelError, match="without a period"):
        Pulsed.under(device, PulseProtocol(voltages=(1, -1), widths=(1e-6, 1e-6)))
    pulsed = Pulsed.under(device, PROTOCOL)
    scaled = pulsed.scaled
    begun = pulsed._hold(pulsed.start(), jnp.asarray(2.5), jnp.full(64, 1e-6 / 64))
    rested = pulsed.after(pulsed.start(), jnp.asarray(0))
    f0, f1 = (float(scaled.unpack(z)["f"]) for z in (begun, rested))
    # f decays at gamma1 + beta for the 99 us until the next pulse; the longest of the third-order
    # steps is a fifth of it, x = 0.4: an error of x^4/24 there, and less in those before.
    assert f1 == pytest.approx(f0 * np.exp(-(2e4 + 40) * 99e-6), rel=2 * 0.4**4 / 24)


@pytest.mark.slow
def test_without_noise_the_cycles_are_the_curve(pulsed):
    g = simulate_pulses(pulsed, PulseNoise.none(), KINDS, cycles=1)
    curve, _ = pulsed.curve(jnp.asarray(KINDS))
    np.testing.assert_allclose(g[0], np.asarray(curve), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("part", "rho"), [("jitter", -0.5), ("read", -0.5), ("programming", 0.0)])
def test_the_steps_autocorrelation_tells_what_accumulates(pulsed, part, rho):
    """-1/2 for what is drawn anew, 0 for what stays but for the share k that a pulse takes back: -k/2."""
    size = 1e-7 if part == "read" else [1e-7, 1e-7]
    g = simulate_pulses(pulsed, _noise(**{part: size}), KINDS, cycles=400, seed=1)
    off = np.diff(g - g.mean(axis=0), axis=1)[:, :39]
    r = np.sum(off[:, 1:] * off[:, :-1]) / np.sum(off**2)
    back = 1 / 30 if part == "programming" else 0.0
    # The share that a set pulse takes back is 1 us / 30 us; the error of r is 1/sqrt(n) at most.
    assert abs(r - (rho - back / 2)) < 4 / np.sqrt(off[:, 1:].size)
    expected = 1e-7 * (1.0 if part == "programming" else np.sqrt(2))
    assert np.std(off) == pytest.approx(expected, rel=0.03)


@pytest.mark.slow
def test_noise_depends_on_seed_member_cycle_and_pulse_only(pulsed):
    noise = _noise(jitter=[1e-7, 1e-7], programming=[1e-7, 1e-7], read=1e-7)
    noise = eqx.tree_at(lambda n: n.cycle, noise, {"tau": jnp.asarray(0.1)})
    run = lambda **how: simulate_pulses(pulsed, noise, KINDS, **how)  # noqa: E731
    few, many = run(cycles=2, seed=3), run(cycles=4, seed=3)
    np.testing.assert_allclose(few, many[:2], rtol=1e-12)
    assert not np.allclose(few, run(cycles=2, seed=4), rtol=1e-6)
    assert not np.allclose(few, run(cycles=2, seed=3, member=1), rtol=1e-6)


@pytest.mark.slow
def test_a_curve_has_derivatives(pulsed):
    def last(tau):
        device = mj.params.replace(pulsed.device, {"tau": tau}, check=False)
        return eqx.tree_at(lambda p: p.device, pulsed, device).curve(jnp.asarray(KINDS[:50]))[0][-1]

    x, h = 3e-5, 3e-9
    slope = float(jax.grad(last)(jnp.asarray(x)))
    difference = float(last(jnp.asarray(x + h)) - last(jnp.asarray(x - h))) / (2 * h)
    assert slope == pytest.approx(difference, rel=1e-6)
