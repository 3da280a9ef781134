"""How the solves of a search ended where none of them could be used, in words."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from memjax.core.result import Result
from memjax.errors import FitError
from memjax.runtime.compile_cache import cached_jit
from memjax.simulate import solve_stiff

from .instrument import scaled_under

_PRESET = "or give a --preset or --fix to start from"

_CAUSES = {
    Result.step_limit: (
        "took more than {steps:,} steps",
        "the starts move faster than the data: check --point-time or the unit of time",
    ),
    Result.not_finite: (
        "reached states that are no number",
        "the starts lie beyond what the model can follow: check the units of voltage and current",
    ),
    Result.step_underflow: (
        "needed steps below the resolution of time",
        "the starts move faster than time is resolved: check the unit of time",
    ),
    Result.successful: (
        "ended well, but with currents or derivatives that are no number",
        "check the units of voltage and current",
    ),
}


@cached_jit
def _ends(problem: Any, z: Float[Array, "starts free"]) -> Int[Array, "starts waves"]:
    """How the solve of each waveform ended, see `memjax.core.result.Result`."""
    group = problem.group

    def start(x):
        device = problem.at(x)

        def solve(limits, stimulus, rows):
            scaled = scaled_under(problem, device, limits)
            y0, end, policy = scaled.initial(), jnp.max(group.rows), problem.policy
            return solve_stiff(scaled, stimulus, rows=rows, y0=y0, end=end, policy=policy).result

        return jax.vmap(solve)(group.limits, group.stimuli, group.rows)

    return jax.vmap(start)(z)


def no_start(what: str, problem: Any, z: Float[np.ndarray, "starts free"]) -> FitError:
    """The error, beginning with `what`, of a search whose starts were not solved: how most solves ended, and why."""
    codes, counts = np.unique(np.asarray(_ends(problem, jnp.asarray(z))), return_counts=True)
    bad = codes != Result.successful
    worst, count = Result.successful, f"all of {len(z)}"
    if np.any(bad):
        worst = Result(codes[bad][np.argmax(counts[bad])])
        count = f"{np.max(counts[bad])} of {int(np.sum(counts))} solves"
    cause, fix = _CAUSES.get(worst, (f"ended with {worst.name}", "check units and bench"))
    cause = cause.format(steps=problem.policy.max_steps)
    return FitError(f"{what}: {count} {cause}", fix=f"{fix}, {_PRESET}")
