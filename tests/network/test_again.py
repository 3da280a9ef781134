"""Runs after the first: nothing is traced or compiled twice, and a run goes on from where another ended."""

import copy
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import jax
import numpy as np
import pytest
import scipy.integrate

import memjax as mj
from memjax import network as nw
from memjax.errors import NetworkError
from memjax.neuron import one_memristor
from tests.network.conftest import same, spiking
from tests.network.test_weights import learning


@contextmanager
def compilations() -> Iterator[list[str]]:
    """Names of what JAX traces and compiles in the block."""
    events: list[str] = []
    hear = lambda event, duration, **_: events.append(event)  # noqa: E731
    jax.monitoring.register_event_duration_secs_listener(hear)
    try:
        yield events
    finally:
        jax.monitoring.unregister_event_duration_listener(hear)


WATCH = {"cells": [0, 39]}


@pytest.mark.slow
def test_a_second_run_compiles_nothing_and_starts_at_once(recording):
    """The same network for another duration, and others that differ in numbers only."""
    network = spiking()
    # As long as the longest below: room for its spikes, even if the fixture's program has been dropped.
    nw.run(network, 0.02, watch=WATCH)
    cells, noise = network.groups
    pulses, among = network.projections
    other = nw.Network(
        groups=[
            replace(cells, values={"memristor.mu": np.full(40, 250.0)}, bias=0.4),
            replace(noise, rate=np.full(100, 150.0)),
        ],
        projections=[replace(pulses, weight=0.9 * pulses.weight), replace(among, weight=-0.03)],
        dt=network.dt,
        seed=9,
    )
    with compilations() as events:
        began = time.perf_counter()
        again = nw.run(network, 2e-3, watch=WATCH)
        took = time.perf_counter() - began
    # 2e-3 s of 40 neurons take some 4 ms.
    assert (events, again.duration) == ([], pytest.approx(2e-3))
    assert took < 0.2
    with compilations() as events:
        changed = nw.run(other, 0.02, watch=WATCH)
    assert events == []
    assert not same(changed, recording)


@pytest.mark.slow
def test_another_structure_is_another_program():
    """A parameter of the circuit, a threshold, and whether there is noise at all, are constants of a program."""
    network = spiking()
    cells = network.groups[0]
    programs = set()
    for change in (
        {},
        {"circuit": mj.params.replace(cells.circuit, {"r_c.r": 60e6})},
        {"spike": nw.Threshold(signal="gate.v", level=0.3, rearm=0.1)},
        {"values": cells.values | {"memristor.sigma2": np.zeros(40)}},
        {"values": cells.values | {"memristor.sigma2": np.full(40, 1e-3)}},
    ):
        groups = [replace(cells, **change), network.groups[1]]
        own = nw.Network(**{**vars(network), "groups": groups})
        programs.add(own.engine(jax.devices()[:1]).program({}, None))
    assert len(programs) == 5
    same_again = nw.Network(**vars(network)).engine(jax.devices()[:1]).program({}, None)
    assert same_again in programs


def test_what_a_network_holds_is_no_part_of_it():
    """Neither of its digest nor of a copy; connections are held once more at most, without delays and sources."""
    network = spiking()
    before = network.digest()
    engine = network.engine(jax.devices()[:1])
    assert network.engine(jax.devices()[:1]) is engine
    assert network.digest() == before
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert other.digest() == before
        assert other.engine(jax.devices()[:1]) is not engine
    n = 20_000
    edges = nw.fixed_fan_in(n, n, 20)
    tau = nw.Receptor(tau=1e-3)
    among = nw.Projection(
        pre="cells", post="cells", edges=edges, receptor=tau, weight=np.ones(len(edges), np.float32)
    )
    cells = replace(network.groups[0], n=n, values={})
    large = nw.Network(groups=[cells], projections=[among], dt=network.dt)
    engine = large.engine(jax.devices()[:1])
    own = edges.pre.nbytes + edges.post.nbytes + among.weight.nbytes
    held = sum(x.nbytes for x in jax.tree.leaves(engine.fixed))
    assert held < own
    assert engine.plan.rows[0][3].target is engine.fixed["rows"][0]["target"]


