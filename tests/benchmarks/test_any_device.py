"""Presets of measured devices, and the peers of learned devices."""

import dataclasses
import tomllib

import jax
import numpy as np
import pytest

import memjax as mj
from benchmarks.cases.any_device import measured, peers, switching
from benchmarks.cases.any_device.case import COMPARED
from benchmarks.cases.any_device.sets import SETS, cycle_scatter
from benchmarks.cases.any_device.unseen import within
from memjax import presets


@pytest.fixture
def content():
    """What the ``fit.json`` of a threshold switch says, of two free parameters."""
    values = mj.params.to_dict(mj.model("threshold-switch")) | {"v_th": 18.43219, "r_on": 222.4}
    free = {"v_th": "V", "r_on": "ohm"}
    rows = {
        n: {"value": x, "free": n in free, "unit": free.get(n, "1")}
        for n, x in values.items()
        if not isinstance(x, str)
    }
    return {
        "n_points": 419,
        "verdict": {"word": "good", "reason": "all agrees", "deviation": 0.0456},
        "undetermined": ["r_on", "tau"],
        "parameters": rows,
        "settings": {},
        "bench": {"reversed": False},
        "uncertainty": {"intervals": {"v_th": [17.1, 19.87654], "r_on": [None, 264.9]}},
    }


def test_a_fit_becomes_a_preset_with_bands(content):
    name = "threshold-switch/vo2-galloni2024"
    read = tomllib.loads(measured.text_of(name, content))
    rows = read["parameters"]
    assert rows["v_th"] == {"value": 18.43, "unit": "V", "low": 17.1, "high": 19.88}
    # An open end is no band; a value that was not fitted, and is the default, is none of this device.
    assert rows["r_on"] == {"value": 222.4, "unit": "ohm"}
    assert set(rows) == {"v_th", "r_on"}
    assert (read["verdict"], read["residual"]) == ("good", 0.046)
    assert read["command"] == "memjax fit clean/vo2_iv_sweep.csv --model threshold-switch --out fit"
    assert read["not_claimed"][-1] == "Values that the data do not determine: r_on."


def test_a_poor_fit_is_no_preset(content):
    content["verdict"]["word"] = "poor"
    with pytest.raises(ValueError, match="vo2-galloni2024: poor, all agrees"):
        measured.text_of("threshold-switch/vo2-galloni2024", content)


def test_every_measured_preset_can_be_made_again():
    """Its command is that of the table, and its bands hold its values."""
    for info in presets.measured():
        words = measured.command_of(info.name)
        assert info.command.split()[1:3] == words[:2]
        assert info.verdict in ("good", "usable")
        assert "/work" not in info.command
        values = presets.load(info.name)[1]
        bands = presets.bands(info.name)
        assert bands
        assert all(low <= values[n] <= high for n, (low, high) in bands.items())


def test_peers_have_as_many_parameters_as_hybrid():
    names = [n for nodes in mj.HybridDevice.functions.values() for n in nodes]
    for draw in peers.PEERS.values():
        assert peers.parameters(draw(jax.random.key(0), 0.0, 1.0)) == len(names) + len(
            ("p", "n", "x0")
        )


def _sweeps() -> peers.Sweeps:
    v = np.tile(np.sin(2 * np.pi * np.arange(20) / 20), 2)
    phase = np.tile(np.linspace(0, 1, 20), 2)
    return peers.Sweeps(
        v=v,
        tau=np.arange(40) / 20,
        phase=phase,
        target=-5 + 0.5 * np.abs(v),
        counts=np.abs(v) > 0.02,
    )


@pytest.mark.study
@pytest.mark.parametrize("name", peers.PEERS)
def test_training_takes_a_peer_towards_the_data(name):
    """The target is a curve of the voltage: of a constant its standard deviation is left."""
    sweeps = _sweeps()
    with jax.numpy_dtype_promotion("standard"):  # as a user has it; optax counts in int32
        network = peers.trained(name, sweeps, steps=400)
    left = np.sqrt(np.mean(peers.residuals_of(network, sweeps) ** 2))
    assert left < 0.7 * np.std(sweeps.target[sweeps.counts])


