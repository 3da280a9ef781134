"""Steps that are too coarse are named, also where the states end up finite, and resolved ones are not."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from memjax import network as nw
from memjax.errors import SolveError, StepWarning
from memjax.network import simulation
from memjax.network.simulation import COARSE


def table_1(dt: float, *, n: int = 2, bias=1.2) -> nw.Network:
    """Neurons of one memristor with the published values of table 1, whose gap closes in microseconds."""
    circuit = mj.params.replace(
        mj.model("1m1t1r"), mj.presets.load("1m1t1r/zhao2025-table1-noisy")[1]
    )
    spike = nw.Threshold(signal="gate.v", level=0.2, rearm=0.1)
    cells = nw.Neurons(name="cells", n=n, circuit=circuit, spike=spike, bias=bias)
    return nw.Network(groups=[cells], dt=dt, seed=1)


def switches(dt: float) -> nw.Network:
    """Baseline neurons whose switch takes a microsecond."""
    spike = nw.Threshold(signal="switch.x", level=0.5, rearm=0.2)
    circuit = mj.params.replace(mj.model("threshold-switch-neuron"), {"switch.w": 0.02})
    cells = nw.Neurons(name="cells", n=2, circuit=circuit, spike=spike, bias=np.array([1.0, 2.0]))
    return nw.Network(groups=[cells], dt=dt)


def judged(network: nw.Network, duration: float) -> str:
    """What a run says of its step: nothing, a warning, or why it refuses."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            recording = nw.run(network, duration)
        except SolveError as error:
            return str(error)
    said = [str(w.message) for w in caught if w.category is StepWarning]
    assert said == (["; ".join(recording.notes)] if recording.notes else [])
    return "".join(said)


@pytest.mark.few(2)
@pytest.mark.slow
@pytest.mark.parametrize("dt", [1e-3, 1e-4, 2e-5])
def test_a_step_across_a_closing_gap_is_named_though_the_states_are_finite(dt):
    """The first spike, at some milliseconds, is the only one of a neuron in the run."""
    said = judged(table_1(dt), 0.012)
    assert "dt times the largest rate of its states" in said
    better = float(said.rsplit("dt = ", 1)[1].split()[0])
    assert better < dt


@pytest.mark.slow
@pytest.mark.parametrize("bias", [0.7, 1.2])
def test_the_advice_on_a_step_does_not_depend_on_the_speed_of_the_machine(monkeypatch, bias):
    """Where a step is refused is found interval by interval, whether looks at a run are many intervals apart or one."""
    biases = np.linspace(0.6, bias, 8)
    network = replace(table_1(1e-4, n=8, bias=biases), exchange_steps=5)
    texts = []
    for seconds in (1e-9, 1e9):
        monkeypatch.setattr(simulation, "_SECONDS", seconds)
        texts.append(judged(network, 0.1))
    assert texts[0] == texts[1]
    assert "too long for 'cells'" in texts[0]


@pytest.mark.slow
def test_all_notes_of_a_step_advise_one():
    """Its rates and its moves ask for different ones, of which the shorter does for both."""
    notes = judged(table_1(2e-5), 0.03).split("; dt = ")
    assert len(notes) == 2
    assert len({note.rsplit("dt = ", 1)[1] for note in notes}) == 1


@pytest.mark.slow
def test_a_resolved_step_says_nothing_of_the_same_run():
    """Half a microsecond: nothing is said, because it was checked."""
    network = table_1(5e-7)
    simulation = nw.Simulation(network)
    assert "could not be checked for 'cells': no step yet" in simulation.notes()[0]
    parts = list(simulation.advance(network.steps(0.012)))
    assert min(len(p.spikes["cells"][0]) for p in parts) == 0
    assert sum(len(p.spikes["cells"][0]) for p in parts) >= 2
    assert simulation.notes() == []
    assert 0.1 < simulation.stiffness["cells"] < COARSE


@pytest.mark.slow
def test_the_rate_is_that_of_the_steps_and_not_only_of_exchanges():
    """At exchanges the gap is open or closed; the slope is largest between them: mu V / alpha^2 at most."""
    network = table_1(5e-7, n=1, bias=1.2)
    simulation = nw.Simulation(network)
    list(simulation.advance(network.steps(0.01)))
    largest = simulation.stiffness["cells"]
    bound = 5e-7 * 150.0 * 1.2 / 0.01**2
    assert 0.5 * bound < largest < bound
    path = nw.run(network, 0.01, watch={"cells": [0]}, every=5e-7).traces["cells"]
    gap = 0.01 + np.abs(1 - path["memristor.f"] - path["memristor.r"])[:-1, 0]
    across = np.maximum(1.2 - path["gate.v"][1:, 0], 0.0)  # nodes are taken at the end of a step
    slope = 150.0 * across / gap**2 * np.sign(1 - path["memristor.f"] - path["memristor.r"])[:-1, 0]
    expected = 5e-7 * np.max(np.abs(slope - 620.0))
    assert largest == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("dt", "fine"), [(1e-7, True), (2e-6, False), (1e-4, False)])
def test_a_switch_of_a_microsecond_needs_a_step_below_it(dt, fine):
    assert (judged(switches(dt), 1e-3) == "") == fine


def test_slopes_that_are_not_finite_leave_the_step_unchecked():
    simulation = nw.Simulation(table_1(5e-7))
    simulation.stiffness = {"cells": float("nan")}
    assert "slopes of the rates are not finite" in simulation.notes()[0]
