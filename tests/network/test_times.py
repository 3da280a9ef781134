"""Delays arrive in their step and runs last what was asked, wherever exchanges of spikes lie."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from memjax import network as nw
from memjax.errors import NetworkError, StepWarning
from memjax.lanes.cc import library as kernels
from memjax.network import soft_rates
from memjax.network.exchange_program import _cached_program
from memjax.network.folder_run import FolderSettings, run_network
from memjax.network.run_store import load_recording
from memjax.network.toml import load_network
from tests.network.conftest import neurons, same
from tests.network.test_weights import NOISE, STEP, learning, pulsed

MS = 100
"""Steps of a millisecond."""


@pytest.fixture(params=["C", "XLA"])
def backend(request, monkeypatch):
    """Programs of the test are of kernels in C, or have none."""
    if request.param == "XLA":
        monkeypatch.setenv(kernels.COMPILER, "")
    elif kernels.find_compiler() is None:
        pytest.skip("no compiler of C on this machine")
    _cached_program.cache_clear()
    yield request.param
    _cached_program.cache_clear()


def far(delays, *, dt: float = STEP, steps: int | None = None) -> nw.Network:
    """A source that fires once, at the end of the third step, and a cell behind each delay."""
    n = len(delays)
    tell = nw.SpikeList(name="tell", n=1, source=np.array([0]), time=np.array([3 * dt]))
    edges = nw.Edges(np.zeros(n, int), np.arange(n), np.asarray(delays))
    to = nw.Projection(
        pre="tell", post="cells", edges=edges, receptor=nw.Receptor(tau=1.0), weight=1e-6
    )
    return nw.Network(groups=[tell, neurons(n)], projections=[to], dt=dt, exchange_steps=steps)


def arrivals(network: nw.Network, duration: float) -> np.ndarray:
    """Steps after which voltages first move, counted from that at whose end the source fires; in the next they move."""
    n = network.groups[1].n
    seen = nw.run(network, duration, watch={"cells": range(n)}, every=network.dt)
    return np.argmax(seen.traces["cells"]["node.v"] > 0, axis=0) - 3


@pytest.mark.slow
def test_delays_of_edges_are_exact_at_the_default_interval(backend):
    """Some that are taken to a whole number of intervals of 1 ms would be wrong by up to 0.5 ms."""
    delays = [1e-3, 1.13e-3, 1.5e-3, 2.25e-3, 4.44e-3, 12.01e-3]
    network = far(delays)
    assert network.clock.steps == MS
    np.testing.assert_array_equal(arrivals(network, 0.02), np.rint(np.array(delays) / STEP))


@pytest.mark.slow
def test_delays_of_a_file_are_exact(tmp_path):
    (tmp_path / "edges.csv").write_text("pre,post,delay_s\n0,0,1.13e-4\n0,1,2.251e-4\n")
    (tmp_path / "spikes.csv").write_text("source,time_s\n0,3e-7\n")
    path = tmp_path / "net.toml"
    path.write_text("""
