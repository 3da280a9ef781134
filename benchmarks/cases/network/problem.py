"""The networks that are measured, as numbers that either side reads from one file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DT, TAU, DELAY = 5e-7, 5e-3, 1e-4
"""Step, decay time of what a spike leaves, and delay [s]."""

PUBLISHED = {
    "mu": 150.0,
    "alpha": 0.01,
    "beta": 20.0,
    "gamma1": 600.0,
    "gamma2": 5.0,
    "lam": 0.2,
    "r_on": 1e6,
    "r_off": 1e12,
    "sigma1": 7e-3,
    "r_c": 250e6,
    "c_gate": 1e-11,
    "level": 0.2,
    "rearm": 0.1,
    "bias": 0.0,
}
"""The published neuron [SI], with a noise that gives its published intervals."""

FAST = PUBLISHED | {"beta": 100.0, "gamma2": 50.0}
"""Its residue comes and goes five and ten times as fast, so that a network is stationary after 0.1 s."""


@dataclass(frozen=True)
class Wires:
    """Connections of one weight from a group to another.

    Parameters
    ----------
    pre, post : str
        Names of the groups.
    weight : float
        What a spike adds to the input [V].
    ends : tuple of two Int[np.ndarray, "edges"]
        Who with whom.
    """

    pre: str
    post: str
    weight: float
    ends: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A network and how long it runs.

    Parameters
    ----------
    neurons : mapping of str to int
        Groups of neurons.
    sources : mapping of str to (int, float)
        Groups of Poisson sources: how many, and their rate [1/s].
    wires : sequence of Wires
        Connections.
    constants : mapping of str to float
        Of every neuron.
    steps : int
        Length of the run.
    dt : float
        Step [s].
    start : mapping of str to mapping of str to array
        States at the beginning, by group: f, r and v; zero otherwise.
    """

    neurons: Mapping[str, int]
    sources: Mapping[str, tuple[int, float]]
    wires: Sequence[Wires]
    constants: Mapping[str, float]
    steps: int
    dt: float = DT
    start: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many neurons."""
        return sum(self.neurons.values())

    @property
    def duration(self) -> float:
        """Simulated time [s]."""
        return self.steps * self.dt

    def save(self, path: Path) -> None:
        """Write it to a file of arrays."""
        meta = {k: getattr(self, k) for k in ("neurons", "sources", "constants", "steps", "dt")}
        meta |= {"wires": [[w.pre, w.post, w.weight] for w in self.wires]}
        meta |= {"tau": TAU, "delay": DELAY}
        arrays: dict[str, Any] = {"meta": np.array(json.dumps(meta))}
        for k, w in enumerate(self.wires):
            arrays |= {f"pre{k}": w.ends[0], f"post{k}": w.ends[1]}
        arrays |= {f"{g}.{s}": x for g, own in self.start.items() for s, x in own.items()}
        np.savez(path, **arrays)


def _fan_in(rng, pre: int, post: int, fan_in: int, *, blocks: int = 1):
    """Equally many inputs to each; with blocks only from the same block of either group."""
    a, b = pre // blocks, post // blocks
    target = np.repeat(np.arange(post, dtype=np.int32), fan_in)
    return rng.integers(0, a, post * fan_in, dtype=np.int32) + target // b * a, target


def throughput(n: int, *, steps: int, connected: bool = True, seed: int = 0) -> Problem:
    """`n` neurons with 100 inputs from each other and 20 of 1,000 sources, desynchronised.

    Parameters
    ----------
    n, steps : int
        Size and length.
    connected : bool
        Without it the neurons stand alone, with a constant input.
    seed : int
        Of connections and start.
    """
    rng = np.random.default_rng(seed)
    uniform = lambda low, high: rng.uniform(low, high, n).astype(np.float32)  # noqa: E731
    start = {"f": uniform(0.0, 0.2), "r": uniform(0.2, 0.6), "v": uniform(0.0, 0.1)}
    wires, sources = [], {}
    if connected:
        sources = {"input": (1000, 20.0)}
        wires = [
            Wires("cells", "cells", 0.004, _fan_in(rng, n, n, 100)),
            Wires("input", "cells", 0.2, _fan_in(rng, 1000, n, 20)),
        ]
    constants = FAST | {"bias": 0.0 if connected else 0.4}
    return Problem(
        neurons={"cells": n},
        sources=sources,
        wires=wires,
        constants=constants,
        steps=steps,
        start={"cells": start},
    )


def balanced(blocks: int, *, duration: float, scale: int = 200, dt: float = DT) -> Problem:
    """Balanced networks that know nothing of each other: of each `scale` inhibitory neurons and 4 times as many others.

    Parameters
    ----------
    blocks : int
        How many of them.
    duration : float
        Length of the run [s].
    scale : int
        Inhibitory neurons, and sources, of each.
    dt : float
        Step [s].
    """
    rng = np.random.default_rng(7)
    e, i, m = 4 * scale * blocks, scale * blocks, scale * blocks
    sizes = {"e": e, "i": i, "input": m}
    table = [("e", 40, 0.03), ("i", 10, -0.15), ("input", 10, 0.25)]
    wires = [
        Wires(pre, post, weight, _fan_in(rng, sizes[pre], sizes[post], fan_in, blocks=blocks))
        for pre, fan_in, weight in table
        for post in ("e", "i")
    ]
    return Problem(
        neurons={"e": e, "i": i},
        sources={"input": (m, 40.0)},
        wires=wires,
        constants=FAST,
        steps=round(duration / dt),
        dt=dt,
    )
