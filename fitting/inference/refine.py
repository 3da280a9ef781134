"""Intervals by another method than Laplace's, of a fit of any kind."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..problem import TOGETHER
from .nuts import CHAINS, DRAWS, WARMUP, draw_fit
from .profile_likelihood import profiles


def refined(fit: Any, method: str, *, seed: int = 0, say: Callable[[str, str], None]) -> Any:
    """The fit with intervals by a method, "laplace", "profile" or "nuts".

    ``say(kind, text)`` tells the user how long draws may take, and what speaks against them; `seed` is that of the
    draws.

    Raises
    ------
    DataError
        For draws from a problem that JAX does not differentiate.
    """
    if method == "profile":
        return replace(fit, profiles=tuple(profiles(fit)))
    if method == "nuts":
        _announce(fit, say)
        sample = draw_fit(fit, seed=seed)
        for note in sample.notes:
            say("warning", note)
        return replace(fit, sample=sample)
    return fit


def in_turn(fit: Any, method: str, **about: Any) -> Iterator[Any]:
    """The fit to first order, to be written before the rest begins, then that of another method; see `refined`."""
    yield fit
    if method != "laplace" and not fit.interrupted:
        yield refined(fit, method, **about)


def _announce(fit: Any, say: Callable[[str, str], None]) -> None:
    """Say how long draws from the posterior may take: no one waits for hours without knowing."""
    z, times = np.repeat(fit.z[None], TOGETHER, axis=0), []
    for _ in range(2):  # the first may compile
        start = time.perf_counter()
        fit.problem.linearise(z)
        times.append(time.perf_counter() - start)
    low, high = (times[-1] / TOGETHER * CHAINS * (WARMUP + DRAWS) * n / 60 for n in (7, 127))
    text = f"{CHAINS} chains of {WARMUP + DRAWS} draws, of 7 to 127 gradients each as a rule"
    say("note", f"{text}: about {low:.2g} to {high:.2g} min; the fit is written already")
