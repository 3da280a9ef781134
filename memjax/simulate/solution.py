"""The result of a solve."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class Solution(eqx.Module):
    """Scaled states of one solve.

    Parameters
    ----------
    y : Float[Array, "rows n"]
        At the rows.
    result : Int[Array, ""]
        A `Result`.
    accepted, rejected : Int[Array, ""]
        Number of accepted and of rejected steps.
    pattern : Float[Array, ""]
        Logarithm of the probability of the pattern of jumps, given the candidates; 0 without jumps.
    step_t, step_y : Float[Array, "steps"], Float[Array, "steps n"], or None
        Start of the solve and end of every accepted step, `inf` beyond the last, where they were
        asked for.
    integrals : Float[Array, "rows integrals"] or None
        Integrals from the start of the solve to the rows, where something was watched.
    memory : PyTree
        The steps in which events happened, see `memjax.simulate.watching`.
    stiffness : Float[Array, "2"] or None
        Largest products of a fixed step and of a rate of decay of a state that it takes explicitly, and of any rate at
        which such a state acts on itself, where steps are semi-implicit; see `memjax.simulate.guards.explicit_rates`.
    backend : str
        What solved: "xla", and why not a kernel where there might be one, or "cc" and the compiler of the kernel.
    """

    y: Float[Array, "*lanes rows n"]
    result: Int[Array, "*lanes"]
    accepted: Int[Array, "*lanes"]
    rejected: Int[Array, "*lanes"]
    pattern: Float[Array, "*lanes"]
    step_t: Float[Array, "*lanes steps"] | None = None
    step_y: Float[Array, "*lanes steps n"] | None = None
    integrals: Float[Array, "*lanes rows integrals"] | None = None
    memory: Any = None
    stiffness: Float[Array, "*lanes two"] | None = None
    backend: str = eqx.field(static=True, default="xla")

    def arrays(self) -> dict[str, Any]:
        """All but the backend, by name: what a program that is kept can give."""
        return {n: x for n, x in vars(self).items() if n != "backend"}


def add_watch_results(solution: Solution, integrals: Any, memory: Any) -> Solution:
    """A solution with what was watched of its steps."""
    return dataclasses.replace(solution, integrals=integrals, memory=memory)


def value_before(stimulus: Callable, t: Float[Array, ""]) -> Float[Array, "..."]:
    """Value of a stimulus just before `t` [s]."""
    return stimulus(jnp.nextafter(t, jnp.asarray(-jnp.inf, t.dtype)))
