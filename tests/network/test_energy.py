"""The energy ledger of a network: balances, exact energies, causes, resumed runs, and spikes that it leaves alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from memjax import network as nw
from memjax.circuit import energies, powers
from memjax.errors import ModelError, NetworkError
from memjax.models import footprint
from memjax.network.energy import CAUSES, EnergyLedger
from memjax.network.folder_run import FolderSettings, run_network
from memjax.network.run_store import load_recording, read_description
from memjax.neuron import one_memristor
from tests.network.conftest import neurons, same, spiking


@pytest.fixture(scope="module")
def ledger_run() -> nw.Recording:
    """The network of the tests with a ledger."""
    return nw.run(spiking(), 0.02, watch={"cells": [0, 39]}, energy=True)


def _sums_agree(ledger: EnergyLedger, share: float) -> None:
    """What elements take up is what sources give, to a share of it; causes and times add up."""
    gives = {k: e for k, e in ledger.by_element.items() if ledger.kinds[k] in ("input", "supply")}
    takes = sum(e for k, e in ledger.by_element.items() if k not in gives)
    assert ledger.source_energy == pytest.approx(-sum(gives.values()))
    assert takes == pytest.approx(ledger.source_energy, rel=share)
    assert abs(ledger.residual) < share
    assert sum(ledger.by_cause.values()) == pytest.approx(ledger.source_energy)
    for name, row in ledger.table.items():
        assert sum(row.values()) == pytest.approx(ledger.by_element[name])
    assert ledger.times.sum() == pytest.approx(ledger.neurons * ledger.ends[-1])


@pytest.mark.slow
def test_sums_agree_and_spikes_are_those_without_a_ledger(recording, ledger_run):
    assert same(recording, ledger_run)
    for name, x in recording.traces["cells"].items():
        np.testing.assert_array_equal(x, ledger_run.traces["cells"][name])
    assert recording.energy == {}
    ledger = ledger_run.energy["cells"]
    assert ledger.spikes == len(recording.spikes["cells"][0]) > 50
    _sums_agree(ledger, 1e-4)  # float32, 40,000 steps
    assert ledger.by_cause["spike"] > 0.5 * ledger.source_energy  # the channel is closed meanwhile
    # The sums by neuron are made separately, in float32 with a carried remainder.
    by_neuron = ledger_run.statistics["cells"]["energy"]
    assert by_neuron.sum() == pytest.approx(ledger.source_energy, rel=1e-6)
    assert ledger.per_spike["total"] == pytest.approx(ledger.source_energy / ledger.spikes)
    table = ledger_run.to_xarray()
    assert float(-table["cells.energies"].sel({"cells.element": "input"}).sum()) == pytest.approx(
        ledger.source_energy
    )


@pytest.mark.study
def test_a_run_without_a_ledger_goes_on_with_one_and_back():
    network = spiking()
    begun, whole = nw.run(network, 0.01), nw.run(network, 0.02, energy=True)
    later = nw.run(network, 0.01, initial=begun.final, energy=True)
    last = nw.run(network, 0.01, initial=later.final)
    half = len(whole.energy["cells"].energies) // 2
    # Which receptors have had an input so far it cannot know; what the elements take it does.
    np.testing.assert_allclose(
        later.energy["cells"].energies.sum(axis=1),
        whole.energy["cells"].energies[half:].sum(axis=1),
        rtol=1e-5,
    )
    assert later.energy["cells"].start == pytest.approx(0.01)
    assert last.duration == pytest.approx(0.03)


def _charged(dt: float, dtype: str = "float64") -> EnergyLedger:
    """One leaky integrator that a current of 0.3 uA charges for 2 ms."""
    cells = neurons(1, bias=3e-7)
    network = nw.Network(groups=[cells], dt=dt, dtype=dtype, exchange_steps=100)
    return nw.run(network, 2e-3, energy=True).energy["cells"]


@pytest.mark.slow
def test_energies_of_a_leaky_integrator_are_the_exact_ones():
    """V = IR(1 - exp(-t/RC)); errors and the numerical dissipation, which is visible, go with the step."""
    i, r, c, t = 3e-7, 1e6, 1e-9, 2e-3
    charge = r * c * (1 - np.exp(-t / (r * c)))
    exact = {
        "input": -i * i * r * (t - charge),
        "c": 0.5 * c * (i * r * (1 - np.exp(-t / (r * c)))) ** 2,
        "r": i * i * r * (t - 2 * charge + r * c / 2 * (1 - np.exp(-2 * t / (r * c)))),
    }
    coarse, fine = _charged(4e-6), _charged(2e-6)
    errors = []
    for ledger in (coarse, fine):
        _sums_agree(ledger, 1e-12)
        errors.append({k: ledger.by_element[k] - x for k, x in exact.items()})
    for k, x in exact.items():  # first order: half the error at half the step
        assert errors[0][k] / errors[1][k] == pytest.approx(2.0, rel=0.05)
        assert abs(errors[1][k]) < 0.02 * abs(x)
    assert coarse.numerical_share / fine.numerical_share == pytest.approx(2.0, rel=0.05)
    # The voltage moves by h I/C at first and exponentially less later: sum of C dV^2/2.
    total = 0.5 * c * (i / c) ** 2 * 2e-6 * r * c / 2 * (1 - np.exp(-2 * t / (r * c)))
    assert fine.by_kind["numerical"] == pytest.approx(total, rel=0.02)
    assert fine.rest_power == dict.fromkeys(fine.kinds, 0.0)


@pytest.mark.slow
def test_a_million_steps_lose_no_digits():
    """Float32 states at a steady power of I^2 R: sums outside the program are of float64."""
    cells = neurons(1, bias=3e-7, start={"node.v": 0.3})
    network = nw.Network(groups=[cells], dt=1e-5, exchange_steps=100)
    recording = nw.run(network, 10.0, energy=True)
    ledger = recording.energy["cells"]
    assert -ledger.by_element["input"] == pytest.approx(9e-8 * 10.0, rel=2e-6)
    assert recording.statistics["cells"]["energy"][0] == pytest.approx(
        ledger.source_energy, rel=1e-7
    )


@pytest.mark.slow
def test_jumps_of_a_source_charge_coupling_capacitors_at_no_loss():
    """A pulse through a capacitor: the source pays for what capacitors hold, resistors for nothing at the jump."""
    circuit = mj.Circuit(
        [
            ("input", mj.VoltageSource(), "in", "0"),
            ("c_in", mj.Capacitor(1e-9), "in", "node"),
            ("c", mj.Capacitor(1e-9), "node", "0"),
            ("r", mj.Resistor(1e6), "node", "0"),
        ]
    )
    cells = nw.Neurons(
        name="cells", n=1, circuit=circuit, spike=nw.Threshold(signal="node.v", level=9.0)
    )
    pulse = nw.SpikeList(name="pulse", n=1, source=np.array([0]), time=np.array([1e-4]))
    steps = nw.Projection(
        pre="pulse",
        post="cells",
        edges=nw.one_to_one(1),
        receptor=nw.Receptor(width=2e-2),
        weight=1.0,
        delay=1e-3,
    )
    network = nw.Network(groups=[pulse, cells], projections=[steps], dt=1e-5, dtype="float64")
    ledger = nw.run(network, 1.5e-2, energy=True).energy["cells"]
    _sums_agree(ledger, 1e-12)
    # At the jump both capacitors take half the voltage, C V^2 / 4 in all; the node then falls to 0 with heat of as
    # much, and the source gives C V^2 / 2 meanwhile.
    assert ledger.source_energy == pytest.approx(0.75e-9, rel=1e-3)
    assert ledger.by_element["c_in"] == pytest.approx(0.5e-9, rel=2e-3)
    assert ledger.by_element["r"] == pytest.approx(0.25e-9, rel=0.01)
    assert ledger.by_cause["synaptic event"] == pytest.approx(ledger.source_energy)


@pytest.mark.study
def test_the_ledger_agrees_with_powers_of_a_fine_trace():
    """One neuron of one memristor with its output stage, without noise, through a spike."""
    values = mj.presets.load("1m1t1r/zhao2025-table1")[1] | {"memristor.alpha": 0.05}
    circuit, stop = mj.params.replace(one_memristor(), values), 6.4e-3
    drive = mj.Sampled(np.array([0.0, stop]), np.array([1.5, 1.5]))
    # The channel closes at 5.43 ms within microseconds.
    rows = np.union1d(np.linspace(0.0, stop, 32001), np.linspace(5.4e-3, 5.46e-3, 6001))
    trace = mj.simulate(circuit, drive, save=rows, policy=mj.Stiff(rtol=1e-7, atol=1e-9)).check()
    power = powers(circuit, trace, drive)
    exact = {k: x[0] for k, x in energies(np.asarray(trace.t), power, start=0.0, stop=stop).items()}
    spike = nw.Threshold(signal="gate.v", level=0.2)
    cells = nw.Neurons(name="cells", n=1, circuit=circuit, spike=spike, bias=1.5)
    heat = []
    for dt in (2e-6, 1e-6):
        network = nw.Network(groups=[cells], dt=dt, exchange_steps=100)
        ledger = nw.run(network, stop, energy=True).energy["cells"]
        assert ledger.spikes == 1
        _sums_agree(ledger, 1e-3)
        heat.append(ledger.by_element["memristor"] / exact["memristor"] - 1)
        # The spike is some three steps late in the last 1 ms, when the output stage is on; the transistor's heat is
        # that of a swing within a step or two.
        for k in exact.keys() - {"memristor"}:
            tolerance = 0.03 if k == "transistor" else 1.5e4 * dt
            assert ledger.by_element[k] == pytest.approx(exact[k], rel=tolerance), k
        # The gate is charged through the memristor: what the step takes off is lost there.
        whole = ledger.by_element["memristor"] + ledger.by_kind["numerical"]
        assert whole == pytest.approx(exact["memristor"], rel=1e4 * dt)
    assert heat[0] / heat[1] == pytest.approx(2.0, rel=0.2)  # first order in dt


@pytest.mark.slow
def test_a_run_that_is_resumed_has_the_energies_of_one_in_one_go(tmp_path, ledger_run):
    about = {"watch": {"cells": [0, 39]}, "energy": True}
    first, more = (FolderSettings(resume=x, save_interval=0.0) for x in (False, True))
    folder = run_network(spiking(), 0.01, tmp_path / "run", folder=first, **about)
    half = read_description(folder)["energy"]["groups"]["cells"]
    run_network(spiking(), 0.02, folder, folder=more, **about)
    loaded, whole = load_recording(folder), ledger_run.energy["cells"]
    ledger = loaded.energy["cells"]
    np.testing.assert_array_equal(ledger.energies, whole.energies)
    np.testing.assert_array_equal(ledger.times, whole.times)
    assert (ledger.kinds, ledger.rest_power) == (whole.kinds, whole.rest_power)
    report = read_description(folder)["energy"]
    assert report["given_J"] == pytest.approx(whole.source_energy)
    assert 0 < half["given_J"] < report["given_J"]
    assert report["groups"]["cells"] == json.loads(json.dumps(whole.summary()))
    np.testing.assert_array_equal(
        loaded.statistics["cells"]["energy"], ledger_run.statistics["cells"]["energy"]
    )
    with pytest.raises(NetworkError, match="a run with an energy ledger"):
        run_network(spiking(), 0.03, folder, folder=more, **about | {"energy": False})
    assert read_description(folder)["status"] == "done"


def _ledger(**options) -> EnergyLedger:
    """A source that gives and a resistor that takes 1, 2, 3 J in the phases of each of 10 exchange intervals."""
    given = np.array([1.0, 2.0, 3.0])
    about = {"kinds": {"in": "input", "r": "resistor", "numerical dissipation": "numerical"}}
    about |= {"energies": np.tile(np.stack([-given, given, 0 * given], axis=1), (10, 1, 1))}
    about |= {"times": np.tile([0.1, 0.3, 0.6], (10, 1)), "neurons": 2, "spikes": 5}
    about |= {
        "rest_power": {"in": -0.5, "r": 0.5, "numerical dissipation": 0.0},
        "ends": 0.5 * np.arange(1, 11),
    }
    return EnergyLedger(**about | options)


def test_rest_is_taken_off_each_phase_for_as_long_as_it_lasts():
    ledger = _ledger()
    # 0.25 W of one neuron: 2.5 J in all, 0.25 J of the time in spikes, 0.75 and 1.5 J of the others.
    expected = {"rest": 2.5, "spike": 9.75, "synaptic event": 19.25, "integration": 28.5}
    assert ledger.by_cause == pytest.approx(expected)
    assert tuple(ledger.by_cause) == CAUSES
    assert sum(expected.values()) == ledger.source_energy == 60.0
    assert ledger.per_spike == pytest.approx(
        {k: x / 5 for k, x in expected.items()} | {"total": 12.0}
    )
    assert replace(ledger, spikes=0).per_spike is None


def test_area_is_known_only_where_a_source_states_it():
    assert footprint("1m1t1r").area == 4e-12
    assert "EurekAlert" in footprint("1m1t1r").source
    assert footprint("stl-neuron") is footprint("diffusive") is None
    with pytest.raises(ModelError, match="unknown model"):
        footprint("nothing")


def test_energy_of_each_stimulus():
    ledger = _ledger()
    np.testing.assert_allclose(ledger.per_interval(1.0), np.full(5, 12.0))
    np.testing.assert_allclose(ledger.per_interval(1.0, 3), np.full(3, 12.0))
    np.testing.assert_allclose(
        ledger.per_interval(2.0), np.full(2, 24.0)
    )  # the third one is not whole
    np.testing.assert_allclose(
        replace(ledger, start=0.5, ends=ledger.ends + 0.5).per_interval(1.0), np.full(4, 12.0)
    )
    assert len(ledger.per_interval(7.0)) == 0
    with pytest.raises(NetworkError, match="at least the exchange interval"):
        ledger.per_interval(0.1)
    time, power = ledger.power(rows=5)
    np.testing.assert_allclose(time, np.arange(5) + 0.5)
    np.testing.assert_allclose(power["spike"], np.full(5, 2.0))
