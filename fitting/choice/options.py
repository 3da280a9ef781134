"""``memjax fit --model A,B``: the same files under several models."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import memjax as mj
from memjax.errors import (
    DataError,
    FitError,
    MemjaxError,
    OutputError,
    ReaderError,
    SolveError,
    UsageError,
)
from memjax.runtime.console import say, table

from ..command import new_folder, start_of, write_fit
from ..config import CommonConfig, Request
from ..constants import COMPARISON
from ..kinds import Kind, flag, kinds, of_data, origin_of, refuse_unused
from ..progress import Session, duration
from ..reached import NOTHING

if TYPE_CHECKING:
    from ..result import AbstractFit
    from .comparison import Comparison

NAMING = ("free", "fix", "bounds", "start")
"""Options that name parameters, or pairs that begin with their names."""

LABEL = "choice among models"
"""Of its kind of folder."""

_WHERE = f"a {LABEL}"

_NOT_REACHED = "interrupted before it was fitted"  # why there is no fit of a model


@dataclass(frozen=True, kw_only=True)
class ChoiceConfig(CommonConfig):
    """What a choice among models is asked for: what the fits of its data are."""

    @classmethod
    def names(cls, request: Request) -> set[str]:
        """See `CommonConfig`: those of the data but cycles that are held out, and draws."""
        return of_data(request).uses(request) - {"draws", "hold_out"}


@runtime_checkable
class Chooser(Protocol):
    """What chooses among the models of a comparison."""

    def further(self, comparison: "Comparison") -> Sequence[str]:
        """Models to fit as well, once the others are compared."""
        ...

    def content(
        self, comparison: "Comparison", fits: "Mapping[str, AbstractFit | str]"
    ) -> dict[str, Any]:
        """More content of ``comparison.json``, with a sentence `explanation` for the page."""
        ...


def claims(request: Request) -> bool:
    """Whether several models are named."""
    return "," in request.model


def run(request: Request, session: Session) -> int:
    """Fit each of the models that ``--model`` lists, and compare them; the exit status."""
    refuse_unused(request, kinds()[LABEL])
    return compare(request, session)


def compare(request: Request, session: Session, chooser: Chooser | None = None) -> int:
    """As `run`, of options that mean something; `chooser` may have further models fitted."""
    names, data = [n.strip() for n in request.model.split(",")], of_data(request)
    if "" in names or len(set(names)) < len(names):
        allowed = "names of models, each once: A,B"
        raise UsageError(f"{request.model!r}", where="--model", allowed=allowed)
    if data.takes is None:
        what, allowed = f"{data.label}", "files of one kind that is fitted to its rows"
        fix = "fit each model into a folder of its own"
        raise UsageError(what, where=_WHERE, allowed=allowed, fix=fix)
    starts = _starts(request, names)
    out = new_folder(request, marker=COMPARISON)
    choice = _Choice(request, session, data, starts, out, chooser)
    if session.reached is not None:
        session.reached.save = choice.save
    try:
        choice.fit_all(list(starts))
        choice.hold_out(choice.models)
        choice.go_on()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(choice.save()) from None
    if not choice.models:
        raise choice.failure()
    choice.compare(interrupted=False)
    return 0


def _starts(request: Request, names: list[str]) -> dict[str, Any]:
    """Where each model begins; refuses parameters that one of them does not have before anything is fitted."""
    from memjax.core.fields import parameter_specs

    models = {n: mj.model(n) for n in names}
    for option in NAMING:
        named = [x if isinstance(x, str) else x[0] for x in getattr(request, option) or ()]
        for model, device in models.items():
            if left := [n for n in named if n not in parameter_specs(device)]:
                what = f"{model} has no {', '.join(left)}"
                allowed = "parameters that all of them have"
                raise UsageError(what, where=f"{flag(option)}, {_WHERE}", allowed=allowed)
    starts = {n: start_of(request.replace(model=n)) for n in names}
    for device in starts.values():
        mj.params.replace(device, dict(request.fix), where="--fix")
    return starts


class _Choice:
    """A choice as it goes: what is reached survives an interrupt."""

    def __init__(
        self,
        request: Request,
        session: Session,
        kind: Kind,
        starts: dict[str, Any],
        out: Path,
        chooser: Chooser | None,
    ):
        self.request, self.session = request, session
        self.kind, self.starts, self.out = kind, starts, out
        self.chooser = chooser
        self.fits: "dict[str, AbstractFit | str]" = dict.fromkeys(starts, _NOT_REACHED)
        self.halves: "dict[str, AbstractFit | str]" = {}
        self.errors: list[Exception] = []
        self.held: Any = None

    @property
    def models(self) -> list[str]:
        """Models whose fit is written."""
        return [n for n, fit in self.fits.items() if not isinstance(fit, str)]

    def save(self) -> str:
        """Compare what is fitted, and say what there is."""
        if not self.models:
            return NOTHING
        self.compare(interrupted=True)
        return f"{len(self.models)} of {len(self.starts)} models are fitted in {self.out}, and compared"

    def go_on(self) -> None:
        """Fit what the chooser asks for besides, once the others are compared."""
        from .comparison import compare_models

        if self.chooser is None or not self.models or len(self.fits) < 2:
            return
        comparison = compare_models(self.fits, self.halves, self.held)
        names = [n for n in self.chooser.further(comparison) if n not in self.fits]
        if not names:
            return
        self.starts |= _starts(self.request, names)
        self.fits |= dict.fromkeys(names, _NOT_REACHED)
        self.fit_all(names)
        self.hold_out([n for n in names if n in self.models])

    def fit_all(self, names: Sequence[str]) -> None:
        """Fit all data with each model, a fit directory each; what was there goes when the first is to be written."""
        begin = time.monotonic()
        for k, name in enumerate(names):
            spent = time.monotonic() - begin
            left = f", about {duration(spent / k * (len(names) - k))} left" if k else ""
            say("progress", f"model {k + 1} of {len(names)}: {name}{left}")
            fit = self._fit(name, half=False)
            if isinstance(fit, str):
                self.fits[name] = fit
                say("warning", f"{name}: {fit}")
                continue
            if not self.models:
                if self.out.exists():
                    shutil.rmtree(self.out)
                self.out.mkdir()
            place = self.out / name
            try:
                write_fit(fit, self._request(name), place, self.session)
            except (FitError, SolveError) as error:  # of intervals, when the fit is written
                say("warning", f"{name}: {error}")
            finally:
                if (place / self.kind.file).exists():
                    self.fits[name] = fit
            if fit.interrupted:
                raise KeyboardInterrupt

    def hold_out(self, names: Sequence[str]) -> None:
        """Fit a part of the data with each model, where the kind can tell one from the rest."""
        left_out = self.kind.hold_out
        if left_out is None or not names:
            return
        self.halves |= dict.fromkeys(names, _NOT_REACHED)
        try:
            self.held = left_out.data(self.kind.config(self.request))
        except DataError as error:
            self.halves |= dict.fromkeys(names, error.what)
            return
        for k, name in enumerate(names, 1):
            say("progress", f"{name}, without {left_out.words} ({k} of {len(names)})")
            fit = self._fit(name, half=True)
            if not isinstance(fit, str) and fit.interrupted:
                raise KeyboardInterrupt
            self.halves[name] = fit

    def _request(self, name: str) -> Request:
        """Return what a fit of one model alone would be asked for."""
        return self.request.replace(model=name, entries={**self.request.entries, "model": name})

    def _fit(self, name: str, *, half: bool) -> "AbstractFit | str":
        """A fit, or why there is none; what cannot be read, or written, is an error for all."""
        from numpy.linalg import LinAlgError

        fit: Any = self.kind.fit
        try:
            config = self.kind.config(self._request(name))
            return fit(config, self.starts[name], replace(self.session, half=half))
        except (ReaderError, OutputError, UsageError):
            raise
        except (MemjaxError, LinAlgError) as error:
            self.errors.append(error)
            return str(error)

    def compare(self, *, interrupted: bool) -> None:
        """Write table, picture and page of what there is, and say it."""
        from ..fit_json import load
        from .comparison import compare_models
        from .report import HEAD, LONG, build, table_of, write

        comparison = compare_models(self.fits, self.halves, self.held)
        scored = any(row["score"] is not None for row in comparison.rows)
        held = self.kind.hold_out.words if self.kind.hold_out and scored else ""
        entries = {"kind": self.kind.label, "held": held, "seed": self.request.seed}
        origin = origin_of(self.request)
        entries |= {"temperature": origin.temperature, "command": origin.command}
        entries["interrupted"] = interrupted
        entries |= self.chooser.content(comparison, self.fits) if self.chooser else {}
        write(comparison, self.out, files=list(origin.files), entries=entries)
        build(load(self.out, COMPARISON), self.out)
        columns = [HEAD.index(h) for h in HEAD if h not in LONG]
        rows = [[row[k] for k in columns] for row in table_of(comparison.rows)]
        print(table(rows, head=[HEAD[k] for k in columns]))
        for note in comparison.notes:
            say("note", note)
        if self.chooser:
            print(entries["explanation"])
        count, page = len(self.starts), self.out / "report.html"
        print(f"{self.out}: {len(self.models)} of {count} models fitted, report in {page}")

    def failure(self) -> Exception:
        """Why no model is fitted: where all say the same of the input, that, else the first reason."""
        if len(self.errors) == len(self.starts) and len({str(e) for e in self.errors}) == 1:
            return self.errors[0]
        return FitError(f"none of {len(self.starts)} models is fitted: {self.errors[0]}")
