"""How much is spent on each problem: paths, steps and tolerances."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.cases.stiff_sde import problems
from benchmarks.cases.stiff_sde.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one problem is measured with; steps are numbers of equal steps over the whole time.

    Parameters
    ----------
    problem : Problem
        The problem.
    paths : int
        Paths of the fine grid, for the errors of fixed steps.
    fine : int
        Steps of the fine grid and of its reference.
    batch : int
        Paths that are solved at once where time is measured, and paths of the path objects.
    tree : int
        Steps of the reference along path objects.
    explicit, implicit : tuple of int
        Steps of Euler-Maruyama and of the drift-implicit scheme.
    diffrax : tuple of int
        Steps of diffrax's solvers at fixed steps.
    diffrax_rtol : tuple of float
        Tolerances of diffrax's adaptive solvers.
    rtol : tuple of float
        Tolerances of memjax's adaptive policies.
    ensemble : int
        Paths of the reference statistics.
    """

    problem: Problem
    paths: int
    fine: int
    batch: int
    tree: int
    explicit: tuple[int, ...]
    implicit: tuple[int, ...]
    diffrax: tuple[int, ...]
    diffrax_rtol: tuple[float, ...] = ()
    rtol: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4)
    ensemble: int = 0


def _powers(low: int, high: int, by: int = 1) -> tuple[int, ...]:
    return tuple(2**k for k in range(low, high + 1, by))


def _smoke() -> Iterator[Budget]:
    small = partial(Budget, paths=4, batch=4, ensemble=64)
    yield small(
        problem=problems.oscillator(t_end=10 / 1024),
        fine=2**12,
        tree=2**11,
        explicit=_powers(10, 11),
        implicit=_powers(7, 7),
        diffrax=_powers(10, 10),
        rtol=(1e-3,),
    )
    yield small(
        problem=problems.filament(t_end=32e-3 / 256),
        fine=2**12,
        tree=2**11,
        explicit=_powers(10, 11),
        implicit=(),
        diffrax=(),
        rtol=(),
    )
    yield small(
        problem=problems.neuron(periods=1),
        fine=2**13,
        tree=2**12,
        explicit=_powers(11, 12),
        implicit=(),
        diffrax=_powers(11, 11),
        rtol=(),
    )


def _full() -> Iterator[Budget]:
    yield Budget(
        problem=problems.oscillator(),
        paths=64,
        fine=2**22,
        batch=4,
        tree=2**21,
        explicit=_powers(20, 21),
        implicit=_powers(7, 17, 2),
        diffrax=_powers(20, 20),
        diffrax_rtol=(1e-2,),
        ensemble=512,
    )
    yield Budget(
        problem=problems.filament(),
        paths=16,
        fine=2**20,
        batch=8,
        tree=2**19,
        explicit=_powers(18, 19),
        implicit=_powers(9, 17, 2),
        diffrax=_powers(18, 18),
        diffrax_rtol=(1e-2, 1e-3),
        ensemble=256,
    )
    yield Budget(
        problem=problems.neuron(),
        paths=64,
        fine=2**20,
        batch=32,
        tree=2**19,
        explicit=_powers(14, 17),
        implicit=_powers(15, 17),
        diffrax=_powers(14, 16, 2),
        diffrax_rtol=(1e-2, 1e-3, 1e-4),
        ensemble=2048,
    )


def budgets(size: str) -> Iterator[Budget]:
    """What a run of this size measures, problem by problem."""
    return _smoke() if size == "smoke" else _full()
