"""Limits of float32: a solve that it cannot resolve is refused before it starts."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.core
import numpy as np

from ..circuit import model_of, replace_values
from ..core.system import AbstractSystem
from ..errors import PolicyError
from ..stimulus import AbstractStimulus
from .policy import Fixed, Stiff

ENABLE = "put jax.config.update('jax_enable_x64', True) before the first array"

TIME_SPACING = 100
"""Least distance of two times in units in the last place of the end: a step between them is then right to 1 %."""

MOST_STEPS = 80_000
"""Fixed steps after which half a unit in the last place of each is 0.5 % of the scale of a state."""


def check_precision(
    system: AbstractSystem,
    policy: Stiff | Fixed,
    stimuli: Sequence[AbstractStimulus],
    rows: Sequence[np.ndarray],
    values: Mapping[str, Any],
    *,
    noisy: bool,
) -> None:
    """Refuse a solve that float32 cannot resolve; in float64 nothing is checked.

    Parameters
    ----------
    system : AbstractSystem
        What is integrated.
    policy : Stiff or Fixed
        A resolved policy; one with `single_precision` goes ahead.
    stimuli, rows : sequences of AbstractStimulus and of Float[np.ndarray, "rows"]
        Drive and times of output [s] of each sweep.
    values : mapping of str to Float[Array, "members sweeps"]
        Parameters that differ between members and sweeps [SI].
    noisy : bool
        Whether noise acts in this run.

    Raises
    ------
    PolicyError
        Where the system does not declare that float32 suffices, or where its parameters, times or steps are finer
        than float32 resolves.

    Notes
    -----
    Four things follow from the 24 bits of a float32. A step shorter than the resolution of time
    cannot be taken: whether a model needs such steps under adaptive control has been measured, and is
    declared with the model. A state that is the small rest of large ones has few digits left; which parameters ask for
    more of them the model knows. Times closer than 100 units in the last place give steps that are wrong by more than
    1 %. And each fixed step loses up to half a unit in the last place of the state.
    """
    # To pyright jax adds it.
    if jax.config.jax_enable_x64 or policy.single_precision:  # pyright: ignore[reportAttributeAccessIssue]
        return
    _check_declared(system, policy, noisy)
    _check_parameters(system, policy, values)
    for stimulus, times in zip(stimuli, rows, strict=True):
        _check_times(policy, stimulus, times)


def solve_kind(policy: Stiff | Fixed, *, noisy: bool) -> str:
    """Name of the kind of solve, as in `AbstractSystem.single_precision`."""
    method = type(policy.method).__name__
    if isinstance(policy, Fixed):
        return method
    if not noisy:
        return "Stiff"
    return "Stiff with noise" if policy.method is None else f"Stiff with noise by {method}"


def _fix(policy: Stiff | Fixed) -> str:
    """Advice to the user: compute in float64, or go on in float32 at one's own risk."""
    call = f"mj.{type(policy).__name__}(..., single_precision=True)"
    return f"{ENABLE}, or insist with {call} and compare"


def _check_declared(system: AbstractSystem, policy: Stiff | Fixed, noisy: bool) -> None:
    """Refuse a solve for which the system does not declare that float32 suffices."""
    kind, declared = solve_kind(policy, noisy=noisy), system.single_precision
    if kind in declared:
        return
    alternatives = f", or float32 with {', '.join(declared)}" if declared else ""
    raise PolicyError(
        f"{kind} in float32, which is not known to give what float64 gives",
        where=getattr(model_of(system), "name", type(model_of(system)).__name__),
        allowed=f"float64{alternatives}",
        fix=_fix(policy),
    )


def _check_parameters(
    system: AbstractSystem, policy: Stiff | Fixed, values: Mapping[str, Any]
) -> None:
    """Refuse parameters of which the system says that float32 does not resolve what follows from them."""
    known = replace_values(system, values) if values else system
    if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(known)):
        return
    flaw = known.single_precision_flaw()
    if flaw is not None:
        raise PolicyError(
            flaw,
            where=getattr(model_of(system), "name", "simulate"),
            allowed="float64",
            fix=_fix(policy),
        )


def _check_times(policy: Stiff | Fixed, stimulus: AbstractStimulus, rows: np.ndarray) -> None:
    """Refuse rows, corners and steps that are too close for float32."""
    corners = stimulus.breakpoints()
    has_corners = isinstance(policy, Stiff) and not isinstance(corners, jax.core.Tracer)
    times = np.unique(
        np.concatenate([rows, np.asarray(corners, float) if has_corners else rows[:0]])
    )
    end = float(rows[-1])
    unit, gap = float(np.spacing(np.float32(end))), float(np.min(np.diff(times), initial=np.inf))
    if gap < TIME_SPACING * unit:
        raise PolicyError(
            f"times {gap:.2g} s apart in float32, whose resolution is {unit:.2g} s at {end:.2g} s",
            where="simulate",
            allowed=f"float64, or rows and corners of the drive at least {TIME_SPACING * unit:.2g} s apart",
            fix=_fix(policy),
        )
    if isinstance(policy, Fixed) and end / policy.dt > MOST_STEPS:
        raise PolicyError(
            f"{end / policy.dt:.0f} fixed steps in float32",
            where="simulate",
            allowed=f"float64, or at most {MOST_STEPS} steps of a sweep",
            fix=_fix(policy),
        )
