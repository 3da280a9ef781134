"""A circuit in stretches: together they are one run; spikes come with them."""

import base64

import numpy as np
import pytest

import memjax as mj
from fitting.app.explore.driven_circuit import ROWS, STRETCHES, DrivenCircuit, pieces
from memjax.errors import ModelError, StimulusError
from memjax.observables import detect


def _subject(name="threshold-switch-neuron", **about):
    return DrivenCircuit(model=name, device=mj.model(name), env=mj.Environment(), **about)


def _numbers(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_pieces_together_are_the_waveform():
    wave = mj.Sampled([0.0, 0.1, 0.11, 0.5, 0.9, 1.2], [0.0, 1.0, -1.0, 0.3, 0.3, 2.0])
    shapes = set()
    for start, piece, rows in pieces(wave):
        expected = np.interp(start + rows, wave.times, wave.values)
        np.testing.assert_allclose(np.interp(rows, piece.times, piece.values), expected, atol=1e-12)
        assert (np.diff(piece.times) > 0).all()
        shapes.add((len(piece.times), len(rows)))
    assert len(shapes) == 1  # one program for all
    assert start + rows[-1] == pytest.approx(1.2)


@pytest.mark.slow
def test_stretches_are_one_run_and_spikes_come_as_they_go():
    subject = _subject()
    parts = list(subject.stretches({"drive": {"level": 1.1}, "noise": False}))
    assert [p["stretch"] for p in parts] == list(range(STRETCHES))
    counts = [len(p["spikes"]) for p in parts]
    assert counts == sorted(counts)
    assert counts[0] < counts[STRETCHES // 2] < counts[-1]
    wave = mj.Sampled([0.0, 3e-3], [1.1, 1.1])
    whole = mj.simulate(
        subject.device, wave, save=np.linspace(0, 3e-3, STRETCHES * ROWS + 1), deterministic=True
    )
    t, x = np.asarray(whole.t), np.asarray(whole.state["switch.x"])[0]
    spikes = detect(t, x, level=0.5, rearm=0.3)
    # An error of a step at rtol 1e-6 adds up over the spikes; rows lie 1.7 us apart.
    np.testing.assert_allclose(parts[-1]["spikes"], spikes, atol=2e-6)
    node = np.concatenate([_numbers(p["states"]["node.v"])[1:] for p in parts])
    assert np.quantile(np.abs(node - np.asarray(whole.state["node.v"])[0, 1:]), 0.9) < 1e-3


def test_setup_names_source_elements_and_spikes():
    setup = _subject("1m1t1r").setup()
    assert ["r_c", "resistor", "gate 0"] in setup["netlist"]
    assert setup["spike"] == {"signal": "gate.v", "level": 0.2, "rearm": 0.1}
    names = {r["name"] for r in setup["parameters"]}
    assert {"r_c.r", "c_gate.c", "memristor.mu"} < names
    assert [r["name"] for r in setup["drive"]] == ["level", "duration"]
    words = _subject("1m1t1r").command({"noise": False, "seed": 2})
    assert words == (
        "memjax simulate 1m1t1r --params 1m1t1r.toml --stimulus 1m1t1r.csv --deterministic --seed 2 --out simulated.csv"
    )


def test_what_a_circuit_has_not_is_refused():
    with pytest.raises(ModelError, match=r"2 driven sources \(pre, post\)"):
        _subject("diffusive-drift-synapse")
    with pytest.raises(ModelError, match="a current source"):
        _subject(stimulus=mj.Sampled([0.0, 1.0], [0.0, 1.0], "linear", "current"))
    with pytest.raises(ModelError, match="no signal 'x'"):
        next(_subject().stretches({"spike": {"signal": "x"}}))
    with pytest.raises(StimulusError, match="level"):
        next(_subject().stretches({"drive": {"level": -1}}))
