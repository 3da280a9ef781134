"""Solves by other solvers of diffrax, on a grid path."""

import diffrax as dfx
import jax.numpy as jnp
import numpy as np

from ..core.result import Result
from ..noise import GridPath
from .adaptive import times_and_states
from .policy import Fixed
from .solution import Solution


def solve_by_diffrax(scaled, stimulus, *, rows, y0, key, policy: Fixed) -> Solution:
    """Fixed steps by another diffrax solver on a grid path; arguments as for `solve_fixed`."""
    channels = len(scaled.channels())
    n = int(np.ceil(float(rows[-1]) / policy.dt - 1e-9))
    # A grid path has increments of whole steps only: they have to end on the last row.
    dt = rows[-1] / n
    drift = dfx.ODETerm(lambda t, y, sc: sc.drift(t, y, stimulus(t)))
    # To pyright an equinox AbstractVar of the base, levy_area, is a field to pass.
    path = GridPath(key, dt=dt, channels=channels)  # pyright: ignore[reportCallIssue]
    noise = dfx.ControlTerm(lambda t, y, sc: sc.diffusion(t, y, stimulus(t)), path)
    sol = dfx.diffeqsolve(
        dfx.MultiTerm(drift, noise),
        policy.method,
        t0=jnp.zeros((), rows.dtype),
        t1=rows[-1],
        dt0=None,
        y0=y0,
        args=scaled,
        stepsize_controller=dfx.StepTo(dt * jnp.arange(n + 1, dtype=rows.dtype)),
        saveat=dfx.SaveAt(ts=rows),
        max_steps=n + 16,
        throw=False,
    )
    _, y = times_and_states(sol)
    ok = (sol.result == dfx.RESULTS.successful) & jnp.all(jnp.isfinite(y))
    code = jnp.where(ok, Result.successful, Result.not_finite)
    steps = sol.stats["num_accepted_steps"]
    return Solution(y, code, steps, jnp.zeros_like(steps), jnp.zeros((), y.dtype))
