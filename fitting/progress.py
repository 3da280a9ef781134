"""How far a fit has come: its stage, its share of the whole and the time left, in a terminal, lines or a notebook."""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from memjax.runtime.console import say

EACH = "MEMJAX_PROGRESS"
"""Variable of the environment: where it is ``iterations``, each iteration is a line for a program that reads them."""

_RECENT = 8  # iterations that say how long one takes
_LONGER = 0.25  # share of what it has taken that a stage which takes longer than usual is expected to go on for
_REFRESH = 1.0  # time between two looks of a bar at the clock [s]


class Usual(NamedTuple):
    """What a stage usually takes: `iterations`, and the `cost` of one over that of one of the first stage."""

    iterations: int
    cost: float = 1.0


class Forecast:
    """Share of a run that is done and the time left, from how long its own iterations take.

    Parameters
    ----------
    stages : mapping of str to Usual or None
        Stages to come in their order, and what they usually take where that is known.
    clock : callable
        The time [s].

    Notes
    -----
    The iterations that are left are those that stages usually take, and no more than the search at hand can make; where
    only that bound is known the time left is one "at most". The first iteration of a stage, in which programs are
    compiled, is no measure of the others.
    """

    def __init__(
        self,
        stages: Mapping[str, Usual | None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stages, self.clock = dict(stages or {}), clock
        self.begin = self.last = clock()
        self.stage, self.done, self.most = "", 0, None
        self.steps: list[tuple[float, int]] = []
        self.share, self._pace = 0.0, 0.0

    def step(self, stage: str, done: int = 0, most: int | None = None) -> None:
        """Hear of a stage, of iterations done since the last call, and of how many are left at the most."""
        now = self.clock()
        if stage != self.stage:
            cost = self._cost(stage) / self._cost(self.stage)
            self._pace, self.steps = cost * self.pace, []
            self.stage, self.done = stage, 0
        if done > 0:
            self.steps.append((now - self.last, done))
            self.done += done
        if done > 0 or not self.done:
            self.last = now
        self.most = most
        left = self.seconds
        if left is not None:
            spent = now - self.begin
            self.share = max(self.share, spent / max(spent + left, 1e-9))

    def _cost(self, stage: str) -> float:
        usual = self.stages.get(stage)
        return 1.0 if usual is None else usual.cost

    @property
    def pace(self) -> float:
        """Time of an iteration [s]; 0 where none has ended."""
        recent = self.steps[1:][-_RECENT:]
        if not recent:  # the first one has compiled: that of the stage before tells more
            recent = [] if self._pace else self.steps
        taken, done = (sum(x) for x in zip(*recent, strict=True)) if recent else (0.0, 0.0)
        return taken / done if done else self._pace

    @property
    def ahead(self) -> list[Usual | None]:
        """What the stages to come usually take."""
        names = list(self.stages)
        after = names.index(self.stage) + 1 if self.stage in names else len(names)
        return [self.stages[n] for n in names[after:]]

    @property
    def is_whole(self) -> bool:
        """Whether the time left is that of all stages to come, not of the stage at hand alone."""
        return None not in self.ahead

    @property
    def _left(self) -> float | None:
        """Iterations that are left in the stage at hand; None where nothing is known of it."""
        usual = self.stages.get(self.stage)
        if usual is None:
            return None if self.most is None else float(self.most)
        left = float(max(usual.iterations - self.done, _LONGER * self.done))
        return left if self.most is None else float(min(left, self.most))

    @property
    def seconds(self) -> float | None:
        """Time left [s]; None where it is not known."""
        left, pace = self._left, self.pace
        if left is None or not pace:
            return None
        later = sum(u.iterations * u.cost for u in self.ahead if u) if self.is_whole else 0.0
        return pace * (left + later / self._cost(self.stage))

    def __str__(self) -> str:
        """Share and time left in words; empty where they are not known."""
        left = self.seconds
        if left is None:
            return ""
        word = "at most" if self.stages.get(self.stage) is None else "about"
        if not self.is_whole:
            return f"this stage takes {word} {duration(left)} more"
        return f"{self.share:.0%} done, {word} {duration(left)} left"


def duration(seconds: float) -> str:
    """A time in words, to two digits."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class _Count:
    """Iterations of searches, one after the other, as steps of a forecast."""

    def __init__(self) -> None:
        self.iterations = 0

    def since(self, progress: Any) -> tuple[int, int | None]:
        """Iterations since the last call, and those left at the most; another search begins at its first one."""
        now = progress.iterations
        done = now - self.iterations if now >= self.iterations else min(now, 1)
        self.iterations = now
        return done, getattr(progress, "left", None)


class Stages:
    """Progress on standard error: a bar where it is a terminal, else a line per stage with its share and the time.

    Parameters
    ----------
    stages : sequence of str, or mapping of str to Usual
        Stages to come, where that is known, and what they usually take; some may be left out.
    checked : bool
        Whether what the user gave has been checked before the first stage. Else a stage's line waits for the next one,
        or the end: wrong input is answered by one line alone.
    notes : sequence of str
        What is to be known of the data, said when the first stage begins.
    lines : bool
        Whether there are lines where there is no terminal.
    hear : callable, optional
        Called with each `Progress`.
    """

    def __init__(
        self,
        stages: Sequence[str] | Mapping[str, Usual | None] = (),
        *,
        checked: bool = True,
        notes: Sequence[str] = (),
        lines: bool = True,
        hear: Callable[[Any], None] | None = None,
    ) -> None:
        from tqdm import tqdm

        self.checked, self.waiting, self.notes = checked, "", list(notes)
        self.hear = hear
        self.forecast = Forecast(
            stages if isinstance(stages, Mapping) else dict.fromkeys(stages, None)
        )
        self.stages, self.stage, self.count = list(stages), "", _Count()
        terminal = sys.stderr.isatty()
        self.piped = lines and not terminal
        self.every_iteration = os.environ.get(EACH) == "iterations"
        self.bar = tqdm(
            total=0, unit="it", disable=not terminal, leave=False, bar_format="{desc} {elapsed}"
        )
        self._closed = threading.Event()
        if terminal:  # the clock goes on while programs are compiled
            threading.Thread(target=self._refresh, daemon=True).start()

    def _refresh(self) -> None:
        while not self._closed.wait(_REFRESH):
            self.bar.refresh()

    def __enter__(self) -> "Stages":
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar; say the stage that waits, but after an error."""
        self._closed.set()
        self.bar.close()
        if self.waiting and error[0] is None:
            say("progress", self.waiting)

    def __call__(self, stage: str, progress: Any) -> None:
        """Show the stage, iterations and the best loss."""
        if self.hear is not None:
            self.hear(progress)
        best = min(progress.cost, default=float("inf"))
        done, most = self.count.since(progress)
        text = f"iteration {progress.iterations}, loss {best:.4g}"
        self.describe(stage, text, done=done, most=most)

    def describe(
        self, stage: str, text: str = "", *, done: int = 0, most: int | None = None
    ) -> None:
        """Show what is done, in words: `done` iterations since the last call, and `most` that are left at the most."""
        if self.notes:
            self.bar.clear()
        for note in self.notes:
            say("note", note)
        self.notes = []
        self.forecast.step(stage, done, most)
        known = stage in self.stages
        share = f"{self.stages.index(stage) + 1} of {len(self.stages)}" if known else ""
        begun = f"{stage} ({share})" if share else stage
        left = str(self.forecast)
        words = "; ".join(x for x in (text, left) if x)
        self.bar.set_description_str(f"{begun}: {words}" if words else begun)
        spent = f"{time.monotonic() - self.forecast.begin:.0f} s"
        if self.piped and stage != self.stage:
            parts = ", ".join(x for x in (text, spent, left) if x)
            now = f" ({parts})" if self.stage else ""
            if self.waiting:
                say("progress", self.waiting)
            self.waiting = f"stage {share}: {stage}{now}" if share else f"{stage}{now}"
            if self.checked:
                say("progress", self.waiting)
                self.waiting = ""
        elif self.piped and self.every_iteration and text:
            say("progress", f"{stage}: {text}, {spent}")
        self.stage = stage


@dataclass(frozen=True)
class Session:
    """What a fit has of the process in which it runs.

    Parameters
    ----------
    reached : Reached, optional
        What hears of its searches, and saves them after an interrupt.
    half : bool
        Whether a part of the data is left out, see `fitting.kinds.Kind`.
    """

    reached: Any = None
    half: bool = False

    def stages(self, *stages: Any, **properties: Any) -> Stages:
        """Return `Stages` whose searches are heard of."""
        hear = None if self.reached is None else self.reached.hear
        return Stages(*stages, **properties, hear=hear)


class ProgressBar:
    """A bar for the argument `tick` of a fit: stage, iterations, the best loss so far, and how long it may take.

    In a notebook that has ipywidgets it is a widget, else a line of text on standard error.

    Examples
    --------
    >>> with ft.ProgressBar() as bar:  # doctest: +SKIP
    ...     fit = ft.solve(ft.SweepProblem(measurement, device), progress=bar)
    """

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        shape = "{desc}{n_fmt} iterations [{elapsed}]{postfix}"
        self._bar = tqdm(bar_format=shape, leave=True)
        self._forecast, self._count = Forecast(), _Count()

    def __call__(self, stage: str, progress: Any = None) -> None:
        """Show a stage, and where its search has come."""
        self._bar.set_description_str(f"{stage}: ", refresh=False)
        if progress is not None:
            self._bar.n = progress.iterations
            self._forecast.step(stage, *self._count.since(progress))
            best = min(progress.cost, default=float("inf"))
            words = [f"loss {best:.4g}", str(self._forecast)]
            self._bar.set_postfix_str(", ".join(filter(None, words)), refresh=False)
        self._bar.refresh()

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *error: object) -> None:
        """End the bar; its last state stays in sight."""
        self._bar.close()
