"""Volatile devices as reservoirs."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.errors import BoundsError
from memjax.learning import Reservoir, binary_masks, henon, study, tune
from memjax.solver import SemiImplicitEuler

DEVICE = mj.params.replace(mj.DiffusiveMemristor(), {"sigma1": 0.0, "sigma2": 0.0})
MASK = np.array([[1.0, 0.4, 0.8], [0.5, 1.0, 0.2]])
STEPS = mj.Fixed(dt=1e-3, method=SemiImplicitEuler(damped=True), single_precision=True)


@pytest.fixture(scope="module")
def reservoir() -> Reservoir:
    return Reservoir(DEVICE, MASK, 0.3, 0.2, hold=1e-2, reading="current", single=False)


@pytest.fixture(scope="module")
def states(reservoir) -> np.ndarray:
    return np.asarray(reservoir.states(henon(12).inputs, deterministic=True))


@pytest.mark.slow
@pytest.mark.parametrize("noisy", [False, True])
def test_states_are_readings_of_the_masked_staircase(reservoir, noisy):
    u = henon(12).inputs
    device = mj.params.replace(DEVICE, {"sigma_ion": 1.0}) if noisy else DEVICE
    x = np.asarray(replace(reservoir, device=device).states(u, members=2, seed=5))
    assert x.shape == (2, 12, 6)
    v = np.asarray(reservoir.voltages(u))
    np.testing.assert_allclose(v[1].reshape(12, 3), 0.2 + 0.3 * u[:, None] * MASK[1], rtol=1e-12)
    # The same waveforms through simulate, a sweep each: the same noise by seed, member and sweep.
    grid = np.arange(36) * 1e-2
    trace = mj.simulate(
        device, [mj.Sampled(grid, row, "staircase") for row in v], policy=STEPS, members=2, seed=5,
        save=grid + 1e-2 * (1 - 1e-9),
    )  # fmt: skip
    want = np.moveaxis(np.asarray(trace.i).reshape(2, 2, 12, 3), 1, 2).reshape(2, 12, 6)
    # Rows of simulate lie 1e-9 of a node early, which is all that they may differ by.
    np.testing.assert_allclose(x, want, rtol=1e-6)
    assert noisy == bool(np.any(x[0] != x[1]))


@pytest.mark.slow
def test_single_precision_is_as_good_as_any_reading(reservoir, states):
    x = np.asarray(replace(reservoir, single=True).states(henon(12).inputs, deterministic=True))
    # A thousand steps of 6e-8 each, and a current that is 20 times as sensitive near the closed channel.
    np.testing.assert_allclose(x, states, rtol=2e-3)


@pytest.mark.slow
def test_the_present_remembers_the_past(reservoir, states):
    u = henon(12).inputs.copy()
    u[5] += 0.3
    other = np.asarray(reservoir.states(u, deterministic=True))
    assert np.array_equal(other[:, :5], states[:, :5])
    # Node 0 of step 6 sees the same voltages as before; that it differs is memory.
    assert np.any(np.abs(other[:, 6] / states[:, 6] - 1) > 1e-6)


@pytest.mark.slow
def test_a_pause_forgets_and_a_read_pulse_reads_at_its_voltage(reservoir):
    u = jnp.asarray(henon(12).inputs)
    # After 50 time constants at 0 V a step is what it would be at the beginning: 1/(gamma1 + beta) = 10 ms.
    rested = replace(reservoir, rest=1.0, rest_steps=400)
    x = np.asarray(rested.states(jnp.full(3, u[4]), deterministic=True))[0]
    np.testing.assert_allclose(x[1:, [0, 3]], x[:1, [0, 3]] + np.zeros((2, 1)), rtol=1e-6)
    read = replace(reservoir, read_voltage=0.05, offset=0.0, gain=1e-9)
    i = np.asarray(read.states(u, deterministic=True))
    # Held at nothing, the device is at rest but for the growth in read pulses of 1 ms each.
    rest = float(DEVICE.current(0.0, DEVICE.initial(None), 0.05, None))
    assert np.all((i > rest) & (i < 1.2 * rest))


@pytest.mark.slow
def test_a_session_is_a_cycle_of_its_own(reservoir):
    u = jnp.asarray(henon(12).inputs)
    # With the whole past before each session nothing changes but that parameters are drawn anew.
    cut = replace(reservoir, session=4, warmup=8)
    whole = np.asarray(replace(reservoir, warmup=8).states(u, deterministic=True))
    x = np.asarray(cut.states(u, deterministic=True))
    np.testing.assert_allclose(x[0, :4], whole[0, :4], rtol=1e-9)
    np.testing.assert_allclose(
        x[0, 8:], np.asarray(reservoir.states(u, deterministic=True))[0, 8:], rtol=1e-9
    )
    spread = replace(cut, cycle_spread={"r_off": 0.1}, offset=0.02, gain=0.01)
    ratio = np.log(np.asarray(spread.states(u, members=300)) / np.asarray(
        replace(spread, cycle_spread={}).states(u, members=300)))  # fmt: skip
    # One factor in a session and device, so far below threshold that the current goes as 1 / r_off.
    one = ratio.reshape(300, 3, 4, 2, 3)
    assert np.ptp(one, axis=(2, 4)).max() < 1e-3
    each = one[:, :, 0, :, 0].reshape(-1)
    assert abs(each.std() - 0.1) < 4 * 0.1 / np.sqrt(2 * each.size)
    assert abs(np.mean(one[:, 0, 0, 0, 0] * one[:, 1, 0, 0, 0])) < 4 * 0.01 / np.sqrt(300)


@pytest.mark.slow
def test_derivatives_by_gain_and_hold_agree_with_secants(reservoir):
    u = jnp.asarray(henon(12).inputs)

    def last(gain, hold):
        one = replace(reservoir, gain=gain, hold=hold)
        return jnp.sum(one.states(u, deterministic=True)[0, -1]) * 1e6

    h = 1e-4
    for k in range(2):
        at = np.array([0.3, 1e-2])
        step = np.zeros(2)
        step[k] = h * at[k]
        secant = (last(*(at + step)) - last(*(at - step))) / (2 * step[k])
        # The secant is off by its second order, h^2 of the third derivative, and by rounding over h.
        assert jax.jacfwd(last, k)(*at) == pytest.approx(float(secant), rel=1e-3)


@pytest.mark.slow
def test_readings_are_noisy_and_members_independent(reservoir):
    noisy = replace(reservoir, relative=0.1)
    x = np.asarray(noisy.states(henon(12).inputs, members=200))
    quiet = np.asarray(noisy.states(henon(12).inputs, deterministic=True))
    z = np.log(x / quiet) / 0.1  # the device itself is without noise here
    count = z.size
    assert abs(z.mean()) < 4 / np.sqrt(count)
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * count)
    assert abs(np.mean(z[0] * z[1])) < 4 / np.sqrt(z[0].size)


@pytest.mark.slow
def test_a_study_tells_the_reservoir_from_its_controls(reservoir):
    task = henon(400)
    below = replace(reservoir, gain=0.1, offset=0.03, reading="log-current")  # the threshold
    result = study(below, task, seeds=2, spread={"mu": 0.05})
    content = result.to_json()
    assert content["nrmse"]["mean"] == pytest.approx(result.errors.mean())
    # A static function leaves the part 0.3 x(k - 1) of the map unexplained.
    assert result.errors.max() < 0.9 * result.control
    assert result.control < result.alone
    assert set(result.price) == {0.0, 0.5, 1.0, 2.0}
    assert set(result.sources) == {"none", "device", "read", "cycles", "devices", "all"}
    # Devices that differ for good are no noise: the read-out knows them.
    assert result.sources["devices"].max() < 0.9 * result.control
    assert len(result.output) == 160
    with pytest.raises(BoundsError, match="30 of 400 steps"):
        study(below, task, seeds=1, train=30)


@pytest.mark.slow
def test_tuning_takes_the_setting_of_the_smallest_error(reservoir):
    # Without read noise a gain of 1 mV would do: its currents differ little, and exactly.
    noisy, task = replace(reservoir, relative=0.01, single=True), henon(300)
    best = tune(noisy, task, gains=[1e-3, 0.3], offsets=[0.2], holds=[1e-2])
    assert float(best.gain) == 0.3


def test_masks_differ_between_devices_and_wrong_settings_are_refused():
    masks = binary_masks(6, 3)
    assert len({m.tobytes() for m in masks}) == 6
    assert set(np.unique(masks)) == {-1.0, 1.0}
    wrong = {
        "reading = 'charge'": dict(reading="charge"),
        "hold = 0": dict(hold=0.0),
        "read_voltage = inf": dict(read_voltage=np.inf),
        "session = 0": dict(session=0),
    }
    for text, settings in wrong.items():
        with pytest.raises(BoundsError, match=text):
            Reservoir(DEVICE, MASK, 0.1, 0.1, **{"hold": 1e-2} | settings)
    with pytest.raises(BoundsError, match="a mask of shape"):
        Reservoir(DEVICE, MASK[0], 0.1, 0.1, hold=1e-2)
    with pytest.raises(BoundsError, match="gain of shape"):
        Reservoir(DEVICE, MASK, np.ones(3), 0.1, hold=1e-2)
