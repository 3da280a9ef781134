"""Models against ngspice, which solves netlists that these tests write from the equations."""

import numpy as np
import pytest

import memjax as mj
from tests.helpers import crossings
from tests.spice import Circuit, Node, needs_ngspice, pulses, pwl
from tests.systems.exact import Resistor

pytestmark = [needs_ngspice, pytest.mark.slow]

POLICY = mj.Stiff(rtol=1e-6, atol=1e-9)
SHARE = 1e-3
"""Largest deviation of states, voltage and current as a share of their ranges, and of times of switching."""

CLIP = "min(max({0},-1),1)"


def _stopped(up: str, down: str, x: str) -> str:
    """A rate whose motion ends over the last 1e-3 of its range from 0 to 1."""
    high, low = CLIP.format(f"(1-{x})/1e-3"), CLIP.format(f"{x}/1e-3")
    return f"({up})*{high}-({down})*{low}"


def _cube(y: str) -> str:
    """Third power of the positive part; `^` of ngspice takes the modulus of a negative base."""
    part = f"max({y},0)"
    return f"{part}*{part}*{part}"


def _logistic(y: str) -> str:
    """1/(1 + exp(-y)), without overflow."""
    return f"1/(1+exp(min(-({y}),200)))"


def _linear_drift():
    """Joglekar's window of power 2; mobility r_on / D^2 = 1e4 per coulomb."""
    amps = "V(d)/(100*V(x)+16e3*(1-V(x)))"
    u = "(2*V(x)-1)"
    rate = f"1e4*{amps}*(1-{u}*{u}*{u}*{u})"
    bench = mj.Bench(1e3, 1e6, 1e-6)
    drive = mj.Sine(1.5, 0.5, 1.5)
    circuit = Circuit("SIN(0 1.5 0.5)", bench, amps, {"x": Node(0.1, rate, 1.0)})
    return mj.LinearIonDrift(), circuit, drive, {"x": "x"}


def _vteam():
    """Thresholds of 0.3 V, powers of 3."""
    rate = _stopped(f"1e3*{_cube('V(d)/0.3-1')}", f"1e3*{_cube('-V(d)/0.3-1')}", "V(x)")
    x = "min(max(V(x),0),1)"
    bench = mj.Bench(500.0, 1e6, 1e-8)
    drive = mj.Sine(-1.0, 50.0, 1.5)
    amps = f"V(d)/(1e3*(1-{x})+3e5*{x})"
    circuit = Circuit("SIN(0 -1 50)", bench, amps, {"x": Node(1.0, rate, 1e-3)})
    return mj.Vteam(), circuit, drive, {"x": "x"}


def _yakopcic():
    """Defaults; set slows down from 0.3 on, reset below 0.5."""
    up = "4e3*max(exp(V(d))-exp(0.16),0)*exp(-max(V(x)-0.3,0))*min((1-V(x))/0.7,1)"
    down = "4e3*max(exp(-V(d))-exp(0.15),0)*exp(5*min(V(x)-0.5,0))*min(V(x)/0.5,1)"
    bench = mj.Bench(20.0, 1e5, 1e-6)
    drive = pulses([0.5, -0.5, 0.7], width=1e-3, period=2e-3, edge=1e-5)
    amps = "0.17*V(x)*sinh(0.05*V(d))"
    circuit = Circuit(pwl(drive), bench, amps, {"x": Node(0.01, f"{up}-{down}", 1e-3)})
    return mj.Yakopcic(), circuit, drive, {"x": "x"}


def _stanford_pku():
    """The gap in nanometres, behind a resistance that ends the set; Joule heat; the edges do not matter within."""
    amps = "1e-3*exp(-V(g)/0.25)*sinh(V(d)/0.25)"
    kt = f"(8.617333e-5*(300+2.1e3*V(d)*{amps}))"
    gamma = "max(16-0.8*V(g)*V(g)*V(g),0)"
    push = f"sinh({gamma}*0.25*V(d)/(12*{kt}))"
    edge = "1.5e-3"
    speed = f"10e9*exp(-0.6/{kt})*{push}"
    close = f"max({speed},0)*{CLIP.format(f'(V(g)-0.2)/{edge}')}"
    widen = f"max(-({speed}),0)*{CLIP.format(f'(1.7-V(g))/{edge}')}"
    bench = mj.Bench(1e3, 1e6, 1e-10)
    drive = pulses([1.2, -1.2, 1.2], width=1e-3, period=2e-3, edge=1e-5)
    circuit = Circuit(pwl(drive), bench, amps, {"g": Node(1.7, f"{widen}-({close})", 1e-4)})
    return mj.StanfordPKU(), circuit, drive, {"g": "gap"}


