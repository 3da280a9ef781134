"""The engine against recursions written by hand, `mj.simulate`, and itself on other devices and exchange intervals."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import memjax as mj
import memjax.errors
from memjax import network as nw
from memjax.network import wire
from memjax.solver import SemiImplicitEuler
from tests.network.conftest import DT, leaky, neurons, same, spiking

SCRIPT = Path(__file__).parent / "on_devices.py"
STEP = 1e-5
R, C = 1e6, 1e-9


def _by_hand(arrivals, steps: int, *, tau: float | None, reversal: float | None = None):
    """Voltage after each step of a leaky integrator, node taken at the end of the step."""
    v = s = 0.0
    found = []
    for k in range(steps):
        g, i = (s, s * reversal) if reversal is not None else (0.0, s)
        v = (v + STEP / C * i) / (1 + STEP / C * (1 / R + g))
        s = s * (1.0 if tau is None else np.exp(-STEP / tau)) + arrivals.get(k, 0.0)
        found.append(v)
    return np.array(found)


def _listed(*pairs):
    source, step = zip(*pairs, strict=True)
    return nw.SpikeList(name="list", n=3, source=np.array(source), time=(np.array(step) + 1) * STEP)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("receptor", "unit"),
    [
        (nw.Receptor(tau=5e-4), 1e-6),
        (nw.Receptor(width=2e-4), 1e-6),
        (nw.Receptor(tau=5e-4, reversal=0.8), 1e-6),
    ],
)
def test_arrivals_are_those_of_a_recursion_by_hand(receptor, unit):
    """Spikes arrive a delay later to the step, add up, decay or end, and act through the node where they have to."""
    edges = nw.Edges(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([1e-4, 3e-4, 1e-4]))
    to = nw.Projection(
        pre="list", post="cells", edges=edges, receptor=receptor, weight=unit * np.array([1, 2, 3])
    )
    net = nw.Network(
        groups=[_listed((0, 3), (1, 7), (1, 8)), neurons(2)],
        projections=[to],
        dt=STEP,
        exchange_steps=10,
        dtype="float64",
    )
    seen = nw.run(net, 2e-3, watch={"cells": [0, 1]}).traces["cells"]["node.v"]
    expected = []
    for arrivals in ({13: 1.0, 37: 2.0, 38: 2.0}, {17: 3.0, 18: 3.0}):
        own = {k: unit * x for k, x in arrivals.items()}
        if receptor.width is not None:
            own |= {k + 20: -x for k, x in own.items()}
        expected.append(_by_hand(own, 200, tau=receptor.tau, reversal=receptor.reversal)[9::10])
    np.testing.assert_allclose(seen, np.stack(expected, axis=1), rtol=1e-12, atol=1e-18)


@pytest.mark.slow
def test_neurons_alone_are_those_of_simulate():
    """Same equations, same noise, same step: the spikes of `mj.simulate` with fixed steps."""
    net = spiking(8, dtype="float64")
    cells = net.groups[0]
    alone = nw.Network(groups=[cells], dt=DT, seed=4, dtype="float64")
    steps, bias = 8192, cells.bias + 0.6
    alone = nw.Network(
        groups=[nw.Neurons(**{**vars(cells), "bias": bias})], dt=DT, seed=4, dtype="float64"
    )
    found = nw.run(alone, steps * DT)
    rows = np.arange(1, steps + 1) * DT
    flat = mj.Sampled(np.array([0.0, rows[-1]]), np.array([bias, bias]))
    trace = mj.simulate(
        cells.circuit,
        flat,
        policy=mj.Fixed(DT, method=SemiImplicitEuler()),
        members=8,
        seed=4,
        save=rows,
        conditions=mj.Conditions(values={k: x[:, None] for k, x in cells.values.items()}),
    ).check()
    gate = np.asarray(trace.state["gate.v"])
    first = np.argmax(gate > 0.2, axis=1)
    assert np.all(first > 0)
    number, time = found.spikes["cells"]
    seen = [np.rint(time[number == k] / DT).astype(int)[0] - 1 for k in range(8)]
    np.testing.assert_array_equal(seen, first)


@pytest.mark.slow
def test_exchange_interval_and_room_change_nothing(recording, monkeypatch):
    """Spikes do not depend on how often they are exchanged, nor on how many were expected."""
    assert len(recording.spikes["cells"][0]) > 50
    monkeypatch.setattr(wire, "MIN_ROOM", 1)
    half = nw.run(spiking(exchange_steps=100), 0.02)
    assert same(recording, half)


@pytest.mark.slow
def test_several_spikes_between_exchanges():
    """A neuron that fires more than once within an exchange interval: room is made, and none is lost."""
    time = np.arange(2, 400, 4) * STEP
    drive = nw.SpikeList(name="list", n=1, source=np.zeros(len(time), int), time=time)
    to = nw.Projection(
        pre="list",
        post="cells",
        edges=nw.one_to_one(1),
        receptor=nw.Receptor(tau=1e-6),
        weight=1.2e-4,
        delay=1e-3,
    )
    cells = neurons(1, circuit=mj.params.replace(leaky(), {"r.r": 1e4}))
    net = nw.Network(groups=[drive, cells], projections=[to], dt=STEP)
    assert net.clock.steps == 100
    found = nw.run(net, 6e-3)
    expected = time + 1e-3 + STEP  # the step after the arrival
    np.testing.assert_allclose(found.spikes["cells"][1], expected, atol=1e-9)
    np.testing.assert_array_equal(found.statistics["cells"]["count"], [len(time)])
    np.testing.assert_allclose(found.statistics["cells"]["isi"], [4 * STEP], rtol=1e-6)


def _on_devices(*arguments: str) -> subprocess.Popen:
    """A process with devices of its own."""
    words = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ})


def _told(process: subprocess.Popen) -> dict:
    """What it printed."""
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def one():
    """What one device says."""
    return _told(_on_devices("1"))


@pytest.fixture(scope="module")
def five():
    """What five devices of one process say, of which some have no neurons."""
    return _told(_on_devices("5"))


@pytest.mark.slow
def test_five_devices_give_the_same_spikes(one, five):
    """Shards change no bit."""
    assert one["spikes"] > 500
    assert one["at_once"] >= 500
    assert (one["devices"], five["devices"]) == (1, 5)
    assert one["digest"] == five["digest"]


@pytest.mark.slow
def test_what_devices_tell_each_other_is_what_the_program_gathers(one, five):
    """Bytes of an exchange interval, against the collectives of the lowered program."""
    for said in (one, five):
        gathered, reduced = said["collectives"]
        wire = said["wire"]
        assert gathered == wire.pop("spikes") + wire.pop("conductances")
        assert reduced == sum(wire.values())
    assert one["collectives"][0] == 0
    # Room for 68 spikes at first; a part of twice a fifth of it, 8 bytes each, from five devices.
    assert five["collectives"][0] == 5 * 28 * 8


@pytest.mark.parametrize("shards", [1, 2, 3, 5, 64, 1000])
def test_parts_of_lists_hold_what_is_asked_for_and_little_more(shards):
    rng = np.random.default_rng(shards)
    for room in rng.integers(1, 100_000, 50):
        part = wire.places(int(room), shards)
        assert min(room, 2 * room / shards) <= part <= min(room, 2 * room / shards + 2)
        if part < room:  # one spike more than its part says that there is not enough room
            more = int(wire.room_for(part + 1, shards))
            assert more > room
            assert wire.places(2 * more, shards) >= part + 1
    assert wire.room_for(2**30, shards) < 2**31


def test_a_bit_for_each_neuron_and_step_would_be_more_below_one_spike_in_256_steps():
    n, steps, shards = 10**6, 100, 100
    spikes = n * steps // 256
    lists = wire.list_bytes(spikes, shards)
    assert lists["sent"] * shards == pytest.approx(n * steps / 8, rel=1e-2)
    assert lists["received"] == lists["sent"] * (shards - 1)


@pytest.mark.study
def test_two_processes_give_the_same_spikes(one):
    """One device, and one of each of two processes on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    pair = [_on_devices("1", port, str(k)) for k in (0, 1)]
    pair = [_told(p) for p in pair]
    assert pair[0]["devices"] == pair[1]["devices"] == 2
    assert one["digest"] == pair[0]["digest"] == pair[1]["digest"]


@pytest.mark.slow
def test_a_step_that_is_too_long_is_named():
    """The figure that it violates, and a step that would do."""
    fast = nw.Neurons(**{**vars(spiking(40).groups[0]), "bias": 1.2})
    coarse = nw.Simulation(nw.Network(groups=[fast], dt=1e-3, exchange_steps=5))
    with pytest.raises(mj.errors.SolveError, match=r"dt times the largest rate.*below 10.*dt = "):
        list(coarse.advance(500))
    fine = nw.Simulation(nw.Network(groups=[fast], dt=1e-5, exchange_steps=50))
    list(fine.advance(1000))
    assert 5 < fine.stiffness["cells"] < 100
    assert "coarse for 'cells'" in fine.notes()[0]
