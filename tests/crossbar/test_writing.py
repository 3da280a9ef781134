"""Writing an array: pulses, noise, faults, and what the result says."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.crossbar.motion import ends_of
from memjax.crossbar.pulses import Selection
from memjax.synapse import PulseNoise

from .conftest import DEVICE, RESISTANCES, SHAPE, WIRES, X
from .nodal import array_voltages

x = mj.crossbar
PULSES = x.Pulses((-0.4, 0.4), widths=2e-4, steps=0.01, pause=1e-3)
STILL = eqx.tree_at(lambda p: p.voltages, PULSES, jnp.asarray([-0.29, 0.29]))
"""Below the thresholds: nothing moves but what noise kicks."""
TARGETS = 10 ** np.random.default_rng(1).uniform(-5.5, -4.5, SHAPE)
LOWEST = np.full(SHAPE, 1.01e-6)
"""Targets that all cells lie far above, and their devices reach."""
CLOSE = {"pulses": PULSES, "tolerance": 0.05 * TARGETS, "rounds": 40}
NOISE = x.WriteNoise(spread=0.02, read=0.002)


@pytest.fixture(scope="session")
def written(vteam_array):
    rounds = []
    noisy = {"noise": NOISE, "seed": 1, "progress": rounds.append}
    return x.program(vteam_array, TARGETS, **CLOSE, **noisy), rounds


@pytest.mark.slow
def test_cells_are_written_within_the_tolerance_of_their_reads(vteam_array, written):
    done, rounds = written
    assert done.reached.all()
    assert done.misses == ()
    # Five standard deviations of a read beside the tolerance.
    error = np.abs(done.conductances / TARGETS - 1)
    assert error.max() < 0.05 + 5 * 0.002 * 1.05
    law = 1 / (1e4 * 100 ** np.asarray(done.array.states["x"]))
    np.testing.assert_allclose(done.conductances, law, rtol=1e-12)
    rms = np.sqrt(np.mean((done.conductances - TARGETS) ** 2))
    assert done.errors[-1] == pytest.approx(rms, rel=1e-12)
    assert len(rounds) == done.rounds
    assert [int(r.off_target[-1]) for r in rounds] == done.off_target[1:].tolist()
    # A cell off its target takes one pulse in each round.
    assert int(done.pulses.sum()) == int(done.off_target[:-1].sum())
    np.testing.assert_array_equal(vteam_array.states["x"], X)


@pytest.mark.slow
def test_a_result_goes_on_as_if_it_had_not_ended(vteam_array, written):
    done, rounds = written
    options = CLOSE | {"noise": NOISE, "seed": 1}
    later = x.program(vteam_array, TARGETS, **options, start=rounds[2])
    np.testing.assert_array_equal(later.conductances, done.conductances)
    np.testing.assert_array_equal(later.counts, done.counts)
    np.testing.assert_array_equal(later.errors, done.errors)
    assert later.energy == done.energy
    other = x.program(vteam_array, TARGETS, **options | {"seed": 2, "rounds": 1})
    assert np.all(other.conductances != rounds[0].conductances)


@pytest.mark.slow
def test_error_against_pulses_is_that_of_the_noise(vteam_array, written):
    """Below the thresholds logarithms of conductances walk at random, by the noise of each pulse."""
    sigma, rounds, runs = 0.01, 4, 25
    walks = []
    for seed in range(runs):
        path = []
        options = {"pulses": STILL, "noise": x.WriteNoise(spread=sigma), "seed": seed}
        x.program(
            vteam_array, LOWEST, tolerance=1e-12, rounds=rounds, progress=path.append, **options
        )
        walks.append([np.log(p.conductances) for p in path])
    start = -np.log(1e4) - X * np.log(100)
    steps = np.diff(
        np.concatenate([np.broadcast_to(start, (runs, 1, *SHAPE)), walks], axis=1), axis=1
    )
    count = steps.size
    z = (np.sum((steps / sigma) ** 2) - count) / np.sqrt(2 * count)
    assert abs(z) < 4
    assert abs(np.sum(steps / sigma)) / np.sqrt(count) < 4
    after = np.sum(((np.asarray(walks)[:, -1] - start) / sigma) ** 2) / rounds
    assert abs(after - runs * X.size) / np.sqrt(2 * runs * X.size) < 4


@pytest.mark.slow
def test_noise_of_a_fit_of_pulses_kicks_by_its_conductance(vteam_array, written):
    kick = 2e-7
    both = jnp.full(2, kick)
    noise = x.WriteNoise(eqx.tree_at(lambda n: n.programming, PulseNoise.none(), both))
    options = {"pulses": STILL, "noise": noise, "tolerance": 1e-12, "rounds": 1}
    start = 1 / (1e4 * 100**X)
    runs = [
        x.program(vteam_array, LOWEST, **options, seed=s).conductances - start for s in range(25)
    ]
    # A kick moves the state along the tangent: to first order in the kick over the conductance, up to 0.1.
    count = np.size(runs)
    z = (np.sum((np.asarray(runs) / kick) ** 2) - count) / np.sqrt(2 * count)
    assert abs(z) < 4


@pytest.mark.slow
def test_energy_is_power_times_time_where_nothing_moves(vteam_array, written):
    done = x.program(vteam_array, LOWEST, tolerance=1e-12, pulses=STILL, rounds=1)
    g, power = 1 / (1e4 * 100**X + 1e3), 0.0
    for row in range(SHAPE[0]):
        # All cells of the line are pulsed: their bit lines are at 0 V, and other word lines at half of its voltage.
        v = np.where(np.arange(SHAPE[0]) == row, 0.29, 0.145)
        word, bit = array_voltages(g, v, **RESISTANCES)
        power += v @ np.sum(g * (word - bit), axis=1)
    assert done.energy == pytest.approx(power * 2e-4, rel=1e-9)
    assert done.missed == {"stuck": 0, "out of range": 0, "not reached": 12}


@pytest.mark.slow
def test_half_selected_cells_are_disturbed_and_those_behind_transistors_are_not(
    vteam_array, written
):
    """One cell is written at 0.9 V: its line's others see half of it, above the threshold of 0.3 V."""
    targets = np.array(1 / (1e4 * 100**X))
    targets[1, 1] *= 4
    strong = eqx.tree_at(lambda p: p.voltages, PULSES, jnp.asarray([-0.9, 0.9]))
    options = {"tolerance": 0.01 * targets, "rounds": 1}
    half = x.program(vteam_array, targets, pulses=strong, **options)
    moved = np.abs(np.asarray(half.array.states["x"]) - X)
    lines = np.zeros(SHAPE, bool)
    lines[1], lines[:, 1] = True, True
    assert half.pulses.sum() == 1
    assert moved[lines].min() > 1e-3
    # What is neither in the row nor in the column sees what the wires lose alone.
    assert moved[~lines].max() < 1e-6
    voltages = {}
    for scheme in ("half", "third", "gate"):
        pulses = x.Pulses((-0.9, 0.9), widths=2e-4, scheme=scheme)
        chosen = Selection(jnp.asarray(1), jnp.arange(3) == 1, jnp.full(3, -0.9))
        driven, drive = pulses.selected(vteam_array, chosen)
        voltages[scheme] = np.asarray(drive.word[:, None] - drive.bit[None])
        off = np.asarray(driven.selector) > 1e11
        assert (
            off.tolist()
            == np.broadcast_to((np.arange(4) != 1)[:, None] & (scheme == "gate"), SHAPE).tolist()
        )
    for scheme, share in (("half", 0.5), ("third", 1 / 3)):
        across = voltages[scheme]
        assert across[1, 1] == -0.9
        np.testing.assert_allclose(np.abs(across[lines & ~off]).max(), 0.9)
        others = np.abs(np.delete(across.ravel(), 4))
        np.testing.assert_allclose(others.max(), share * 0.9)


