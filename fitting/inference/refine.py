"""Intervals by another method than Laplace's, of a fit of any kind."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from ..progress import Stages
from .nuts import CHAINS, DRAWS, WARMUP, draw_fit
from .profile_likelihood import profiles

LIMIT = 480.0
"""Time after which no further draws begin [s]: with the fit before them a command ends within ten minutes."""


def refine(fit: Any, method: str, *, seed: int = 0, say: Callable[[str, str], None]) -> Any:
    """The fit with intervals by a method, "laplace", "profile" or "nuts".

    ``say(kind, text)`` tells the user how far draws have come, and what speaks against them; `seed` is that of the
    draws.

    Raises
    ------
    DataError
        For draws from a problem that JAX does not differentiate.
    """
    if method == "profile":
        with Stages(["profile"]) as stages:
            return replace(fit, profiles=tuple(profiles(fit, tick=stages)))
    if method != "nuts":
        return fit
    steps = f"{CHAINS} chains of {WARMUP + DRAWS} steps"
    say("note", f"{steps}, for {LIMIT / 60:.0f} min at most; the fit is written already")
    sample = draw_fit(fit, seed=seed, limit=LIMIT, tick=partial(say, "progress"))
    for note in sample.notes:
        say("warning", note)
    return replace(fit, sample=sample)


def in_turn(fit: Any, method: str, **options: Any) -> Iterator[Any]:
    """The fit to first order, to be written before the rest begins, then that of another method; see `refine`."""
    yield fit
    if method != "laplace" and not fit.interrupted:
        yield refine(fit, method, **options)
