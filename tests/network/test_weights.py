"""Devices as weights, against their own maps and equations."""

import zlib

import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax import network as nw
from memjax.errors import NetworkError
from memjax.noise import device_key, increments, words
from memjax.synapse import Pulsed, PulseNoise
from memjax.synapse.pulsed import Memory, pulse
from tests.network.conftest import leaky, neurons

STEP = 1e-5


def pulsed() -> Pulsed:
    """Metastable switches under pulses that move them by a tenth."""
    device = mj.params.replace(
        mj.MetastableSwitches(),
        {"r_on": 1e4, "r_off": 1e5, "tau": 2e-5, "v_off": 2.7, "x0": 0.3},
    )
    two = lambda a, b: jnp.array([a, b])  # noqa: E731
    return Pulsed(
        device=device,
        voltages=two(2.5, -2.7),
        widths=two(2e-6, 4e-6),
        rest=two(0.0, 0.0),
        read_voltage=jnp.asarray(0.2),
    )


NOISE = PulseNoise(
    jitter=jnp.array([1e-7, 1e-7]),
    programming=jnp.array([3e-7, 3e-7]),
    slope=jnp.zeros(2),
    bend=jnp.zeros(2),
    flicker=jnp.array([0.5, 0.5]),
    read=jnp.zeros(()),
    g_mid=jnp.asarray(5e-5),
    g_span=jnp.asarray(1e-4),
    cycle={},
)


def learning(start=None, *, dtype="float64") -> nw.Network:
    """Source 0 and a cell that source 1 makes fire, with a device between them that learns."""
    tell = nw.SpikeList(
        name="tell",
        n=2,
        source=np.array([0, 1, 1, 0, 0, 1]),
        time=STEP * np.array([101, 121, 291, 311, 601, 901]),
    )
    weights = nw.DriftWeights(
        pulsed=pulsed(), noise=NOISE, scale=1e-9, set_window=5e-4, reset_window=5e-4, start=start
    )
    synapse = nw.Projection(
        pre="tell",
        post="cells",
        edges=nw.Edges(np.array([0, 0]), np.array([0, 1])),
        receptor=nw.Receptor(tau=1e-4),
        weight=weights,
        delay=5e-4,
        name="synapse",
    )
    teacher = nw.Projection(
        pre="tell",
        post="cells",
        edges=nw.Edges(np.array([1]), np.array([0])),
        receptor=nw.Receptor(tau=1e-6),
        weight=2e-4,
        delay=5e-4,
    )
    cells = neurons(2, circuit=mj.params.replace(leaky(), {"r.r": 1e4}))
    return nw.Network(
        groups=[tell, cells], projections=[synapse, teacher], dt=STEP, seed=3, dtype=dtype
    )


@pytest.mark.slow
def test_pairs_of_spikes_program_by_the_device_s_own_map():
    """Arrival then spike: set; spike then arrival: reset; beyond the window, or without a partner: nothing."""
    simulation = nw.Simulation(learning())
    list(simulation.advance(simulation.network.steps(0.02)))
    found = simulation.conductances()["synapse"]
    device = pulsed()
    key = words(device_key(3, member=0, sweep=_number("synapse")))
    memory = Memory(device.start(), jnp.zeros(3), jnp.zeros(()))
    for n, kind in enumerate((0, 1)):  # 100 -> 120; 290 -> 310; 600 alone; 900 alone
        draw = increments(key, jnp.asarray(n), channels=5, dtype=jnp.float64)
        memory = pulse(device, NOISE, memory, jnp.asarray(kind), draw)
    g = device.conductance(memory.z) + jnp.sum(memory.flicker) + memory.jitter
    np.testing.assert_allclose(found[0], g, rtol=1e-12)
    np.testing.assert_allclose(found[1], device.conductance(device.start()), rtol=1e-12)
    assert abs(found[0] / found[1] - 1) > 1e-3