duration = 4e-4
dt = 1e-7
[groups.tell]
kind = "spikes"
n = 1
file = "spikes.csv"
[groups.cells]
model = "threshold-switch-neuron"
n = 2
spike = { signal = "node.v", level = 1e3 }
[[projections]]
pre = "tell"
post = "cells"
connect = { rule = "file", file = "edges.csv" }
weight = 0.1
tau = 1.0
""")
    found = load_network(path)
    np.testing.assert_array_equal(arrivals(found.network, found.duration), [1130, 2251])


def busy(steps: int | None = None, **options) -> nw.Network:
    """Cells that fire at each other and at sources, with delays of 5 to 23 steps and pulses of 7 and 13."""
    rng, n = np.random.default_rng(3), 40
    spike = nw.Threshold(signal="node.v", level=0.5, rearm=0.48)
    cells = neurons(n, bias=rng.uniform(4e-7, 6e-7, n), spike=spike)

    def to(pre: str, members: int, receptor: nw.Receptor, weight: float) -> nw.Projection:
        edges = nw.fixed_fan_in(members, n, 8, seed=len(pre))
        edges = replace(edges, delay=STEP * rng.integers(5, 24, len(edges)))
        weights = weight * rng.uniform(0.3, 1, len(edges))
        name = f"{pre}{receptor.width}"
        return nw.Projection(
            pre=pre, post="cells", edges=edges, receptor=receptor, weight=weights, name=name
        )

    projections = [
        to("noise", 20, nw.Receptor(width=13 * STEP), 4e-7),
        to("cells", n, nw.Receptor(width=7 * STEP), -1.5e-5),
        to("cells", n, nw.Receptor(tau=2e-4), 2e-7),
    ]
    noise = nw.Poisson(name="noise", n=20, rate=2000.0)
    options = {"dt": STEP, "seed": 4, "exchange_steps": steps} | options
    return nw.Network(groups=[cells, noise], projections=projections, **options)


@pytest.mark.few(1)
@pytest.mark.slow
def test_spikes_are_those_of_an_exchange_in_every_step(backend):
    """To the bit, and so are states: arrivals of one step add up in one order."""
    found = nw.run(busy(), 0.02)
    assert busy().clock.steps == 5
    assert len(found.spikes["cells"][0]) > 200
    for steps in (1, 3):
        other = nw.run(busy(steps), 0.02)
        assert same(found, other)
        for name, x in found.states["cells"].items():
            np.testing.assert_array_equal(x, other.states["cells"][name])


@pytest.mark.slow
def test_soft_rates_do_not_depend_on_the_exchange_interval():
    """Sums of float64 in another order: 1e-16 times what a threshold of width 0.02 V makes of it."""
    rates = [soft_rates(busy(s, dtype="float64"), 4e-3, width=0.02)()["cells"] for s in (None, 1)]
    assert np.ptp(rates[0]) > 1.0
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-9)


@pytest.mark.integration
def test_delays_between_steps_are_rounded_with_a_note():
    network = far([1e-3, 1.1349e-3, 2.004e-3])
    text = r"2 of 3 delays of projection 'tell-cells' are no multiples of dt = 1e-05 s: .* by up to 4.9e-06 s"
    with pytest.warns(StepWarning, match=text):
        recording = nw.run(network, 5e-3)
    assert len(recording.notes) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nw.run(far([1e-3, 1.13e-3, 2e-3]), 5e-3).notes == ()


@pytest.mark.parametrize(
    ("delays", "allowed"),
    [([4e-4, 1e-3], "at least the exchange interval, 0.0005 s"), ([1e-3, 1e6], "below 21474.8 s")],
)
def test_delays_that_cannot_be_are_refused(delays, allowed):
    with pytest.raises(NetworkError, match=rf"delay of projection.*allowed: {allowed}"):
        far(delays, steps=50)


def test_memory_of_long_delays_is_counted(monkeypatch):
    from memjax.network import memory

    monkeypatch.setattr(memory, "available", lambda devices: 2**20)
    with pytest.raises(NetworkError, match=r"most for spikes of 'tell' on their way.*shorter"):
        nw.Simulation(far([1e-3, 2e4]))


def test_an_interval_that_all_delays_are_multiples_of_is_not_made_too_short():
    """Steps of 1 ms and 1.01 ms have one in common; spikes are exchanged a millisecond apart nevertheless."""
    near, later = (replace(far([1e-3]).projections[0], edges=nw.one_to_one(1), delay=d, name=str(d))
                   for d in (1e-3, 1.01e-3))  # fmt: skip
    groups = far([1e-3]).groups
    assert nw.Network(groups=groups, projections=[near, later], dt=STEP).clock.steps == MS
    with pytest.raises(NetworkError, match="a multiple of dt"):
        nw.Network(groups=groups, projections=[replace(later, delay=1.005e-3)], dt=STEP)


@pytest.mark.slow
def test_a_run_lasts_what_was_asked(backend):
    """Without delays spikes would be exchanged every 256 steps; six stretches end within an interval."""
    network = nw.Network(groups=[neurons(3, bias=1e-6)], dt=STEP)
    assert network.clock.steps == 256
    whole = nw.run(network, 0.12)
    assert whole.duration == pytest.approx(0.12, rel=1e-12)
    final, found = None, []
    for k in range(6):
        found.append(nw.run(network, 0.02, initial=final))
        final = found[-1].final
        assert found[-1].start == pytest.approx(0.02 * k, rel=1e-12)
    assert found[-1].duration == pytest.approx(0.12, rel=1e-12)
    for k in (0, 1):
        parts = [x.spikes["cells"][k] for x in found]
        np.testing.assert_array_equal(whole.spikes["cells"][k], np.concatenate(parts))


def whole_and_in_parts(network: nw.Network, steps: list[int], **options) -> tuple:
    """A run, and the same one in stretches of so many steps."""
    whole = nw.run(network, sum(steps) * network.dt, **options)
    parts, final = [], None
    for n in steps:
        parts.append(nw.run(network, n * network.dt, initial=final, **options))
        final = parts[-1].final
    return whole, parts


def check_parts(whole: nw.Recording, parts: list[nw.Recording]) -> None:
    """Spikes, traces, statistics, states and conductances to the last bit."""
    for name, pair in whole.spikes.items():
        for k in (0, 1):
            np.testing.assert_array_equal(
                pair[k], np.concatenate([p.spikes[name][k] for p in parts])
            )
    for name, traces in whole.traces.items():
        for key, x in traces.items():
            np.testing.assert_array_equal(
                x, np.concatenate([p.traces[name][key] for p in parts]), err_msg=key
            )
    last = parts[-1]
    for name, states in whole.states.items():
        for key, x in states.items():
            np.testing.assert_array_equal(x, last.states[name][key])
    for name, table in whole.statistics.items():
        for key in table:
            # Energies are sums of those of intervals, which a pause cuts in two.
            rtol = 1e-6 if key == "energy" else 0.0
            np.testing.assert_allclose(table[key], last.statistics[name][key], rtol=rtol)
    for name, table in whole.conductances.items():
        np.testing.assert_array_equal(table["end"], last.conductances[name]["end"])
    np.testing.assert_allclose(whole.times, np.concatenate([p.times for p in parts]))


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("every", [None, 3 * STEP])
def test_stretches_that_end_within_an_interval_are_one_run(backend, every):
    """Sources, arrivals, pulses and records go on where they were."""
    pieces = [333, 1, 2, 4, 660]
    whole, parts = whole_and_in_parts(busy(), pieces, watch={"cells": [0, 39]}, every=every)
    assert len(whole.spikes["cells"][0]) > 80
    check_parts(whole, parts)


@pytest.mark.slow
def test_devices_that_learn_do_not_notice_where_a_run_pauses():
    """They are programmed at ends of intervals, by spikes of all of an interval."""
    network = learning()
    assert network.clock.steps == 50
    whole, parts = whole_and_in_parts(network, [115, 3, 187, 7, 688])
    ends = whole.conductances["synapse"]
    assert ends["end"][0] != ends["start"][0]
    check_parts(whole, parts)


def with_delays(delays, **options) -> nw.Network:
    """The network that learns with other delays of its devices."""
    net = learning()
    synapse, teacher = net.projections
    first = (
        {"edges": replace(synapse.edges, delay=delays)} if np.ndim(delays) else {"delay": delays}
    )
    return replace(net, projections=[replace(synapse, **first), teacher], **options)


@pytest.mark.study
def test_devices_with_delays_of_their_own_are_programmed_as_with_one():
    """The second of two edges has another delay than the first, by no whole interval."""
    both = with_delays(np.array([6.3e-4, 9.1e-4]), exchange_steps=50)
    first = with_delays(6.3e-4, exchange_steps=50)
    found, one = (nw.run(x, 0.01).conductances["synapse"] for x in (both, first))
    assert one["end"][0] != one["start"][0]
    assert found["end"][0] == one["end"][0]


@pytest.mark.slow
def test_conductances_of_circuits_count_from_the_beginning_of_an_interval():
    """A drift memristor that its own drive programs, read in intervals of 50 steps, with pauses within."""
    dt = 2e-7
    synapses = nw.Neurons(
        name="synapses",
        n=1,
        circuit=mj.synapse.diffusive_drift(),
        spike=nw.Threshold(signal="middle.v", level=1e3),
        bias={"pre": 10.0},
        start={"weight.x": 0.2},
    )
    tell = nw.SpikeList(
        name="tell", n=1, source=np.zeros(13, int), time=dt * np.arange(100, 1400, 100)
    )
    read = nw.Projection(
        pre="tell",
        post="cells",
        edges=nw.one_to_one(1),
        receptor=nw.Receptor(tau=1e-4),
        weight=nw.ConductanceOf(group="synapses", element="weight", scale=1e-2),
        delay=1e-5,
    )
    network = nw.Network(
        groups=[tell, synapses, neurons(1)], projections=[read], dt=dt, dtype="float64"
    )
    g = nw.run(network, 3e-4).conductances["tell-cells"]
    assert g["end"][0] != g["start"][0]
    check_parts(*whole_and_in_parts(network, [970, 13, 517]))


@pytest.mark.study
def test_a_folder_goes_on_within_an_interval(tmp_path):
    network, about = busy(), {"watch": {"cells": [0]}, "energy": True}
    folder = run_network(
        network, 333 * STEP, tmp_path / "run", folder=FolderSettings(save_interval=0.0), **about
    )
    assert load_recording(folder).duration == pytest.approx(333 * STEP, rel=1e-12)
    for steps in (334, 1000):
        run_network(network, steps * STEP, folder, folder=FolderSettings(resume=True), **about)
    whole, found = nw.run(network, 0.01, **about), load_recording(folder)
    assert found.duration == pytest.approx(0.01, rel=1e-12)
    check_parts(whole, [found])
    ledger, expected = found.energy["cells"], whole.energy["cells"]
    assert ledger.ends[-1] == pytest.approx(0.01, rel=1e-12)
    np.testing.assert_allclose(np.diff(ledger.ends[65:69]), STEP * np.array([3, 1, 1]), atol=1e-12)
    assert ledger.source_energy == pytest.approx(expected.source_energy, rel=1e-5)
    np.testing.assert_allclose(ledger.per_interval(1e-3), expected.per_interval(1e-3), rtol=1e-4)


@pytest.mark.slow
def test_noise_of_devices_is_drawn_once(tmp_path):
    """A pause at every step of an interval in which a device is programmed."""
    assert NOISE.jitter[0] > 0
    assert pulsed().read_voltage > 0
    network = learning()
    check_parts(*whole_and_in_parts(network, [100, *[1] * 100, 100]))
