"""A network by kernels in C against the same one by XLA, which is their oracle."""

import stat
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

import memjax as mj
from memjax import network as nw
from memjax.errors import KernelWarning, NetworkError
from memjax.lanes.cc import library as kernels
from memjax.network.exchange_program import _cached_program
from memjax.neuron import one_memristor
from tests.network.conftest import neurons, same, spiking

pytestmark = pytest.mark.parity

needs_compiler = pytest.mark.skipif(
    kernels.find_compiler() is None, reason="no compiler of C on this machine"
)


@pytest.fixture
def by_xla(monkeypatch):
    """Programs that are built in the test have no kernels."""
    monkeypatch.setenv(kernels.COMPILER, "")
    _cached_program.cache_clear()
    yield
    _cached_program.cache_clear()


def states_after(network: nw.Network, steps: int) -> dict:
    """States of all neurons, and how the program steps."""
    simulation = nw.Simulation(network)
    for _ in simulation.advance(steps):
        pass
    return {"kernels": simulation.kernels, **simulation.states()["cells"]}


@needs_compiler
def test_states_are_those_of_xla(request):
    """Neurons of different parameters, with noise, two receptors, one of which holds rows of two projections.

    A step of order one rounds each of about a dozen operations: over 400 steps, where all errors add up, 400 x 12 / 2
    roundings. The resistance is exponential in the state, at a rate of 1/lambda = 5: that many times the error.
    """
    network = spiking()
    ours = states_after(network, 400)
    request.getfixturevalue("by_xla")
    theirs = states_after(spiking(), 400)
    assert ours.pop("kernels") == {"cells": "C"}
    assert theirs.pop("kernels")["cells"].startswith("XLA: no compiler of C")
    assert np.any(ours["gate.v"] != 0)
    for name, x in ours.items():
        scale = max(1.0, float(np.max(np.abs(theirs[name]))))
        assert np.max(np.abs(x - theirs[name])) < 5 * 400 * 6 * scale * np.finfo(np.float32).eps, (
            name
        )


@needs_compiler
@pytest.mark.integration
def test_spikes_do_not_depend_on_how_arrivals_are_kept(recording):
    """As lists, or as arrays over all steps, which a record of states between exchanges needs."""
    assert recording.backend.startswith("cc (")
    every = 10 * spiking().dt
    assert same(recording, nw.run(spiking(), 0.02, watch={"cells": [0]}, every=every))


@needs_compiler
@pytest.mark.integration
def test_several_spikes_of_a_neuron_within_an_exchange():
    """More than words have room for at first: the interval is repeated, and all are there, in order."""
    fast = mj.Circuit(
        [
            ("input", mj.CurrentSource(), "node", "0"),
            ("c", mj.Capacitor(1e-12), "node", "0"),
            ("r", mj.Resistor(1e6), "node", "0"),
        ]
    )
    cells = neurons(3, circuit=fast, bias=1e-6)
    source = nw.SpikeList(name="in", n=1, source=np.zeros(12, int), time=1e-5 * np.arange(1, 13))
    dip = nw.Projection(
        pre="in",
        post="cells",
        edges=nw.dense(1, 3),
        receptor=nw.Receptor(tau=2e-6),
        weight=-3e-6,
        delay=4e-5,
    )
    network = nw.Network(groups=[cells, source], projections=[dip], dt=1e-7)
    runs = [nw.run(nw.Network(**{**vars(network), "exchange_steps": n}), 2e-4) for n in (400, 50)]
    assert same(*runs)
    numbers, times = runs[0].spikes["cells"]
    # One at the beginning, and one after each of the dips.
    assert np.array_equal(np.bincount(numbers), [13, 13, 13])
    assert np.all(np.diff(times) >= 0)


@needs_compiler
@pytest.mark.integration
def test_noise_that_no_neuron_has_is_left_out():
    """A strength of 0 for each neuron is none."""
    network = spiking()
    cells: Any = network.groups[0]
    zero = replace(cells, values=cells.values | {"memristor.sigma2": np.zeros(cells.n)})
    quiet = nw.Network(**{**vars(network), "groups": [zero, network.groups[1]]})
    assert same(nw.run(quiet, 4e-3), nw.run(network, 4e-3))


@pytest.mark.parametrize(
    ("dtype", "compiler", "reason"), [("float64", "cc", "float64"), ("float32", "", "no compiler")]
)
@pytest.mark.integration
def test_xla_takes_the_place_of_a_kernel(monkeypatch, dtype, compiler, reason):
    monkeypatch.setenv(kernels.COMPILER, compiler)
    _cached_program.cache_clear()
    cells = neurons(2, bias=1e-6)
    with jax.enable_x64(dtype == "float64"):
        simulation = nw.Simulation(nw.Network(groups=[cells], dt=1e-6, dtype=dtype))
        assert reason in simulation.kernels["cells"]
    _cached_program.cache_clear()


@needs_compiler
@pytest.mark.integration
def test_a_compiler_that_fails_is_named(monkeypatch, tmp_path):
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho 'no such thing' >&2\nexit 3\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(kernels.COMPILER, str(broken))
    _cached_program.cache_clear()
    with pytest.warns(KernelWarning, match="no such thing; XLA computes the same, slower"):
        simulation = nw.Simulation(nw.Network(groups=[neurons(2)], dt=1.25e-6))
    assert "no such thing" in simulation.kernels["cells"]
    assert simulation.backend == f"xla (no compiler of C: {broken}: no such thing)"
    assert next(iter(simulation.advance(1))).end == 1
    _cached_program.cache_clear()


@pytest.mark.integration
def test_states_of_several_numbers_are_refused():
    """A network carries one number per state and neuron."""
    cells = neurons(
        2,
        circuit=one_memristor(mj.LangevinChain(), output_stage=False),
        spike=nw.Threshold(signal="gate.v", level=0.2),
    )
    with pytest.raises(NetworkError, match="of several numbers"):
        nw.Simulation(nw.Network(groups=[cells], dt=1e-7))