def _number(name: str) -> int:
    """What tells the noise of a projection's devices from that of groups."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


@pytest.mark.slow
def test_what_arrives_is_the_conductance():
    """The first arrival meets the starting weight: scale times conductance, a delay later."""
    start = 0.6
    net = learning(np.array([0.3, start]))
    seen = nw.run(net, 2e-3, watch={"cells": [1]}).traces["cells"]["node.v"][:, 0]
    device = pulsed()
    g = float(device.conductance(jnp.array([start])))
    v = s = 0.0
    expected = []
    for k in range(200):
        v = (v + STEP / 1e-9 * s) / (1 + STEP / (1e-9 * 1e4))
        s = s * np.exp(-STEP / 1e-4) + (1e-9 * g if k == 150 else 0.0)
        expected.append(v)
    steps = net.clock.steps
    np.testing.assert_allclose(seen, expected[steps - 1 :: steps], rtol=1e-9, atol=1e-30)


@pytest.mark.slow
def test_a_learning_network_goes_on_from_a_snapshot():
    """Devices are part of the state."""
    net = learning()
    whole = nw.Simulation(net)
    parts = list(whole.advance(20 * net.clock.steps))
    first = nw.Simulation(net)
    list(first.advance(5 * net.clock.steps))
    later = nw.Simulation(net)
    later.restore(first.snapshot())
    list(later.advance(15 * net.clock.steps))
    np.testing.assert_array_equal(whole.conductances()["synapse"], later.conductances()["synapse"])
    assert parts[-1].end == later.done


@pytest.mark.slow
def test_circuits_as_weights():
    """One diffusive and one drift memristor per edge, driven by both neurons' spikes."""
    edges = nw.Edges(np.array([0, 1]), np.array([0, 0]))
    synapses = nw.Neurons(
        name="synapses",
        n=2,
        circuit=mj.synapse.diffusive_drift(),
        spike=nw.Threshold(signal="middle.v", level=1e3),
        start={"weight.x": np.array([0.2, 0.8])},
    )
    tell = nw.SpikeList(name="tell", n=2, source=np.array([0, 1]), time=STEP * np.array([101, 301]))
    read = nw.Projection(
        pre="tell",
        post="cells",
        edges=edges,
        receptor=nw.Receptor(tau=1e-4),
        weight=nw.ConductanceOf(group="synapses", element="weight", scale=1e-9),
        delay=5e-4,
    )
    drive = nw.Projection(
        pre="tell",
        post="synapses",
        edges=nw.one_to_one(2),
        receptor=nw.Receptor(width=1e-3, port="pre"),
        weight=0.2,
        delay=5e-4,
        name="drive",
    )
    net = nw.Network(
        groups=[tell, synapses, neurons(1)],
        projections=[read, drive],
        dt=STEP,
        dtype="float64",
    )
    found = nw.run(net, 6e-3, watch={"cells": [0], "synapses": [0, 1]})
    v = found.traces["cells"]["node.v"][:, 0]
    own = mj.synapse.diffusive_drift().devices["weight"]
    g = [
        float(own.current(0.0, {"x": jnp.asarray(x)}, 0.1, mj.Environment()) / 0.1)
        for x in (0.2, 0.8)
    ]
    steps = net.clock.steps
    first, second = v[200 // steps - 1], v[400 // steps - 1]
    left = second - first * np.exp(
        -200 * STEP / 1e-3
    )  # what the first one left behind decays by itself
    assert g[1] / g[0] > 2 or g[0] / g[1] > 2
    np.testing.assert_allclose(left / first, g[1] / g[0], rtol=0.1)
    driven = np.max(np.abs(found.traces["synapses"]["middle.v"]), axis=0)
    assert np.all(driven > 1e-6)


def test_devices_that_are_not_there_are_named():
    """A group of another size, an element that is no device, a rectangular pulse."""
    net = learning()
    other = nw.ConductanceOf(group="cells", element="weight", scale=1.0)
    about = {**vars(net.projections[0]), "weight": other}
    with pytest.raises(NetworkError, match="no device 'weight'"):
        nw.Network(groups=net.groups, projections=[nw.Projection(**about)], dt=STEP)
    about["weight"] = nw.ConductanceOf(group="none", element="weight", scale=1.0)
    with pytest.raises(NetworkError, match="no group 'none' of 2 circuits"):
        nw.Network(groups=net.groups, projections=[nw.Projection(**about)], dt=STEP)
    with pytest.raises(NetworkError, match="rectangular"):
        nw.Projection(**{**about, "receptor": nw.Receptor(width=1e-3)})
