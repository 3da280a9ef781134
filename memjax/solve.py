"""One solve of one device: adaptive and stiff, on a grid, or by another solver of diffrax."""

from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from .noise import GridPath, increments
from .policy import Fixed, Stiff
from .result import Result
from .scaling import Scaled
from .solver import Rodas3, drift_implicit_euler_step
from .stimulus import AbstractStimulus

_NUDGE = 1e-6
"""Share of a step by which its ends are taken inwards, so that a jump at an end counts for the right side."""


class Solution(eqx.Module):
    """Scaled states of one solve.

    Parameters
    ----------
    y : Float[Array, "rows n"]
        At the rows.
    result : Int[Array, ""]
        A `Result`.
    step_t, step_y : Float[Array, "steps"], Float[Array, "steps n"], or None
        Start of the solve and end of every accepted step, `inf` beyond the last, where they were
        asked for.
    """

    y: Float[Array, "*lanes rows n"]
    result: Int[Array, "*lanes"]
    step_t: Float[Array, "*lanes steps"] | None = None
    step_y: Float[Array, "*lanes steps n"] | None = None


def before(stimulus: AbstractStimulus, t: Float[Array, ""]) -> Float[Array, ""]:
    """Value of a stimulus just before `t` [s]."""
    return stimulus(jnp.nextafter(t, jnp.asarray(-jnp.inf, t.dtype)))


def _saved(sol: dfx.Solution) -> tuple[Any, Any]:
    """Times and states that a solve saved; to diffrax's types there may be none."""
    return sol.ts, sol.ys


def solve_stiff(
    scaled: Scaled,
    stimulus: AbstractStimulus,
    *,
    rows: Float[Array, " rows"],
    y0: Float[Array, " n"],
    end: Float[Array, ""],
    policy: Stiff,
    steps: bool = False,
) -> Solution:
    """Adaptive solve without noise, differentiable, for one device.

    Parameters
    ----------
    scaled : Scaled
        The system.
    stimulus : AbstractStimulus
        What drives it.
    rows : Float[Array, "rows"]
        Times of output [s], ascending, from 0 on.
    y0 : Float[Array, "n"]
        Scaled state at t = 0.
    end : Float[Array, ""]
        Time [s] at which the solve ends, not before the last row; one for all lanes of a batch,
        which compiles better.
    policy : Stiff
        Tolerances and adjoint.
    steps : bool
        Whether to return every accepted step too.
    """
    term = dfx.ODETerm(lambda t, y, sc: sc.drift(t, y, stimulus(jnp.asarray(t))))
    control = dfx.PIDController(rtol=policy.rtol, atol=policy.atol, pcoeff=0.3, icoeff=0.3)
    corners = jnp.asarray(stimulus.breakpoints(), rows.dtype)
    if corners.shape[0]:
        control = dfx.ClipStepSizeController(control, jump_ts=corners)
    end = end * (1 + 4 * jnp.finfo(rows.dtype).eps)
    subs = [dfx.SubSaveAt(ts=rows), dfx.SubSaveAt(t1=True)]
    subs += [dfx.SubSaveAt(t0=True, steps=True)] if steps else []
    solver = Rodas3(project=lambda sc, y: sc.project(y))
    sol = dfx.diffeqsolve(
        term,
        solver,
        jnp.zeros((), rows.dtype),
        end,
        end * 1e-6,
        y0,
        args=scaled,
        stepsize_controller=control,
        saveat=dfx.SaveAt(subs=subs),
        max_steps=policy.max_steps,
        adjoint=policy.adjoint,
        throw=False,
    )
    ts, ys = _saved(sol)
    y = jax.vmap(scaled.project)(ys[0])  # rows between steps are interpolated
    code = jnp.where(sol.result == dfx.RESULTS.successful, Result.successful, Result.step_limit)
    # Steps are refused until their limit where the drift is no number: look at it where the solve stands.
    t, reached = ts[1][0], ys[1][0]
    sound = jnp.all(jnp.isfinite(scaled.drift(t, reached, stimulus(t))))
    sound &= jnp.all(jnp.isfinite(y)) | (code == Result.step_limit)
    code = jnp.where(sound, code, Result.not_finite)
    return Solution(y, code, *((ts[2], ys[2]) if steps else ()))


def _fixed_step(scaled: Scaled, stimulus: AbstractStimulus, key, y, step, t0, h, *, cap: int):
    """One grid step of the drift-implicit Euler method; the state and whether Newton settled."""
    u1 = stimulus(t0 + (1 - _NUDGE) * h)
    kick = jnp.zeros_like(y)
    if key is not None:
        g = scaled.diffusion(t0, y, stimulus(t0 + _NUDGE * h))
        kick = g @ increments(key, step, channels=g.shape[1], dtype=y.dtype) * jnp.sqrt(h)
    return drift_implicit_euler_step(
        lambda z: scaled.drift(t0 + h, z, u1),
        y,
        kick,
        h=h,
        project=scaled.project,
        confine=lambda z, b: scaled.confine(z, b, u1),
        cap=cap,
    )


def solve_fixed(
    scaled: Scaled,
    stimulus: AbstractStimulus,
    *,
    rows: Float[Array, " rows"],
    y0: Float[Array, " n"],
    start: Float[Array, ""],
    first: Int[Array, ""],
    key: Any,
    substeps: int,
    cap: int = 40,
) -> Solution:
    """Drift-implicit Euler on a grid, differentiable in forward and reverse mode, for one device.

    Parameters
    ----------
    scaled, stimulus, rows, y0
        As for `solve_stiff`; `y0` holds at `start` [s], before the first of the rows.
    start, first
        Time [s] and step number at which this stretch begins.
    key : Key[Array, ""] or None
        Noise of this device; None for none.
    substeps : int
        Equal steps between two rows.
    cap : int
        Largest number of Newton iterations.
    """

    @jax.checkpoint
    def interval(carry, row):
        y, t0, step, code = carry
        h = (row - t0) / substeps

        def one(c, j):
            y, settled = _fixed_step(
                scaled, stimulus, key, c[0], step + j, t0 + j.astype(h.dtype) * h, h, cap=cap
            )
            return (y, c[1] & settled), None

        (y, settled), _ = lax.scan(one, (y, jnp.asarray(True)), jnp.arange(substeps))
        worst = jnp.where(
            jnp.all(jnp.isfinite(y)), jnp.where(settled, 0, Result.newton_failed), Result.not_finite
        )
        return (y, row, step + substeps, jnp.where(code == 0, worst, code)), y

    begin = (y0, start, first, jnp.asarray(0))
    (_, _, _, code), y = lax.scan(interval, begin, rows)
    return Solution(y, code)


def solve_by_diffrax(scaled, stimulus, *, rows, y0, key, policy: Fixed) -> Solution:
    """Fixed steps by another diffrax solver on a grid path."""
    channels = len(scaled.channels())
    n = int(np.ceil(float(rows[-1]) / policy.dt - 1e-9))
    dt = rows[-1] / n
    drift = dfx.ODETerm(lambda t, y, sc: sc.drift(t, y, stimulus(t)))
    # To pyright an equinox AbstractVar of the base, levy_area, is a field to pass.
    path = GridPath(key=key, dt=dt, channels=channels)  # pyright: ignore[reportCallIssue]
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
    _, y = _saved(sol)
    ok = (sol.result == dfx.RESULTS.successful) & jnp.all(jnp.isfinite(y))
    return Solution(y, jnp.where(ok, Result.successful, Result.not_finite))
