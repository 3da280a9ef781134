"""Times of a call: the first, which compiles, apart from the later ones."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Times:
    """Compilation time and the distribution of run times.

    Parameters
    ----------
    run : sequence of float
        The times of the repeated calls [s].
    compile : float or None
        What the first call took above their median [s]; None where nothing is compiled.
    """

    run: Sequence[float]
    compile: float | None = None

    def as_fields(self) -> dict:
        """The ``compile_s`` and ``run_s`` of a record."""
        q1, median, q3 = (float(q) for q in np.percentile(self.run, (25, 50, 75)))
        run = {"median": median, "q1": q1, "q3": q3, "repeats": len(self.run)}
        return {"compile_s": self.compile, "run_s": run}


def measure(call: Callable[[], object], *, repeats: int = 5) -> tuple[Times, object]:
    """Times of ``call()``, waiting for its arrays, and what the last call gave; earlier results are let go.

    The persistent compilation cache is off meanwhile: a compilation read from disk is none.
    """
    import jax

    cached = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        first_lap, result = lap(call)
        run = []
        for _ in range(repeats):
            # What is kept of earlier calls makes each one fill pages that no program used before.
            result = None
            seconds, result = lap(call)
            run.append(seconds)
    finally:
        jax.config.update("jax_enable_compilation_cache", cached)
    return Times(run=run, compile=max(first_lap - float(np.median(run)), 0.0)), result


def lap(call: Callable[[], T]) -> tuple[float, T]:
    """Wall time of a call [s], waiting for its arrays, and what it gave."""
    import jax

    start = time.perf_counter()
    result = jax.block_until_ready(call())
    return time.perf_counter() - start, result
