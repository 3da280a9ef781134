"""What makes no array: each is one sentence that says what, where, what is allowed, and often the fix."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.errors import BoundsError, CircuitError, MemjaxError

G = np.full((3, 4), 1e-4)
RANGE, WIRES = mj.crossbar.CellRange(1e-6, 1e-4), mj.crossbar.Wires(1.0, 1.0)


def _with(value, index=(1, 2)):
    g = G.copy()
    g[index] = value
    return g


def _array(g=G, **options):
    return lambda: mj.Crossbar(g, wires=WIRES, **options)


def _wires(**options):
    numbers = {"word_line": 1.0, "bit_line": 1.0} | options
    return lambda: mj.Crossbar(G, wires=mj.crossbar.Wires(**numbers))


def _read(v):
    return lambda: mj.Crossbar(G, wires=WIRES).read(v)


GAP = mj.StanfordPKU()
WRITABLE = mj.Crossbar(cells=mj.Vteam(), states={"x": 0 * G + 0.5}, wires=WIRES)


def _pulses(voltages=(1.0, -1.0), **options):
    return lambda: mj.crossbar.Pulses(voltages, **{"widths": 1e-6} | options)


def _program(array=WRITABLE, targets=G, **options):
    options = {"pulses": _pulses()()} | options
    return lambda: mj.crossbar.program(array, targets, **options)


CASES = {
    r"conductance = 0 S at 1, 2; in Crossbar; allowed: finite and > 0 S; an open cell": _array(
        _with(0.0)
    ),
    r"conductance = -1e-05 S at 1, 2": _array(_with(-1e-5)),
    r"conductance = nan S at 1, 2": _array(_with(np.nan)),
    r"conductance = inf S at 1, 2": _array(_with(np.inf)),
    r"conductance = nan S at 0, 0 and 11 more": _array(np.full((3, 4), np.nan)),
    r"conductances of shape \(4,\); in Crossbar; allowed: word lines x bit lines": _array(G[0]),
    r"conductances of shape \(0, 4\)": _array(G[:0]),
    r"conductances = 'high'; .*an array of real numbers \[S\]": _array("high"),
    r"conductances whose rows differ in length; .*an array of real numbers": _array(
        [[1e-4, 1e-4], [1e-4]]
    ),
    r"1e\+10 cells take .* GiB; in Crossbar; allowed: at most .*tiles": _array(
        np.broadcast_to(1e-4, (10**5, 10**5))
    ),
    r"neither of conductances and cells": _array(None),
    r"both of conductances and cells": _array(G, cells=GAP, states={"gap": G}),
    r"cells = 'vteam'; .*mj.model": _array(None, cells="vteam"),
    r"cells without states; .* gap": _array(None, cells=GAP),
    r"states of conductances": _array(G, states={"gap": G}),
    r"state 'x'; in states of stanford-pku; allowed: gap": _array(None, cells=GAP, states={"x": G}),
    r"state gap of shape \(3,\)": _array(None, cells=GAP, states={"gap": G[:, 0]}),
    r"state gap = nan m at 1, 2; .*finite and >= 0 m": _array(
        None, cells=GAP, states={"gap": _with(np.nan)}
    ),
    r"state x = 1.5 1 at 1, 2; .*from 0 to 1": _array(
        None, cells=mj.Vteam(), states={"x": _with(1.5)}
    ),
    r"spread = -1; in WriteNoise; allowed: a finite number >= 0": lambda: mj.crossbar.WriteNoise(
        spread=-1
    ),
    r"word_line = 0 ohm; in Crossbar; allowed: > 0 ohm and finite; an open line": _wires(
        word_line=0.0
    ),
    r"word_line = inf ohm; .*an open line has an infinite driver": _wires(word_line=np.inf),
    r"bit_line = -1 ohm": _wires(bit_line=-1.0),
    r"bit_line = nan ohm": _wires(bit_line=np.nan),
    r"driver = -1 ohm at 1; .*infinite where the line floats": _wires(driver=[0.0, -1.0, 0.0]),
    r"driver of shape \(4,\); .*or shape \(3,\)": _wires(driver=np.zeros(4)),
    r"selector = -5 ohm": _array(selector=-5.0),
    r"all word lines are open; in Crossbar; .*driver= a finite": _wires(driver=np.inf),
    r"drive_both_ends = 'no'": _wires(drive_both_ends="no"),
    r"max_iterations = 0": _array(max_iterations=0),
    r"v of shape \(4,\); in Crossbar; allowed: \(3,\), or \(inputs, 3\)": _read(np.zeros(4)),
    r"v of shape \(2, 2, 3\)": _read(np.zeros((2, 2, 3))),
    r"v = nan V at 1": _read(np.array([0.0, np.nan, 0.0])),
    r"v_bit of shape \(3,\); in Crossbar; allowed: one voltage, or shape \(4,\)": lambda: (
        mj.Crossbar(G, wires=WIRES).read(np.ones(3), v_bit=np.zeros(3))
    ),
    r"v_bit = nan V": lambda: mj.Crossbar(G, wires=WIRES).read(np.ones(3), v_bit=np.nan),
    r"a parameter of vteam of shape \(2,\); .*or shape \(3, 4\)": _array(
        None,
        cells=mj.params.replace(mj.Vteam(), {"r_on": np.ones(2)}, check=False),
        states={"x": G},
    ),
    r"signs = 'three'; in Linear; allowed: pair, offset": lambda: mj.crossbar.Linear(
        G, signs="three", cells=RANGE, wires=WIRES
    ),
    r"write_noise = -1": lambda: mj.crossbar.Linear(
        G, cells=mj.crossbar.CellRange(1e-6, 1e-4, write_noise=-1.0), wires=WIRES
    ),
    r"input_bits without input_range; in Converters": lambda: mj.crossbar.Converters(input_bits=4),
    r"output_bits = 0; in Converters; .*>= 1 and <= 32": lambda: mj.crossbar.Converters(
        output_bits=0, output_range=1.0
    ),
    r"read_noise = -1 A": lambda: mj.crossbar.Converters(read_noise=-1.0),
    r"voltages = \(1.0, 0.5\); in Pulses; .*opposite signs": _pulses((1.0, 0.5)),
    r"widths = 0 s; in Pulses": _pulses(widths=(1e-6, 0.0)),
    r"widths = \(1e-06,\); .*one number, or \(set, reset\)": _pulses(widths=(1e-6,)),
    r"largest = 0.5; in Pulses; .*at least the moduli": _pulses(largest=0.5),
    r"scheme = 'quarter'; in Pulses; allowed: half, third, gate": _pulses(scheme="quarter"),
    r"substeps = 0": _pulses(substeps=0),
    r"targets of shape \(3,\); in program; allowed: finite numbers > 0 S, of shape \(3, 4\)": _program(
        targets=G[:, 0]
    ),
    r"a target that is none; in program": _program(targets=_with(np.nan)),
    r"tolerance = 0 S; in program": _program(tolerance=0.0),
    r"rounds = 0; in program": _program(rounds=0),
    r"ohmic cells, which have no states; in program; .*cells= and states=": _program(
        mj.Crossbar(G, wires=WIRES)
    ),
    r"gates beside a selector that is a device \(yakopcic\); in program; .*half": _program(
        mj.Crossbar(cells=mj.Vteam(), states={"x": G}, selector=mj.Yakopcic(), wires=WIRES),
        pulses=mj.crossbar.Pulses((-0.5, 0.5), widths=1e-6, scheme="gate"),
    ),
    r"jumps of event-switches; in transient": lambda: mj.crossbar.transient(
        mj.Crossbar(cells=mj.Vteam(), states={"x": G}, selector=mj.EventSwitches(), wires=WIRES),
        np.zeros((2, 3)),
        dt=1e-6,
    ),
    r"jumps of event-switches; in program": _program(
        mj.Crossbar(cells=mj.EventSwitches(), states={"on": G}, wires=WIRES)
    ),
    r"on of shape \(2, 2\); in Faults; allowed: \(3, 4\)": _program(
        faults=mj.crossbar.Faults(on=np.ones((2, 2), bool))
    ),
    r"shares \[0.6, 0.7\]; in Faults": lambda: mj.crossbar.Faults(on=0.6, off=0.7),
    r"on = 2; in Faults; allowed: a share": lambda: mj.crossbar.Faults(on=2),
    r"v of shape \(3,\); .*\(steps, 3\): a row for each step": lambda: mj.crossbar.transient(
        WRITABLE, np.zeros(3), dt=1e-6
    ),
    r"v_bit of shape \(1, 4\); .*\(2, 4\)": lambda: mj.crossbar.transient(
        WRITABLE, np.zeros((2, 3)), v_bit=np.zeros((1, 4)), dt=1e-6
    ),
    r"dt = 0 s; in transient": lambda: mj.crossbar.transient(WRITABLE, np.zeros((1, 3)), dt=0.0),
    r"law = 'linear'; in Retention; allowed: stretched exponential": lambda: mj.crossbar.Retention(
        "linear", {}
    ),
    r"values of r0; in Retention; allowed: r0, nu, t0": lambda: mj.crossbar.Retention(
        "power of time", {"r0": 1.0}
    ),
    r"-8.* ohm after 100 s; in Retention": lambda: mj.crossbar.Retention(
        "logarithm of time", {"r0": 1.0, "a": -2.0, "t0": 1.0}
    ).share(100.0),
    r"largest = 0": lambda: mj.crossbar.Linear(np.zeros((2, 2)), cells=RANGE, wires=WIRES),
    r"low = 0.001 S; in CellRange; allowed: below high": lambda: mj.crossbar.Linear(
        G, cells=mj.crossbar.CellRange(1e-3, 1e-4), wires=WIRES
    ),
    r"levels = 1": lambda: mj.crossbar.Linear(
        G, cells=mj.crossbar.CellRange(1e-6, 1e-4, levels=1), wires=WIRES
    ),
    r"tile = 64; .*\(word lines, bit lines\)": lambda: mj.crossbar.Linear(
        G, tile=64, cells=RANGE, wires=WIRES
    ),
    r"weight of shape \(4,\)": lambda: mj.crossbar.Linear(G[0], cells=RANGE, wires=WIRES),
}


@pytest.mark.wrong_types
@pytest.mark.parametrize("message", CASES)
def test_what_makes_no_array_is_refused_in_a_sentence(message):
    with pytest.raises(MemjaxError, match=message):
        CASES[message]()


def test_a_change_of_an_array_is_checked_when_it_is_read():
    array = eqx.tree_at(
        lambda a: a.conductances, mj.Crossbar(G, wires=WIRES), jnp.asarray(_with(-1.0))
    )
    with pytest.raises(BoundsError, match=r"conductance = -1 S at 1, 2"):
        array.read(np.ones(3))
    array = eqx.tree_at(lambda a: a.wires.driver, mj.Crossbar(G, wires=WIRES), jnp.full(3, jnp.inf))
    with pytest.raises(CircuitError, match="all word lines are open"):
        array.read(np.ones(3))


@pytest.mark.slow
def test_traced_conductances_are_checked_at_run_time():
    read = jax.jit(lambda g: mj.Crossbar(g, wires=WIRES).read(jnp.ones(3)).current)
    np.testing.assert_allclose(read(jnp.asarray(G)).shape, (4,))
    with pytest.raises(
        Exception,
        match="a conductance that is zero, negative or no number; in Crossbar; allowed: finite and > 0 S",
    ):
        read(jnp.asarray(_with(0.0)))