@pytest.mark.slow
def test_stuck_cells_stay_and_are_named(vteam_array, written):
    on, off = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    on[0, 1] = off[2, 2] = True
    targets = TARGETS.copy()
    targets[3, 0] = 1.0
    faults = x.Faults(on=on, off=off)
    done = x.program(vteam_array, targets, **CLOSE | {"tolerance": 0.05 * targets}, faults=faults)
    assert done.conductances[0, 1] == pytest.approx(1e-4, rel=1e-9)
    assert done.conductances[2, 2] == pytest.approx(1e-6, rel=1e-9)
    assert {(m.row, m.column): m.reason for m in done.misses} == {
        (0, 1): "stuck", (2, 2): "stuck", (3, 0): "out of range"
    }  # fmt: skip
    assert "3 off target" in repr(done)


def test_a_share_of_stuck_cells_is_drawn_by_place():
    faults = x.Faults(on=0.02, off=0.03, seed=4)
    on, off = faults.masks((100, 80))
    for mask, share in ((on, 0.02), (off, 0.03)):
        assert abs(mask.sum() - 8000 * share) / np.sqrt(8000 * share * (1 - share)) < 4
    assert not np.any(on & off)


def test_amplitudes_grow_with_pulses_of_one_kind_up_to_the_largest():
    pulses = x.Pulses((1.0, -0.8), widths=1e-6, steps=(0.1, 0.2), largest=(1.25, 0.9))
    count = jnp.arange(1, 5)
    np.testing.assert_allclose(pulses.amplitudes(jnp.asarray(0), count), [1.0, 1.1, 1.2, 1.25])
    np.testing.assert_allclose(pulses.amplitudes(jnp.asarray(1), count), [-0.8, -0.9, -0.9, -0.9])


def test_cells_of_a_population_differ():
    values = {"r_on": np.geomspace(8e3, 1.2e4, 9), "r_off": np.geomspace(5e5, 2e6, 9)}
    device = x.draw_cells(mj.Population.from_values(DEVICE, values), SHAPE, seed=2)
    array = mj.Crossbar(cells=device, states={"x": X}, wires=WIRES)
    law = 1 / (np.asarray(device.r_on) ** (1 - X) * np.asarray(device.r_off) ** X)
    assert len(np.unique(np.asarray(device.r_on))) == 12
    np.testing.assert_allclose(x.conductances_of(array, 0.1), law, rtol=1e-12)
    low, high = ends_of(array)
    np.testing.assert_allclose(x.conductances_of(low, 0.1), device.r_on**-1, rtol=1e-12)
    np.testing.assert_allclose(x.conductances_of(high, 0.1), device.r_off**-1, rtol=1e-12)


def test_states_are_where_conductances_are_wanted(vteam_array):
    array = x.states_at(vteam_array, jnp.asarray(TARGETS), 0.1)
    np.testing.assert_allclose(x.conductances_of(array, 0.1), TARGETS, rtol=1e-12)
