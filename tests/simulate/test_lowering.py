"""Adaptive solves as an accelerator would get them; fixed steps and networks: `tests/benchmarks/test_programs.py`."""

import equinox as eqx
import jax
import numpy as np
import pytest

import memjax as mj
from memjax.runtime.compile_cache import is_array
from memjax.simulate import batch
from tests.programs import host_transfers, lowered

MEMBERS = 7


class _Lowered(Exception):
    """The text of a program, in the place of its result."""


@pytest.mark.slow
@pytest.mark.parametrize("program", ["_stiff", "_adaptive"])
def test_adaptive_solves_lower_for_an_accelerator_and_run_without_the_host(monkeypatch, program):
    """Without noise and with it: all members side by side."""
    solve = getattr(batch, program).__wrapped__

    def lower(*arguments):
        dynamic, static = eqx.partition(arguments, is_array)
        leaves, tree = jax.tree.flatten(dynamic)
        call = jax.jit(lambda *x: solve(*eqx.combine(jax.tree.unflatten(tree, x), static)))
        raise _Lowered(lowered(call, *leaves))

    monkeypatch.setattr(batch, program, lower)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    device = mj.params.replace(mj.DiffusiveMemristor(), {"sigma_ion": 0.5})
    drive = mj.Sampled(np.array([0.0, 0.2, 0.4]), np.array([0.0, 0.5, 0.0]))
    spread = {"alpha": np.linspace(0.12, 0.2, MEMBERS)[:, None]}
    with pytest.raises(_Lowered) as caught:
        mj.simulate(
            device,
            drive,
            save=0.1,
            members=MEMBERS,
            policy=mj.Stiff(),
            deterministic=program == "_stiff",
            seed=1,
            conditions=mj.Conditions(values=spread),
        )
    text = str(caught.value)
    assert f"tensor<{MEMBERS}x" in text
    assert host_transfers(text) == []
