"""Compiled programs whose compilation and runs are timed apart, and the records of what they gave."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from benchmarks.cases.stiff_sde import errors
from benchmarks.cases.stiff_sde.problems import Problem
from benchmarks.records import Recorder
from benchmarks.timing import Times


class Solved(NamedTuple):
    """Scaled end states of some paths, and the steps that each took.

    Parameters
    ----------
    y : Float[Array, "paths n"]
        End states; not a number where the solve failed.
    accepted, rejected : Int[Array, "paths"]
        Steps.
    """

    y: Any
    accepted: Any
    rejected: Any


class Program:
    """A function compiled for the shapes of its first arguments.

    Parameters
    ----------
    function : callable
        What is compiled.
    *args
        Arguments of the shapes and types of every later call.
    """

    def __init__(self, function: Callable, *args):
        cached = jax.config.values["jax_enable_compilation_cache"]
        jax.config.update("jax_enable_compilation_cache", False)  # read from disk is not compiled
        try:
            start = time.perf_counter()
            self._call = eqx.filter_jit(function).lower(*args).compile()
            self.compile_s = time.perf_counter() - start
        finally:
            jax.config.update("jax_enable_compilation_cache", cached)

    def __call__(self, *args):
        """What the function gives, when it is there."""
        return jax.block_until_ready(self._call(*args))

    def timed(self, *args, per: int = 1, enough_s: float = 1.0, most: int = 9) -> tuple[Times, Any]:
        """Times of repeated calls divided by `per`, until they took `enough_s`, and the last result.

        A first call much shorter than that warms up and does not count.
        """
        start = time.perf_counter()
        result = self(*args)
        laps = [time.perf_counter() - start]
        if laps[0] < 0.2 * enough_s:
            laps.clear()
        while sum(laps) < enough_s and len(laps) < most:
            start = time.perf_counter()
            result = self(*args)
            laps.append(time.perf_counter() - start)
        return Times(run=[lap / per for lap in laps], compile=self.compile_s), result


def watched(problem: Problem, y) -> np.ndarray:
    """The columns of end states whose error is taken."""
    columns = [problem.states.index(name) for name in problem.watched]
    return np.asarray(y)[:, columns]


def record_solved(
    record: Recorder,
    problem: Problem,
    family: str,
    setting: dict[str, float],
    *,
    times: Times,
    batch: int,
    solved: Solved,
    reference,
    kind: str,
) -> None:
    """Write one point of the diagrams; it has failed where a path ended at no number.

    Parameters
    ----------
    record : Recorder
        Where it goes.
    problem : Problem
        What was solved.
    family : str
        The curve that the point belongs to.
    setting : dict
        What sets the accuracy: ``steps`` or ``rtol``.
    times : Times
        Of one path, when `batch` are solved at once.
    batch : int
        See `times`.
    solved, reference
        End states along the same paths.
    kind : str
        The kind of path.
    """
    y, ref = watched(problem, solved.y), watched(problem, reference)
    lost = int(np.sum(~np.isfinite(y).all(axis=1)))
    variant = family + "".join(f", {name} {value:.7g}" for name, value in setting.items())
    steps = {name: float(np.mean(getattr(solved, name))) for name in ("accepted", "rejected")}
    extra = {"family": family, "kind": kind, "paths": len(y), "lost": lost, **setting, **steps}
    if lost:
        reason = f"{lost} of {len(y)} paths ended at no number (overflow, Newton, or step limit)"
        record.write(variant, status="failed", reason=reason, problem=problem.name, extra=extra)
        return
    extra["strong"] = errors.strong(y, ref)
    extra["weak"] = errors.weak(y, ref, problem.watched)
    record.ok(
        variant,
        times,
        error=extra["strong"]["median"],
        reference="explicit Milstein at a finer step along the same path: median over the paths",
        problem=problem.name,
        n=batch,
        dtype="float64",
        extra=extra,
    )
