"""Every exported model in ngspice against memjax's own solve, under a triangle, pulses and a sine."""

import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

import memjax as mj
from memjax.core.system import Environment
from memjax.export import LTSPICE, NGSPICE, assemble, netlist
from memjax.export.spice import identifier
from memjax.models import model
from tests.helpers import crossings
from tests.spice import needs_ngspice, pwl

pytestmark = [needs_ngspice, pytest.mark.slow]

SHARE = 5e-3
"""Largest deviation of a state from the other's within `ROWS` rows, and of a time of switching, as a share."""

ROWS = 2
"""Rows around a time among which the other's value may be: 0.1 % of the duration, where a state jumps."""

POLICY = mj.Stiff(rtol=1e-7, atol=1e-9)

DRIVES = {
    "diffusive": (1.0, 1.0), "diffusive-spice": (0.5, 1.0), "langevin": (20.0, 20.0), "langevin-chain": (0.5, 2.0),
    "ag-filament": (0.5, 1e-2), "second-order": (1.0, 10.0), "and-ts": (0.6, 1e-5), "diffusive-1m1t1r": (0.5, 1.0),
    "threshold-switch": (1.0, 1e-3), "drift": (1.0, 1.0), "linear-drift": (0.6, 1.0), "vteam": (1.0, 2e-2),
    "yakopcic": (0.5, 4e-3), "stanford-pku": (1.5, 4e-3), "jart-vcm": (1.5, 1e-2), "mms": (0.5, 2e-3),
    "ecm": (0.5, 1e-2), "event-switches": (0.5, 10.0), "hybrid": (1.5, 1.0),
}  # fmt: skip
"""Amplitude [V] and duration [s] at which each model switches; ngspice gives up on pulses of 1 V at `ag-filament`."""

_KINDS = ("diffusive", "vteam", "jart-vcm", "ecm", "langevin-chain")
"""Three states with a lock, powers, two implicit equations, a vector; the other models run with the studies."""


def _every(names):
    return [n if n in _KINDS else pytest.param(n, marks=pytest.mark.study) for n in names]


def _stimuli(a: float, duration: float) -> dict[str, tuple]:
    """Three waveforms, with corners enough that no adaptive step of ours passes over a switch, and their sources.

    Each is a sine, which may be zero, and a table of the same times: one program solves all three.
    """
    edge, grid = 5e-3, np.arange(101) / 100
    t = np.array([0, 0.1, 0.1 + edge, 0.4, 0.4 + edge, 0.6, 0.6 + edge, 0.9, 0.9 + edge, 1.0])
    triangle = mj.Sampled(grid * duration, np.interp(grid, [0, 0.25, 0.75, 1], [0, a, -a, 0]))
    pulse = mj.Sampled(t * duration, np.array([0, 0, a, a, 0, 0, -a, -a, 0, 0.0]))
    times = np.union1d(triangle.times, pulse.times)

    def drive(sine, table):
        return mj.Sine(sine, 1 / duration, 1.0) + mj.Sampled(times, table)

    return {
        "triangle": (drive(0.0, jax.vmap(triangle)(times)), pwl(triangle)),
        "pulse": (drive(0.0, jax.vmap(pulse)(times)), pwl(pulse)),
        "sine": (drive(a, 0.0 * times), f"SIN(0 {a} {1 / duration!r})"),
    }