def test_sweeps_of_other_lengths_keep_the_time_of_a_point():
    one = mj.Measurement(
        v=np.array([0.0, 1.0, 2.0, 1.0]), i=np.array([0.0, 1e-3, 2e-3, 1e-3]), t=None,
        sweep=np.array([0, 0, 1, 1]), at_compliance=np.zeros(4, bool), reader="", source={},
    )  # fmt: skip
    scale = peers.scale_of([one])
    assert scale == (2.0, 2.0)
    sweeps = peers.sweeps_of([one.select(one.sweep == 0)], scale)
    np.testing.assert_allclose(sweeps.tau, [0.0, 0.5])
    np.testing.assert_allclose(sweeps.v, [0.0, 0.5])
    assert sweeps.counts.tolist() == [False, True]
    assert sweeps.target[1] == pytest.approx(-3.0)


def _cycles(labels: list[int], factors: list[float]) -> mj.Measurement:
    """Sweeps of one waveform whose currents differ by factors."""
    v = np.array([0.0, 0.5, 1.0, 0.5])
    return mj.Measurement(
        v=np.tile(v, len(labels)), i=np.concatenate([1e-3 * f * v for f in factors]), t=None,
        sweep=np.repeat(labels, len(v)), at_compliance=np.zeros(len(v) * len(labels), bool), reader="", source={},
    )  # fmt: skip


def test_the_scatter_of_cycles_is_that_of_neighbours_over_the_root_of_two():
    fitted, unseen = _cycles([0, 2], [1.0, 1e3]), _cycles([1], [10.0])
    assert cycle_scatter([fitted], [unseen]) == pytest.approx(1 / np.sqrt(2))
    # Of the cycles before it that come last before it: the first one has none.
    assert np.isnan(cycle_scatter([unseen], [_cycles([0], [1.0])]))


def test_every_set_names_files_of_its_own():
    files = [f for one in SETS.values() for f in one.files]
    assert len(files) == len(set(files))
    assert {n.partition(" ")[0] for n in SETS} >= {"switchbox", *COMPARED}


def test_of_amplitudes_the_widest_is_fitted():
    cycles = [_cycles([k], [1.0]) for k in range(2)]
    wider = dataclasses.replace(cycles[1], v=1.5 * cycles[1].v)
    assert within([cycles[0]], [wider]) == ([wider], [cycles[0]])
    assert within([wider], [cycles[0]]) == ([wider], [cycles[0]])
    # Sweeps of the same voltages, to their noise, stay where they are.
    near = dataclasses.replace(cycles[1], v=1.05 * cycles[1].v)
    assert within([cycles[0]], [near]) == ([cycles[0]], [near])


def test_voltages_of_a_switch_are_read_by_polarity_and_one_that_never_switches_is_named():
    v = np.array([0.0, 0.1, 0.2, 0.3, 0.2, 0.1, 0.0])
    on, off = np.array([0, 1e-10, 1e-6, 1e-6, 1e-6, 1e-6, 0]), 1e-10 * v
    later = np.array([0, 1e-10, 1e-10, 1e-6, 1e-6, 1e-6, 0])
    data = mj.Measurement(
        v=np.concatenate([v, v, -v]), i=np.concatenate([on, later, off]), t=None,
        sweep=np.repeat(np.arange(3), len(v)), at_compliance=np.zeros(3 * len(v), bool), reader="", source={},
    )  # fmt: skip
    read = switching.medians(data, mj.observables.Thresholds())
    assert read["v_th", "positive"] == pytest.approx((0.25, 0.1 / np.sqrt(2)))
    assert read["v_hold", "positive"][0] == 0.0
    assert ("v_th", "negative") not in read
    voltages = {
        "v_th_positive": {"error": 0.012, "measured": 0.25, "spread": 0.07},
        "v_th_negative": {"error": None, "measured": 0.3, "spread": 0.01},
    }
    row = dict(
        unseen=0.5,
        median_unseen=0.1,
        fitted=0.2,
        verdict="good",
        verdict_unseen="usable",
        seconds=40.4,
    )
    table = switching.table_of({("one", "diffusive"): row | {"voltages": voltages}})
    assert "| +12 (scatter 70), never (scatter 10) |  | 0.500 (0.100) | 0.200 |" in table
    assert table.endswith("| good, usable | 40 |")
