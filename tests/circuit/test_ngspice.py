"""Circuits with transistors against ngspice: its own transistor, and a neuron written as behavioural sources."""

import numpy as np
import pytest

import memjax as mj
from memjax import neuron
from memjax.core.constants import BOLTZMANN_EV
from tests.helpers import crossings
from tests.spice import Node, needs_ngspice, pwl, transient

pytestmark = [needs_ngspice, pytest.mark.slow]

POLICY = mj.Stiff(rtol=1e-6, atol=1e-9)


def test_an_inverter_follows_the_level_1_transistor_in_strong_inversion(tmp_path):
    """EKV with n = 1 against SPICE's square law, from saturation into the triode region.

    Around pinch-off the two ln^2 of EKV round off the corner by at most 2 beta (U_T ln 2)^2 beside
    beta (V_G - V_T)^2 / 2 >= beta 0.3^2 / 2: under 1 % of the current.
    """
    circuit = mj.Circuit(
        [
            ("input", mj.VoltageSource(), "gate", "0"),
            ("supply", mj.VoltageSource(1.2), "vdd", "0"),
            ("load", mj.Resistor(1e4), "vdd", "drain"),
            ("m", mj.Mosfet(beta=1e-3, v_t=0.2), "drain", "gate", "0", "0"),
            ("c", mj.Capacitor(1e-12), "drain", "0"),
        ]
    )
    drive = mj.Sampled(np.array([0.0, 1e-3]), np.array([0.0, 1.0]))
    t = np.linspace(0, 1e-3, 1001)
    lines = [
        f"Vs gate 0 {pwl(drive)}",
        "Vdd vdd 0 1.2",
        "Rl vdd drain 1e4",
        "M1 drain gate 0 0 square W=1u L=1u",
        "Cd drain 0 1e-12 IC=0",
        ".model square NMOS(LEVEL=1 VTO=0.2 KP=1e-3 LAMBDA=0 GAMMA=0)",
    ]
    theirs = transient(lines, ["drain"], tmp_path, t, step=1e-6, source="Vdd")
    trace = mj.simulate(circuit, drive, save=t, policy=POLICY).check()
    ours = np.asarray(trace.state["drain.v"])[0]
    strong = t > 0.5e-3  # V_G - V_T > 0.3 V = 5.8 times 2 U_T
    assert theirs["drain"][strong].max() > 0.6  # saturation
    assert theirs["drain"][strong].min() < 0.25  # triode
    amps = lambda v: (1.2 - v[strong]) / 1e4  # noqa: E731
    np.testing.assert_allclose(amps(ours), amps(theirs["drain"]), rtol=0.01)


def test_the_one_memristor_neuron_follows_its_equations_in_ngspice(tmp_path):
    """1.5 V in pulses, 50 Mohm: gate and filament to 1e-3 of their ranges, spikes to 1e-3 of their times.

    The drain falls within microseconds: an edge that is late by a share s of the time counts as its
    square root, 5e-3 for 25e-6 or 1.5 us.
    """
    circuit = neuron.one_memristor(mj.Diffusive1M1T1R(), r_c=50e6)
    k = np.arange(30)[:, None]
    times = 1e-3 * np.ravel(2 * k + np.array([0.0, 1e-3, 1.0, 1.001]))
    drive = mj.Sampled(np.append(times, 0.06), np.append(np.tile([0, 1.5, 1.5, 0], 30), 0.0))
    x = "min(max(V(f)+V(r),0),1)"
    gap = f"(exp((1-{x})/0.2)-1)/(exp(5)-1)"
    ohms = f"max(1e6*{x}+1e12*{gap},1e6)"
    grown = "150*max(V(in,g),0)/(0.01+abs(1-V(f)-V(r)))"
    twice = 2 * BOLTZMANN_EV * mj.Environment().temperature
    side = lambda v: f"ln(1+exp((V(g)-0.22-{v})/{twice!r}))"  # noqa: E731
    amps = f"0.5*7.5e-4*{twice**2!r}*({side('0')}*{side('0')}-{side('V(dr)')}*{side('V(dr)')})"
    lines = [
        f"Vs in 0 {pwl(drive)}",
        f"Bm in g I={{V(in,g)/({ohms})}}",
        "Cg g 0 1e-11 IC=0",
        "Rc g 0 50e6",
        "Vdd vdd 0 0.5",
        "Rl vdd dr 47e3",
        f"Bt dr 0 I={{{amps}}}",
        "Cdr dr 0 1e-15 IC=0",
        *Node(0.0, f"{grown}-620*V(f)", 1e-3).lines("f"),
        *Node(0.0, "20*V(f)-5*V(r)", 1e-3).lines("r"),
    ]
    t = np.linspace(0, 0.06, 12001)
    theirs = transient(lines, ["f", "g", "dr"], tmp_path, t, step=2e-6, source="Vs")
    trace = mj.simulate(circuit, drive, save=t, deterministic=True, policy=POLICY).check()
    names = {"f": "memristor.f", "g": "gate.v", "dr": "drain.v"}
    late = t > 1e-6  # the drain starts without charge, and has 47 ps to get it
    for key, name in names.items():
        ours, other = np.asarray(trace.state[name])[0][late], theirs[key][late]
        off = np.sqrt(np.mean((ours - other) ** 2)) / np.ptp(other)
        assert off < (5e-3 if key == "dr" else 1e-3), (name, off)
    spikes = crossings(t, theirs["g"], 0.2)
    assert len(spikes) >= 4
    np.testing.assert_allclose(
        crossings(t, np.asarray(trace.state["gate.v"])[0], 0.2), spikes, rtol=1e-3
    )
