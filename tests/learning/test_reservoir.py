"""Volatile devices as reservoirs."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.errors import BoundsError
from memjax.learning import Reservoir, binary_masks, henon, study, tune

DEVICE = mj.params.replace(mj.DiffusiveMemristor(), {"sigma1": 0.0, "sigma2": 0.0})
MASK = np.array([[1.0, 0.4, 0.8], [0.5, 1.0, 0.2]])


@pytest.fixture(scope="module")
def reservoir() -> Reservoir:
    return Reservoir(DEVICE, MASK, 0.3, 0.2, hold=1e-2, reading="current")


@pytest.fixture(scope="module")
def states(reservoir) -> np.ndarray:
    return np.asarray(reservoir.states(henon(12).inputs, deterministic=True))


def test_states_are_readings_of_the_masked_staircase(reservoir, states):
    u = henon(12).inputs
    assert states.shape == (1, 12, 6)
    v = np.asarray(reservoir.voltages(u))
    np.testing.assert_allclose(v[1].reshape(12, 3), 0.2 + 0.3 * u[:, None] * MASK[1], rtol=1e-12)
    # The same waveform through simulate, device by device.
    grid = np.arange(36) * 1e-2
    for d in range(2):
        trace = mj.simulate(
            DEVICE, mj.Sampled(grid, v[d], "staircase"), deterministic=True,
            policy=mj.Fixed(dt=1e-3, single_precision=True), save=grid + 1e-2 * (1 - 1e-9),
        )  # fmt: skip
        np.testing.assert_allclose(states[0, :, 3 * d : 3 * d + 3].ravel(), trace.i[0], rtol=1e-9)


def test_the_present_remembers_the_past(reservoir, states):
    u = henon(12).inputs.copy()
    u[5] += 0.3
    other = np.asarray(reservoir.states(u, deterministic=True))
    assert np.array_equal(other[:, :5], states[:, :5])
    # Node 0 of step 6 sees the same voltages as before; that it differs is memory.
    assert np.any(np.abs(other[:, 6] / states[:, 6] - 1) > 1e-6)


def test_derivatives_by_gain_agree_with_secants(reservoir):
    u = jnp.asarray(henon(12).inputs)

    def last(gain):
        return jnp.sum(replace(reservoir, gain=gain).states(u, deterministic=True)[0, -1]) * 1e6

    h = 1e-4
    secant = (last(0.3 + h) - last(0.3 - h)) / (2 * h)
    # The secant is off by its second order, h^2 of the third derivative, and by rounding over h.
    assert jax.jacfwd(last)(0.3) == pytest.approx(float(secant), rel=1e-3)


def test_readings_are_noisy_and_members_independent(reservoir):
    noisy = replace(reservoir, relative=0.1)
    x = np.asarray(noisy.states(henon(12).inputs, members=200))
    quiet = np.asarray(reservoir.states(henon(12).inputs, deterministic=True))
    z = np.log(x / quiet) / 0.1  # the device itself is without noise here
    count = z.size
    assert abs(z.mean()) < 4 / np.sqrt(count)
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * count)
    assert abs(np.mean(z[0] * z[1])) < 4 / np.sqrt(z[0].size)


def test_a_study_tells_the_reservoir_from_its_controls(reservoir):
    task = henon(400)
    found = study(reservoir, task, seeds=2, spread={"mu": 0.05})
    content = found.to_json()
    assert content["nrmse"]["mean"] == pytest.approx(found.errors.mean())
    # A static function leaves the part 0.3 x(k - 1) of the map unexplained.
    assert found.errors.max() < 0.9 * found.control
    assert found.control < found.alone
    assert set(found.price) == {0.0, 0.5, 1.0, 2.0}
    assert len(found.output) == 160


def test_tuning_takes_the_setting_of_the_smallest_error(reservoir):
    # Without read noise a gain of 1 mV would do: its currents differ little, and exactly.
    noisy, task = replace(reservoir, relative=0.01), henon(300)
    best = tune(noisy, task, gains=[1e-3, 0.3], offsets=[0.2], holds=[1e-2])
    assert float(best.gain) == 0.3


@pytest.mark.fast
def test_masks_differ_between_devices_and_wrong_settings_are_refused():
    masks = binary_masks(6, 3)
    assert len({m.tobytes() for m in masks}) == 6
    assert set(np.unique(masks)) == {-1.0, 1.0}
    with pytest.raises(BoundsError, match="reading = 'charge'"):
        Reservoir(DEVICE, MASK, 0.1, 0.1, hold=1e-2, reading="charge")
    with pytest.raises(BoundsError, match="a mask of shape"):
        Reservoir(DEVICE, MASK[0], 0.1, 0.1, hold=1e-2)
    with pytest.raises(BoundsError, match="hold = 0"):
        Reservoir(DEVICE, MASK, 0.1, 0.1, hold=0.0)
