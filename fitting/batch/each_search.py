"""Searches of single devices of a batch, each for itself; solves that several of them ask for are made together."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from memjax.runtime.cores import usable_cores

from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt, screen
from ..optimize.restarts import is_smooth, search_beside
from ..problem import TOGETHER, Linearised
from ..sweeps.ending import BESIDE, ENDING, ending
from ..sweeps.group import seeks_events
from ..sweeps.prepare import Prepared
from .stacked_problems import StackedProblems

POOR = 5.0
"""Reduced chi squared above which further starts are tried."""

SHARES = 2
"""Shares of a chunk that are fitted at the same time: Python of one while there are solves for the other."""

SCATTERED = 32
"""Scattered starts of devices that fit far worse than the others."""

_SUDDEN = 1.0  # change of a current from row to row [decades] above which it switches between them
_OUTLYING = 4.0  # chi squared in units of the median of the others' that is far worse
_FEW = 4  # devices below which there is nothing to compare with
_SIDE_BY_SIDE = 16  # devices whose searches go on together
_PARTS = 2  # of a share, which ask on their own: while one waits for Python, the other one computes

Optimum = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Coordinates, residuals, which are infinite where there is none, and Jacobian."""


def switches(prepared: Prepared) -> bool:
    """Whether the current of a device switches between two rows: its loss has kinks, and searches begin again there."""
    group = prepared.problem.group
    jumps = np.abs(np.diff(np.asarray(group.target), axis=1))
    return seeks_events(group) and bool(np.max(jumps, initial=0.0) > _SUDDEN)


@dataclass
class _Question:
    """What one search asks: a method of `StackedProblems`, its points, and what comes of it."""

    method: str
    z: np.ndarray
    answer: Any = None


class Gathering:
    """Searches in threads of their own, whose solves are one call: it is made when each of them has asked for one.

    What is solved together depends on the searches, and not on how fast their threads are.

    Parameters
    ----------
    problems : StackedProblems
        The problems.
    members : int
        Threads that ask.
    halt : threading.Event
        Ends searches, by a `KeyboardInterrupt`, once it is set.
    """

    def __init__(self, problems: StackedProblems, members: int, halt: threading.Event):
        self.problems, self.members, self.halt = problems, members, halt
        self._asked: dict[int, _Question] = {}
        self._turn = threading.Condition()

    def ask(self, number: int, method: str, z: np.ndarray) -> Any:
        """What a method of the problems gives at points of the problem of a number."""
        question = _Question(method, z)
        with self._turn:
            self._asked[number] = question
            self._answer_all()
            self._turn.wait_for(lambda: question.answer is not None)
        if isinstance(question.answer, BaseException):
            raise question.answer
        return question.answer

    def leave(self) -> None:
        """One thread less asks."""
        with self._turn:
            self.members -= 1
            self._answer_all()

    def _answer_all(self) -> None:
        """Answer, if all have asked."""
        if not self._asked or len(self._asked) < self.members:
            return
        questions, self._asked = sorted(self._asked.items()), {}
        try:
            if self.halt.is_set():
                raise KeyboardInterrupt
            for method in ("observe", "linearise"):
                self._answer(method, [(k, q) for k, q in questions if q.method == method])
        except BaseException as error:  # it is raised in each of the threads
            for _, question in questions:
                question.answer = error
        self._turn.notify_all()

    def _answer(self, method: str, questions: Sequence[tuple[int, _Question]]) -> None:
        if not questions:
            return
        counts = [len(q.z) for _, q in questions]
        which = np.repeat([k for k, _ in questions], counts)
        points = np.concatenate([q.z for _, q in questions])
        # Points that are no numbers cost nothing, and are no success; one of them tells what that looks like.
        there = np.flatnonzero(~np.any(np.isnan(points), axis=1))
        there = there if len(there) else np.zeros(1, int)
        answers = getattr(self.problems, method)(points[there], which[there])
        parts = []
        for x in answers:
            whole = np.zeros((len(points), *x.shape[1:]), x.dtype)
            whole[there] = x
            parts.append(np.split(whole, np.cumsum(counts)[:-1]))
        for (_, question), *answer in zip(questions, *parts, strict=True):
            question.answer = tuple(answer)