def _nanodots():
    """Threshold switching behind the on resistance."""
    rise = "(1-exp(-2*V(x)-0.05))*(1-V(x))+(1-exp(-2*(1-V(x))))*V(x)"
    fall = "(1-exp(-2*V(x)))*(1-V(x))+(1-exp(-2*(1-V(x))-0.5))*V(x)"
    to_set = _logistic("(V(d)-0.267)*(V(d)+0.119)/(0.0099*0.0099)")
    release = _logistic("-(V(d)-0.08)*(V(d)+0.006)/(0.0175*0.0175)")
    rate = f"({to_set})*({rise})/1.2e-7-({release})*({fall})/1.3e-7"
    bench = mj.Bench(800.0, 1e6, 1e-11)
    drive = pulses([1.0, 0.5, 1.0], width=1e-6, period=2e-6, edge=1e-8)
    amps = "V(d)*V(x)/806+1e-12*tanh(V(d)/1e-3)"
    circuit = Circuit(pwl(drive), bench, amps, {"x": Node(0.0, rate, 1e-7)})
    return mj.AndThresholdSwitch(), circuit, drive, {"x": "x"}


def _deviation(ours, theirs) -> float:
    """Root mean square over time, as a share of the range."""
    return float(np.sqrt(np.mean((ours - theirs) ** 2)) / np.ptp(theirs))


@pytest.mark.few(2)
@pytest.mark.parametrize("case", [_linear_drift, _vteam, _yakopcic, _stanford_pku, _nanodots])
def test_a_device_on_a_bench_follows_ngspice(tmp_path, case):
    device, circuit, drive, states = case()
    t = np.linspace(0.0, drive.duration, 4001)
    theirs = circuit.run(tmp_path, t, step=drive.duration / 4000)
    trace = mj.simulate(device, drive, bench=circuit.bench, save=t, policy=POLICY).check()
    scale = {s.name: s.scale for s in device.states}
    ours = {a: np.asarray(trace.state[b])[0] / scale[b] for a, b in states.items()}
    ours |= {"d": np.asarray(trace.v_device)[0], "i": np.asarray(trace.i)[0]}
    off = {n: _deviation(ours[n], theirs[n]) for n in ours}
    assert max(off.values()) < SHARE, off
    for name in states:
        level = 0.5 * (theirs[name].max() + theirs[name].min())
        switched = crossings(t, theirs[name], level)
        assert len(switched) >= 2
        np.testing.assert_allclose(crossings(t, ours[name], level), switched, rtol=SHARE)


@pytest.mark.parametrize("kind", ["sine", "pulses"])
def test_a_resistor_and_a_capacitor_follow_ngspice(tmp_path, kind):
    """Time constant of 0.48 ms: 1 uF across three resistances."""
    bench = mj.Bench(1e3, 1e4, 1e-6)
    waves = {
        "sine": (mj.Sine(1.0, 300.0, 3.0), "SIN(0 1 300)"),
        "pulses": (mj.PulseTrain(1.0, 2e-3, 4e-3, 2, edge=1e-5), "PULSE(0 1 0 1e-5 1e-5 1.99e-3 4e-3)"),
    }  # fmt: skip
    drive, source = waves[kind]
    t = np.linspace(0.0, drive.duration, 2001)
    theirs = Circuit(source, bench, "V(d)/1e3", {}).run(tmp_path, t, step=drive.duration / 4000)
    trace = mj.simulate(Resistor(), drive, bench=bench, save=t, policy=POLICY).check()
    assert _deviation(np.asarray(trace.v_device)[0], theirs["d"]) < SHARE
    assert _deviation(np.asarray(trace.i)[0], theirs["i"]) < SHARE
