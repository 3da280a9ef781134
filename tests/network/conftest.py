"""Small networks."""

import numpy as np
import pytest

import memjax as mj
from memjax import network as nw
from memjax.neuron import one_memristor

DT = 5e-7


def leaky(source=None) -> mj.Circuit:
    """A leaky integrator, 1 ms, driven by a current."""
    return mj.Circuit(
        [
            ("input", source or mj.CurrentSource(), "node", "0"),
            ("c", mj.Capacitor(1e-9), "node", "0"),
            ("r", mj.Resistor(1e6), "node", "0"),
        ]
    )


def neurons(n: int, **options) -> nw.Neurons:
    """Leaky integrators that fire at half a volt."""
    about = {"circuit": leaky(), "spike": nw.Threshold(signal="node.v", level=0.5, rearm=0.2)}
    return nw.Neurons(name="cells", n=n, **about | options)


def spiking(n: int = 40, *, exchange_steps: int | None = None, **options) -> nw.Network:
    """Neurons of one memristor each that Poisson sources make fire and that inhibit each other."""
    memristor = mj.params.replace(
        mj.Diffusive1M1T1R(), {"sigma1": 1e-2, "mu": 300.0, "alpha": 0.02}
    )
    rng = np.random.default_rng(0)
    cells = nw.Neurons(
        name="cells",
        n=n,
        circuit=one_memristor(memristor, output_stage=False, r_c=50e6),
        spike=nw.Threshold(signal="gate.v", level=0.2, rearm=0.1),
        bias=0.3,
        values={"memristor.mu": 300 * np.exp(0.1 * rng.normal(size=n))},
    )
    noise = nw.Poisson(name="noise", n=100, rate=200.0)
    drawn, among = nw.fixed_fan_in(100, n, 5), nw.fixed_fan_in(n, n, 10, seed=1)
    among = nw.Edges(among.pre, among.post, 1e-4 * rng.integers(1, 6, len(among)))
    projections = [
        nw.Projection(
            pre="noise",
            post="cells",
            edges=drawn,
            receptor=nw.Receptor(width=1e-3),
            weight=rng.uniform(0.3, 0.7, len(drawn)),
            delay=1e-4,
        ),
        nw.Projection(
            pre="cells", post="cells", edges=among, receptor=nw.Receptor(tau=2e-3), weight=-0.02
        ),
    ]
    return nw.Network(
        groups=[cells, noise],
        projections=projections,
        dt=DT,
        seed=4,
        exchange_steps=exchange_steps,
        **options,
    )


@pytest.fixture(scope="session")
def recording() -> nw.Recording:
    """What that network does in 20 ms."""
    return nw.run(spiking(), 0.02, watch={"cells": [0, 39]})


def same(a: nw.Recording, b: nw.Recording) -> bool:
    """Whether all spikes are equal to the last bit."""
    pairs = [(a.spikes[n][k], b.spikes[n][k]) for n in a.spikes for k in (0, 1)]
    return all(np.array_equal(x, y) for x, y in pairs)
