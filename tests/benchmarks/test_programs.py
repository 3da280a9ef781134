"""The programs of the cases throughput and network as an accelerator would get them: nothing in its way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.cases.network import ours, problem as pb
from benchmarks.cases.throughput import case as throughput
from memjax import network as nw
from memjax.lanes import xla_fixed
from memjax.runtime.compile_cache import is_array, supported_options
from memjax.simulate import batch
from memjax.solver import DriftImplicitEuler, SemiImplicitEuler
from tests.programs import donated, double_precision, host_transfers, lowered

MEMBERS, STEPS = 2048, 20


class Lowered(Exception):
    """The text of a program, in the place of its result."""


@pytest.fixture
def text_of(monkeypatch):
    """A function that gives the program which a call of the fixed-step solver would compile on an accelerator."""
    import equinox as eqx

    def lower(*arguments):
        dynamic, static = eqx.partition(arguments, is_array)
        leaves, structure = jax.tree.flatten(dynamic)

        def call(*leaves):
            return batch._fixed_steps(*eqx.combine(jax.tree.unflatten(structure, leaves), static))

        raise Lowered(lowered(jax.jit(call), *leaves))

    def text(run):
        monkeypatch.setattr(batch, "_solve_fixed_steps", lower)
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
        with jax.enable_x64(False), pytest.raises(Lowered) as caught:
            run(0)
        return str(caught.value)

    return text


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [SemiImplicitEuler(), DriftImplicitEuler()], ids=["semi", "newton"]
)
def test_ensembles_run_without_the_host_in_single_precision(text_of, method):
    policy = throughput._steps(method)
    text = text_of(throughput._by_memjax(MEMBERS, STEPS, policy, 0.2))
    assert f"tensor<{MEMBERS}xf32>" in text
    assert (host_transfers(text), double_precision(text)) == ([], [])
    # All members at once: blocks are for a processor's caches.
    assert f"tensor<{xla_fixed._BLOCK}x" not in text


@pytest.fixture(scope="module")
def network_program():
    """The program of the network of the case, with float64 enabled beside its float32; and its state."""
    problem = pb.throughput(1000, steps=200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            jax, "default_backend", lambda: "gpu"
        )  # what is for processors alone is left out
        simulation = nw.Simulation(ours.network(problem))
        state, scratch = simulation.state, simulation.program.blank()
        arguments = (simulation.engine.fixed, state, scratch, np.int32(0), np.int32(1))
        text = lowered(simulation.program.run(simulation.room, 1), *arguments)
    supported_options.cache_clear()  # none were, of another platform
    return text, state, scratch


@pytest.mark.slow
def test_a_network_runs_without_the_host_in_single_precision(network_program):
    text, _, _ = network_program
    assert (host_transfers(text), double_precision(text)) == ([], [])


@pytest.mark.slow
def test_arrivals_are_computed_in_place(network_program):
    """The states are not: where spikes had no room the same steps are taken again from them."""
    text, state, scratch = network_program
    own = [f"{x.size}xf32" for x in jax.tree.leaves(scratch)]
    assert donated(text) == own
    assert sum(x.size for x in jax.tree.leaves(scratch)) > 20 * sum(
        x.size for x in jax.tree.leaves(state["groups"]["cells"])
    )


@pytest.mark.integration
def test_what_is_looked_for_is_found():
    """Each of these ways to the host, and to double precision, in a program that has it."""

    def call_back(x):
        jax.debug.callback(lambda y: None, x)
        return jax.pure_callback(lambda y: y, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    single = jnp.ones(3, jnp.float32)
    assert len(host_transfers(lowered(jax.jit(call_back), single, platform="cpu"))) == 2
    with pytest.raises(ValueError, match="different from the lowering platform cuda"):
        lowered(jax.jit(call_back), single)

    def carried(x):
        end = jax.lax.fori_loop(0, 3, lambda _, y: y * 0.5, jnp.float64(1))
        return x * end.astype(x.dtype)

    for wide in (jax.jit(carried), jax.jit(lambda x: x.astype(jnp.float64))):
        assert double_precision(lowered(wide, single))
    assert double_precision(lowered(jax.jit(lambda x: 2 * x), jnp.float64(1)))
    assert not double_precision(lowered(jax.jit(lambda x: 0.1 * x), single))
    assert donated(lowered(jax.jit(lambda x, y: x + y, donate_argnums=1), single, 2 * single))