@pytest.mark.slow
def test_two_runs_one_after_the_other_are_one(recording):
    """Spikes, traces, statistics and times, to the last bit."""
    network = spiking()
    first = nw.run(network, 0.01, watch=WATCH)
    second = nw.run(network, 0.01, watch=WATCH, initial=first.final)
    assert second.start == first.duration
    assert second.duration == recording.duration
    for name, whole in recording.spikes.items():
        parts = zip(first.spikes[name], second.spikes[name])
        for one, both in zip(whole, parts):
            np.testing.assert_array_equal(one, np.concatenate(both))
    for name, x in recording.traces["cells"].items():
        both = [r.traces["cells"][name] for r in (first, second)]
        np.testing.assert_array_equal(x, np.concatenate(both))
    np.testing.assert_allclose(recording.times, np.concatenate([first.times, second.times]))
    np.testing.assert_array_equal(
        recording.statistics["cells"]["isi"], second.statistics["cells"]["isi"]
    )
    for name, x in recording.states["cells"].items():
        np.testing.assert_array_equal(x, second.states["cells"][name])
        np.testing.assert_array_equal(x[[0, 39]], recording.traces["cells"][name][-1])


@pytest.mark.slow
def test_a_snapshot_does_not_change_and_belongs_to_its_network():
    network = learning()
    final = nw.run(network, 5e-3).final
    with pytest.raises(ValueError, match="read-only"):
        final.arrays["steps"][...] = 0
    with pytest.raises(TypeError):
        final.arrays["steps"] = 0
    whole = nw.run(network, 0.01).conductances["synapse"]
    on = nw.run(network, 5e-3, initial=final).conductances["synapse"]
    np.testing.assert_array_equal(on["end"], whole["end"])
    with pytest.raises(NetworkError, match=r"a snapshot of another network.*in initial"):
        nw.run(spiking(), 1e-3, initial=final)


def _time_to_close(residue: float) -> float:
    """When the channel of the default neuron is closed at 1.2 V [s]."""

    def rates(t, state):
        f, r = state
        return 150.0 * 1.2 / (0.01 + abs(1 - f - r)) - 620.0 * f, 20.0 * f - 5.0 * r

    closed = lambda t, state: state[0] + state[1] - 1  # noqa: E731
    closed.terminal = True
    about = dict(events=closed, rtol=1e-9, atol=1e-12)
    return scipy.integrate.solve_ivp(rates, (0.0, 0.01), (0.0, residue), **about).t[-1]


class _EndOfATrace:
    """What a mapping has to have: keys, and a value for each."""

    def __init__(self, states: dict):
        self.states = states

    def keys(self):
        return self.states.keys()

    def __getitem__(self, name: str):
        return self.states[name]


@pytest.mark.slow
def test_a_neuron_with_a_residue_fires_earlier():
    """States of another run are a start; the residue that earlier spikes left shortens the time to the next one."""
    circuit = one_memristor(output_stage=False)
    spike = nw.Threshold(signal="gate.v", level=0.2, rearm=0.1)
    about = dict(name="cells", n=2, circuit=circuit, spike=spike, bias=1.2)
    one = nw.Network(groups=[nw.Neurons(**about, start={"memristor.r": [0.0, 0.3]})], dt=5e-7)
    fresh = nw.run(one, 0.01)
    number, when = fresh.spikes["cells"]
    first = [when[number == k][0] for k in range(2)]
    # Until the gap closes there is no voltage at the gate, which then takes some 40 us to rise.
    np.testing.assert_allclose(first, [_time_to_close(r) for r in (0.0, 0.3)], rtol=1e-2)
    assert first[1] < 0.3 * first[0]
    later = nw.Network(groups=[nw.Neurons(**about, start=fresh.states["cells"])], dt=5e-7)
    begun = nw.Simulation(later).states()["cells"]
    for name, x in fresh.states["cells"].items():
        np.testing.assert_allclose(begun[name], x, rtol=1e-6)
    rest = {"memristor.f": np.zeros(1), "memristor.r": np.array([0.3])}  # of a trace of one member
    both = nw.Network(groups=[nw.Neurons(**about, start=_EndOfATrace(rest))], dt=5e-7)
    number, when = nw.run(both, 0.01).spikes["cells"]
    np.testing.assert_allclose([when[number == k][0] for k in range(2)], first[1])
    with pytest.raises(
        NetworkError,
        match=r"memristor.r = -1 to -1 1; in start of group .cells.; allowed: 0 to inf",
    ):
        nw.Neurons(**about, start={"memristor.r": -1.0})