def run_deck(folder: Path, lines: list[str]) -> np.ndarray:
    """Columns that a deck writes to out.txt."""
    (folder / "deck.cir").write_text("\n".join(["* deck", *lines, ".end"]) + "\n")
    result = subprocess.run(
        ["ngspice", "-b", "deck.cir"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    says = result.stdout[-2000:] + result.stderr[-2000:]
    assert (folder / "out.txt").exists(), says
    return np.loadtxt(folder / "out.txt", skiprows=1, unpack=True)


def _in_ngspice(folder: Path, device, source: str, duration: float) -> np.ndarray:
    """Time, current and states over their scales."""
    parts = dict(noise=False, fast=1e-6 * duration, interval=duration, env=Environment())
    whole = assemble(device, name=device.name, **parts)
    names = [u.name for u in whole.parts[0].equations.unknowns]
    probes = " ".join(f"v(x1.{identifier(n)})" for n in names)
    step = duration / 2000
    columns = run_deck(folder, [
        netlist(whole, NGSPICE), f"Vs p 0 {source}", f"X1 p 0 {identifier(device.name)}",
        ".options method=gear reltol=1e-6 abstol=1e-15 vntol=1e-9 chgtol=1e-20", ".control", "set numdgt=12",
        "set wr_singlescale", "set wr_vecnames", f"tran {step!r} {duration!r} 0 {step!r}",
        f"wrdata out.txt i(vs) {probes}",
        ".endc",
    ])  # fmt: skip
    assert columns[0, -1] >= duration * (1 - 1e-9)
    return columns


def _distance(t, ours, theirs_t, theirs) -> float:
    """Largest distance of a curve from the band of the other within `ROWS` rows, as a share of its range.

    A state that hardly moves counts as moving by a hundredth of its scale: one that rests at its bound (the `s` of
    `drift`) is drawn back there in a finite time in SPICE, and stands 1e-5 of its scale off.
    """
    other = np.interp(t, theirs_t, theirs)
    padded = np.pad(ours, ROWS, mode="edge")
    window = np.lib.stride_tricks.sliding_window_view(padded, 2 * ROWS + 1)
    beyond = np.maximum(other - window.max(axis=1), window.min(axis=1) - other)
    return float(np.maximum(beyond, 0.0).max() / max(np.ptp(ours), 1e-2))


@pytest.mark.few(9)
@pytest.mark.parametrize("kind", ["triangle", "pulse", "sine"])
@pytest.mark.parametrize("name", _every(DRIVES))
def test_a_model_in_ngspice_is_the_model(tmp_path, name, kind):
    _compare(tmp_path, model(name), DRIVES[name], kind)


@pytest.mark.study
def test_a_model_with_corrections_in_ngspice_is_that_device(tmp_path):
    device = model("vteam+hybrid")
    nodes = [n for function in device.functions.values() for n in function]
    drawn = np.random.default_rng(0).normal(scale=0.5, size=len(nodes))
    device = mj.params.replace(device, {n: float(x) for n, x in zip(nodes, drawn, strict=True)})
    t, trace, columns = _compare(tmp_path, device, DRIVES["vteam"], "triangle")
    size = np.max(np.abs(trace.i))
    # A source's current flows into it.
    ours, theirs = np.asarray(trace.i)[0] / size, -columns[1] / size
    assert np.ptp(np.asarray(trace.state["x"])) > 0.5
    assert _distance(t, ours, columns[0], theirs) < SHARE


def _compare(folder: Path, device, drive: tuple[float, float], kind: str):
    """Require the states of a device in both programs to be alike; times, our trace, the other's columns."""
    amplitude, duration = drive
    stimulus, source = _stimuli(amplitude, duration)[kind]
    columns = _in_ngspice(folder, device, source, duration)
    t = np.linspace(0.0, duration, 2001)
    trace = mj.simulate(device, stimulus, save=t, deterministic=True, policy=POLICY).check()
    k = 1
    for s in device.states:
        ours = np.asarray(trace.state[s.name])[0].reshape(len(t), -1) / s.scale
        for component in ours.T:
            k += 1
            off = _distance(t, component, columns[0], columns[k])
            print(f"{device.name} {kind} {s.name}: {off:.1e}")
            assert off < SHARE, s.name
            level = 0.5 * (component.max() + component.min())
            if np.ptp(component) > 1e-6:
                own, other = (
                    crossings(t, component, level),
                    crossings(t, np.interp(t, columns[0], columns[k]), level),
                )
                assert len(own) == len(other)
                np.testing.assert_allclose(other, own, rtol=SHARE)
    return t, trace, columns


def test_the_dialect_of_ltspice_runs_in_ngspice_that_reads_it(tmp_path):
    """LTspice runs on no machine of ours; ngspice reads its dialect where it is told what `if` is."""
    device = model("vteam")
    whole = assemble(device, name="vteam", noise=False, fast=1e-8, interval=1e-2, env=Environment())
    (tmp_path / ".spiceinit").write_text("set ngbehavior=lt\n")
    drive = mj.Sampled(np.array([0.0, 5e-3, 1e-2]), np.array([0.0, -1.0, 0.0]))
    columns = run_deck(tmp_path, [
        ".func if(c,a,b) {(c) ? (a) : (b)}", netlist(whole, LTSPICE),
        f"Vs p 0 {pwl(drive)}", "X1 p 0 vteam", ".options method=gear reltol=1e-6", ".control",
        "set wr_singlescale", "set wr_vecnames", "tran 1e-5 1e-2 0 1e-5", "wrdata out.txt v(x1.x)", ".endc",
    ])  # fmt: skip
    t = np.linspace(0.0, 1e-2, 500)
    trace = mj.simulate(device, drive, save=t, policy=POLICY).check()
    assert _distance(t, np.asarray(trace.state["x"])[0], columns[0], columns[1]) < SHARE


def test_a_circuit_in_ngspice_is_the_circuit(tmp_path):
    """A pulse that makes it burst: the first ten spikes and the release are at the times of ours.

    The burst ends where the device latches, after spikes that come ever faster; there ngspice fires 25 times, ours 23.
    """
    amplitude, duration, name = 1.0, 1.0, "1m1t1r"
    circuit = model(name)
    whole = assemble(
        circuit, name=name, noise=False, fast=1e-6 * duration, interval=1.0, env=Environment()
    )
    t = np.array([0.0, 0.1, 0.11, 0.6, 0.61, 1.0]) * duration
    drive = mj.Sampled(t, np.array([0.0, 0.0, amplitude, amplitude, 0.0, 0.0]))
    columns = run_deck(tmp_path, [
        netlist(whole, NGSPICE), f"Vs in_ 0 {pwl(drive)}", f"X1 in_ {identifier(name)}",
        ".options method=gear reltol=1e-6 abstol=1e-15 vntol=1e-9 chgtol=1e-20", ".control", "set wr_singlescale",
        "set wr_vecnames", f"tran {duration / 40000!r} {duration!r} 0 {duration / 40000!r}",
        "wrdata out.txt v(x1.gate) v(x1.xmemristor.r)", ".endc",
    ])  # fmt: skip
    t = np.linspace(0.0, duration, 40001)  # spikes are shorter than a millisecond
    trace = mj.simulate(
        circuit, drive, save=t, deterministic=True, policy=mj.Stiff(rtol=1e-6, atol=1e-8)
    ).check()
    assert np.ptp(np.asarray(trace.state["gate.v"])) > 0.5
    theirs = np.interp(t, columns[0], columns[1])
    for level in (0.7, 0.9):
        one, other = (
            crossings(t, x, level) for x in (np.asarray(trace.state["gate.v"])[0], theirs)
        )
        np.testing.assert_allclose(other[:20], one[:20], rtol=SHARE)
        assert other[-1] == pytest.approx(one[-1], rel=SHARE)