class EachSearch:
    """Searches of one of the problems of a gathering, from a few points at a time.

    Parameters
    ----------
    gathering : Gathering
        Where solves are asked for.
    number : int
        Of the problem.
    """

    def __init__(self, gathering: Gathering, number: int):
        self.gathering, self.number = gathering, number

    def linearise(self, z: Float[np.ndarray, "points free"]) -> Linearised:
        """Residuals, Jacobians and success of a few points."""
        return self.gathering.ask(self.number, "linearise", z)

    def observe(self, z: Float[np.ndarray, "points free"]) -> Linearised:
        """The same without derivatives."""
        r, ok = self.gathering.ask(self.number, "observe", z)
        return r, np.zeros((*r.shape, 0)), ok

    def improve(self, starts: Float[np.ndarray, "starts free"], **options: Any) -> Progress:
        """Levenberg-Marquardt from a few starts."""
        return levenberg_marquardt(self.linearise, starts, **options)

    def find(self, starts: Float[np.ndarray, "many free"], count: int) -> Optimum:
        """The optimum from so many of the starts."""
        if count > 1 or len(starts) > 1:
            starts = screen(self.observe, starts, keep=TOGETHER)
        return _optimum(self.improve(starts[:count]))

    def end(self, z: Float[np.ndarray, " free"], seed: int, options: dict[str, float]) -> Optimum:
        """The end of a search once the noise is known; begun again beside it, more often where that is a kink.

        `options` are those of `fitting.sweeps.ending.ending`.
        """
        z, r, jacobian = _optimum(self.improve(z[None], iterations=ENDING, **options))
        if not np.all(np.isfinite(r)):
            return z, r, jacobian
        improve = partial(self.improve, proximal=options["proximal"])
        quiet, seed = 1 if is_smooth(r, jacobian) else 2, seed + BESIDE
        return search_beside(improve, z, r, jacobian, count=TOGETHER, seed=seed, quiet=quiet)


def _optimum(done: Progress) -> Optimum:
    """The best of a search."""
    k = done.best
    r = done.residuals[k] if np.isfinite(done.cost[k]) else np.full_like(done.residuals[k], np.inf)
    return done.z[k], r, done.jacobian[k]


def find_each(prepared: Sequence[Prepared], count: int, halt: threading.Event) -> list[Optimum]:
    """Optima of devices from so many starts; of those that fit far worse than the others once more."""
    problems = share_of_problems(prepared)

    def find(search: EachSearch) -> Optimum:
        return search.find(prepared[search.number].candidates, count)

    def find_again(search: EachSearch) -> Optimum:
        other = search.find(prepared[search.number].further(SCATTERED), TOGETHER)
        return min(out[search.number], other, key=lambda optimum: np.sum(optimum[1] ** 2))

    out = _each(find, problems, range(len(prepared)), halt)
    chi2 = np.array([r @ r / max(len(r) - len(z), 1) for z, r, _ in out])
    left = np.flatnonzero(outlying(chi2)).tolist()
    for k, optimum in zip(left, _each(find_again, problems, left, halt), strict=True):
        out[k] = optimum
    return out


def outlying(chi2: Float[np.ndarray, " devices"]) -> Bool[np.ndarray, " devices"]:
    """Which devices fit far worse than the others: where all are as bad it is the model, and not the search."""
    others = _OUTLYING * np.median(chi2) if len(chi2) >= _FEW else 0.0
    return ~(chi2 <= max(others, POOR))


def end_each(
    prepared: Sequence[Prepared], optima: Sequence[Optimum], seed: int, halt: threading.Event
) -> list[Optimum]:
    """The ends of the searches of devices, where there is an optimum, see `EachSearch.end`."""

    def end(search: EachSearch) -> Optimum:
        z, r, _ = optima[search.number]
        if not np.all(np.isfinite(r)):
            return optima[search.number]
        noise = float(prepared[search.number].problem.noise)
        return search.end(z, seed, ending(noise, 0.5 * float(r @ r)))

    return _each(end, share_of_problems(prepared), range(len(prepared)), halt)


def share_of_problems(prepared: Sequence[Prepared]) -> StackedProblems:
    """The problems of devices, solved by as many cores as each share of a chunk has."""
    return StackedProblems([p.problem for p in prepared], threads=max(usable_cores() // SHARES, 1))


def _each(
    function: Callable[[EachSearch], Optimum],
    problems: StackedProblems,
    numbers: Sequence[int],
    halt: threading.Event,
) -> list[Optimum]:
    """What a function of their searches gives for problems of these numbers."""
    out = dict[int, Optimum]()

    def search(numbers: Sequence[int]) -> None:
        """Searches of some, in threads that ask together; whichever takes the next one, it is the same in all runs."""
        members, left = min(len(numbers), _SIDE_BY_SIDE), iter(numbers)
        gathering, turn = Gathering(problems, members, halt), threading.Lock()

        def run(_: int) -> None:
            try:
                while True:
                    with turn:
                        k = next(left, None)
                    if k is None:
                        return
                    out[k] = function(EachSearch(gathering, k))
            finally:
                gathering.leave()

        _in_threads(run, range(members))

    _in_threads(search, [numbers[k::_PARTS] for k in range(_PARTS)])
    return [out[k] for k in numbers]


def _in_threads(function: Callable[[Any], None], jobs: Sequence[Any]) -> None:
    """All jobs at the same time; errors are raised here."""
    with ThreadPoolExecutor(max(len(jobs), 1)) as pool:
        list(pool.map(function, jobs))
