"""What spikes of both neurons do to one synapse of the network file: by the rate of the input, and the first state."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from benchmarks.cases.tasks_onchip.problem import SIZES, write_files
from memjax import network as nw
from memjax.network.toml import load_network

RATES = np.array([0.0, 200.0, 400.0, 600.0, 800.0, 1000.0])
"""Of the input [1/s]: of a black pixel to a white one."""

STARTS = np.array([0.1, 0.4, 0.7])
"""Share of switches that are on before."""

COPIES = 24
"""Synapses of each, with spikes of their own."""


def responses(
    images: np.ndarray, labels: np.ndarray
) -> Mapping[str, Float[np.ndarray, "starts rates"]]:
    """Mean changes of the share of switches that are on, by first share and rate of the input.

    Returns
    -------
    mapping of str to Float[np.ndarray, "starts rates"]
        `pair`: one spike of the neuron after 15 ms of the input; `input`: one second of the input alone.
    """
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), SIZES["smoke"], 0, images, labels)
        network = load_network(Path(name) / "learn.toml").network
    shape = (len(STARTS), len(RATES), COPIES)
    share = np.broadcast_to(STARTS[:, None, None], shape).ravel()
    rate = np.broadcast_to(RATES[None, :, None], shape).ravel()
    n = len(rate)
    (synapses,) = (g for g in network.groups if g.name == "synapses")
    synapses = replace(synapses, n=n, values={}, start={"weight.x": share})
    pulses = {p.name: p for p in network.projections}
    ends = {
        "pre-pulse": {"edges": nw.one_to_one(n)},
        "set-pulse": {"edges": nw.dense(1, n)},
        "reset-pulse": {"edges": nw.dense(1, n)},
    }
    projections = [replace(pulses[k], **x) for k, x in ends.items()]
    changes = {}
    for key, seconds, spikes in (("pair", 0.02, [15e-3]), ("input", 1.0, [])):
        rows = np.zeros((2, n))
        rows[0] = rate
        source = nw.Poisson(name="input", n=n, rate=rows, interval=seconds)
        time = np.asarray(spikes, float)
        neuron = nw.SpikeList(name="neurons", n=1, source=np.zeros(len(time), int), time=time)
        pair = nw.Network(
            groups=[source, neuron, synapses],
            projections=projections,
            dt=network.dt,
            seed=0,
            exchange_steps=network.exchange_steps,
        )
        end = nw.run(pair, seconds + 0.02).states["synapses"]["weight.x"]
        changes[key] = (end - share).reshape(shape).mean(axis=-1)
    return changes
