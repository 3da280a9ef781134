"""Networks as NIR and back."""

from dataclasses import replace

import nir
import numpy as np
import pytest

from memjax import network as nw
from memjax.errors import NetworkError
from memjax.network.nir import LifSurrogate, graph, read_nir, surrogate, write_nir
from tests.network.conftest import neurons, spiking

FIXED = LifSurrogate(
    tau=1e-3, threshold=1.0, factors=(1.0,), rates=(3.0,), lif_rates=(2.0,), error=0.1
)


def pair(weight=None) -> nw.Network:
    """A source and leaky integrators behind an exponential receptor."""
    rng = np.random.default_rng(1)
    edges = nw.fixed_fan_in(6, 5, 3)
    drawn = rng.uniform(1e-6, 2e-6, len(edges)) if weight is None else weight
    return nw.Network(
        groups=[nw.Poisson(name="noise", n=6, rate=2000.0), neurons(5)],
        projections=[
            nw.Projection(
                pre="noise",
                post="cells",
                edges=edges,
                receptor=nw.Receptor(tau=2e-3),
                weight=drawn,
                delay=1e-4,
            )
        ],
        dt=5e-6,
    )


def test_what_is_written_is_valid_nir_and_reads_as_the_same_network(tmp_path):
    network, path = pair(), tmp_path / "net.nir"
    write_nir(network, path, surrogates={"cells": FIXED})
    written = nir.read(path)  # checks that shapes fit
    assert {n: type(x).__name__ for n, x in written.nodes.items()} == {
        "noise": "Input", "cells": "LIF", "cells.spikes": "Output", "noise-cells.delay": "Delay",
        "noise-cells.weight": "Linear", "noise-cells.receptor": "LI",
    }  # fmt: skip
    assert ("noise-cells.receptor", "cells") in written.edges
    assert written.nodes["cells"].metadata["relative_rate_error"] == 0.1
    assert read_nir(path).digest() == network.digest()


def test_the_matrix_and_the_receptor_do_what_the_projection_does(tmp_path):
    network, path = pair(), tmp_path / "net.nir"
    write_nir(network, path, surrogates={"cells": FIXED})
    nodes = nir.read(path).nodes
    (projection,) = network.projections
    rng = np.random.default_rng(0)
    spikes = rng.integers(0, 3, 6)
    charge = np.zeros(5)
    np.add.at(charge, projection.edges.post, projection.weight * spikes[projection.edges.pre])
    np.testing.assert_allclose(nodes["noise-cells.weight"].weight @ spikes, charge, rtol=1e-12)
    receptor = nodes["noise-cells.receptor"]
    np.testing.assert_allclose(receptor.r / receptor.tau, 1.0)  # a spike leaves its weight
    np.testing.assert_allclose(receptor.tau, 2e-3)


def test_weights_that_another_program_changed_are_taken(tmp_path):
    network, path = pair(), tmp_path / "net.nir"
    write_nir(network, path, surrogates={"cells": FIXED})
    written = nir.read(path)
    written.nodes["noise-cells.weight"].weight *= 2
    nir.write(path, written)
    (old,), (new,) = network.projections, read_nir(path).projections
    np.testing.assert_allclose(new.weight, 2 * old.weight, rtol=1e-15)
    written.nodes["noise-cells.weight"].weight[:] = 1.0
    nir.write(path, written)
    with pytest.raises(NetworkError, match="weights where there is no connection"):
        read_nir(path)


@pytest.mark.slow
def test_spikes_are_the_same_after_a_round_trip(tmp_path):
    network = spiking(10)
    path = tmp_path / "net.nir"
    with pytest.warns(UserWarning, match=r"rectangular pulses|delays of its edges"):
        write_nir(network, path, surrogates={"cells": FIXED})
    one, other = (nw.run(n, 5e-3) for n in (network, read_nir(path)))
    trains = [[t.times.tolist() for t in r.trains("cells")] for r in (one, other)]
    assert trains[0] == trains[1]
    assert sum(map(len, trains[0])) > 0


@pytest.mark.slow
def test_the_surrogate_of_the_published_neuron_states_its_error(tmp_path):
    network = spiking(10)
    with pytest.warns(UserWarning, match=r"rectangular pulses|delays of its edges"):
        lif = write_nir(network, tmp_path / "net.nir", duration=0.02)["cells"]
    assert len(lif.rates) == len(lif.factors) == 6
    assert max(lif.rates) > 0
    rms = np.sqrt(np.mean(np.square(np.subtract(lif.rates, lif.lif_rates)))) / max(lif.rates)
    assert lif.error == pytest.approx(rms, rel=1e-12)
    # A neuron that never fires would be off by this much.
    assert lif.error < np.sqrt(np.mean(np.square(lif.rates))) / max(lif.rates)


@pytest.mark.integration
def test_the_search_finds_the_neuron_that_made_the_rates():
    rng = np.random.default_rng(2)
    step, tau, threshold = 1e-4, 5e-3, 0.4
    current = np.repeat([0.5, 0.7, 1.0, 1.4], 8) * (1 + 0.3 * rng.normal(size=(4000, 32)))
    counts = surrogate._count(current, step, np.array([tau]), np.array([threshold]))
    rates = counts.reshape(4, 8).mean(axis=1) / 0.4
    lif = surrogate._search(current, step, rates, (0.5, 0.7, 1.0, 1.4), 0.4)
    assert lif.error < 0.01
    # Rates to 1 % leave both numbers open by about as much as they change them.
    assert lif.tau == pytest.approx(tau, rel=0.2)
    assert lif.threshold == pytest.approx(threshold, rel=0.1)


@pytest.mark.integration
def test_spikes_of_the_search_are_those_of_the_equation():
    step, tau = 1e-6, 2e-3
    counts = surrogate._count(np.ones((20_000, 1)), step, np.array([tau]), np.array([0.5]))
    interval = tau * np.log(1 / (1 - 0.5))
    assert counts[0, 0] == np.floor(0.02 / interval)


def test_what_cannot_be_written_or_read_is_one_line(tmp_path):
    network = pair()
    weight = nw.ConductanceOf(group="cells", element="r", scale=1.0)
    devices = replace(network.projections[0], weight=weight)
    with pytest.raises(NetworkError, match="weights that are ConductanceOf"):
        graph.weight_matrix(network, devices)
    with pytest.raises(NetworkError, match="no duration"):
        write_nir(pair(), tmp_path / "net.nir")
    idle = nw.Network(groups=[neurons(2)], dt=1e-5)
    with pytest.raises(NetworkError, match="no input that could be scaled"):
        write_nir(idle, tmp_path / "net.nir", duration=0.1)
    path = tmp_path / "x.nir"
    with pytest.raises(NetworkError, match="no such file"):
        read_nir(path)
    path.write_text("no NIR")
    with pytest.raises(NetworkError, match="no NIR can be read"):
        read_nir(path)
    each = np.ones(2)
    foreign = nir.NIRGraph.from_list(
        nir.Input({"input": np.array([2])}),
        nir.LI(tau=each, r=each, v_leak=each),
        nir.Output({"output": np.array([2])}),
    )  # fmt: skip
    nir.write(path, foreign)
    with pytest.raises(NetworkError, match="no network of memjax"):
        read_nir(path)
    assert not (tmp_path / "net.nir").exists()
