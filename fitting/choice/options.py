"""``memjax fit --model A,B``: the same files under several models."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from ..progress import Forecast, Session, Usual
from ..reached import NOTHING, Reached

if TYPE_CHECKING:
    from ..residuals import Residuals
    from ..result import AbstractFit
    from .comparison import Comparison

NAMING = ("free", "fix", "bounds", "start")
"""Options that name parameters, or pairs that begin with their names."""

LABEL = "choice among models"
"""Of its kind of folder."""

_WHERE = f"a {LABEL}"

NOT_REACHED = "interrupted before it was fitted"
"""Why there is no fit of a model."""

_FITS, _PARTS = "fits of all data", "fits of a part"

_PART = 0.7  # time of the fit of a part, which has no intervals and pictures, over that of a fit of all data


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
        # At its deadline: the picture of all models would take longer.
        session.reached.save = partial(choice.save, drawn=False)
    try:
        choice.run()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(choice.save()) from None
    if not choice.models:
        raise choice.failure()
    choice.compare(interrupted=False)
    return 0


def save_start(request: Request, session: Session, names: Sequence[str], search: Any) -> str:
    """Save a start as the best so far of a choice of which no search has begun; what that is, in words.

    Parameters
    ----------
    request : Request
        Of the model that it is a start of.
    names : sequence of str
        The models whose starts were solved.
    search : Progress
        The start.
    """
    starts = dict.fromkeys(names)
    choice = _Choice(request, session, of_data(request), starts, Path(request.out), None)
    choice.begin(request.model).hear(search)
    return choice.save(drawn=False)


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
    """A choice as it goes: what is reached survives an interrupt.

    Residuals are taken as fits come, so that what there is can be compared at any time without a simulation.
    """

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
        self.fits: "dict[str, AbstractFit | str]" = dict.fromkeys(starts, NOT_REACHED)
        self.residuals: "dict[str, Residuals | str]" = {}
        self.held: "dict[str, Residuals | str]" = {}
        self.errors: list[Exception] = []
        self.current: Reached | None = None
        self.last: "AbstractFit | None" = None
        self.is_made = False
        self.part, self.no_part = None, ""
        self.forecast = Forecast()

    def run(self) -> None:
        """Fit all models, those parts that can be held out, and what the chooser asks for besides."""
        stages: dict[str, Usual | None] = {_FITS: Usual(len(self.starts))}
        if self.kind.hold_out is not None:
            try:
                self.part = self.kind.hold_out.data(self.kind.config(self.request))
                stages[_PARTS] = Usual(len(self.starts), _PART)
            except DataError as error:
                self.no_part = error.what
        self.forecast = Forecast(stages)
        self.fit_all(list(self.starts))
        self.fit_parts(self.models)
        self.go_on()

    @property
    def models(self) -> list[str]:
        """Models whose fit is written."""
        return [n for n, fit in self.fits.items() if not isinstance(fit, str)]

    def save(self, *, drawn: bool = True) -> str:
        """Save the best point of a search that goes on, compare what is fitted, and say what there is."""
        self._count_last()
        point = self._save_point()
        if not (self.models or point):
            return NOTHING
        self.compare(interrupted=True, drawn=drawn)
        fitted = f"{len(self.models)} of {len(self.starts)} models are fitted in {self.out}, and compared"
        return "; ".join(x for x in (fitted * bool(self.models), point) if x)

    def _save_point(self) -> str:
        """Save the best point so far of the model whose fit is not written, and say where it is; "" without one."""
        if self.current is None or not self.current.is_some:
            return ""
        name = self.current.request.model
        if name in self.models:
            return ""
        self._make_folder()
        said = self.current.save()
        self.fits[name] = f"interrupted in its search: {said}"
        return said

    def _comparison(self) -> "Comparison":
        """What is fitted and written side by side."""
        from .comparison import compare_residuals

        residuals = {
            n: fit if isinstance(fit, str) else self.residuals[n] for n, fit in self.fits.items()
        }
        return compare_residuals(self.fits, residuals, self.held)

    def _count_last(self) -> None:
        """Count the last fit among those there are, once it is written: its pictures and intervals come later."""
        if self.current is None or self.last is None:
            return
        name = self.current.request.model
        if (self.out / name / self.kind.file).exists():
            self.fits[name] = self.last

    def _make_folder(self) -> None:
        """Make the folder before the first fit is written to it; what was there goes."""
        if not self.is_made:
            if self.out.exists():
                shutil.rmtree(self.out)
            self.out.mkdir()
        self.is_made = True

    def go_on(self) -> None:
        """Fit what the chooser asks for besides, once the others are compared."""
        if self.chooser is None or not self.models or len(self.fits) < 2:
            return
        comparison = self._comparison()
        names = [n for n in self.chooser.further(comparison) if n not in self.fits]
        if not names:
            return
        self.starts |= _starts(self.request, names)
        self.fits |= dict.fromkeys(names, NOT_REACHED)
        self.fit_all(names)
        self.fit_parts([n for n in names if n in self.models])

    def begin(self, name: str) -> Reached:
        """What hears of the search of a model."""
        self.current = Reached(self._request(name).replace(out=str(self.out / name)))
        self.current.kind = self.kind.label
        return self.current

    def _tell(self, stage: str, text: str) -> None:
        """Say what is fitted now, the share of the choice that is done and the time left."""
        self.forecast.step(stage)
        left = str(self.forecast)
        say("progress", f"{text} ({left})" if left else text)

    def fit_all(self, names: Sequence[str]) -> None:
        """Fit all data with each model, a fit directory each; what was there goes when the first is to be written."""
        from .comparison import residuals_of

        for k, name in enumerate(names, 1):
            self._tell(_FITS, f"model {k} of {len(names)}: {name}")
            place = self.out / name
            session, self.last = replace(self.session, reached=self.begin(name)), None
            fit = self._fit(name, session)
            self.residuals[name] = residuals_of(fit)
            if isinstance(fit, str):
                self.fits[name] = fit
                say("warning", f"{name}: {fit}")
                continue
            self._make_folder()
            self.last = fit
            try:
                write_fit(fit, self._request(name), place, session)
            except (FitError, SolveError) as error:  # of intervals, when the fit is written
                say("warning", f"{name}: {error}")
            finally:
                self._count_last()
            if fit.interrupted:
                raise KeyboardInterrupt
            self.forecast.step(_FITS, 1, len(names) - k)

    def fit_parts(self, names: Sequence[str]) -> None:
        """Fit a part of the data with each model, where the kind can tell one from the rest."""
        from .comparison import residuals_of

        if self.kind.hold_out is None or not names:
            return
        self.held |= dict.fromkeys(names, self.no_part or NOT_REACHED)
        if self.no_part:
            return
        session = replace(self.session, half=True, reached=None)
        for k, name in enumerate(names, 1):
            left_out = self.kind.hold_out.words
            self._tell(_PARTS, f"{name}, without {left_out} ({k} of {len(names)})")
            fit = self._fit(name, session)
            if not isinstance(fit, str) and fit.interrupted:
                raise KeyboardInterrupt
            self.held[name] = residuals_of(fit, self.part)
            self.forecast.step(_PARTS, 1, len(names) - k)

    def _request(self, name: str) -> Request:
        """Return what a fit of one model alone would be asked for."""
        return self.request.replace(model=name, entries={**self.request.entries, "model": name})

    def _fit(self, name: str, session: Session) -> "AbstractFit | str":
        """A fit, or why there is none; what cannot be read, or written, is an error for all."""
        from numpy.linalg import LinAlgError

        fit: Any = self.kind.fit
        try:
            config = self.kind.config(self._request(name))
            return fit(config, self.starts[name], session)
        except (ReaderError, OutputError, UsageError):
            raise
        except (MemjaxError, LinAlgError) as error:
            self.errors.append(error)
            return str(error)

    def compare(self, *, interrupted: bool, drawn: bool = True) -> None:
        """Write table, picture and page of what there is, and say it."""
        from ..fit_json import load
        from .report import HEAD, LONG, build, table_of, write

        comparison = self._comparison()
        scored = any(row["score"] is not None for row in comparison.rows)
        held = self.kind.hold_out.words if self.kind.hold_out and scored else ""
        entries = {"kind": self.kind.label, "held": held, "seed": self.request.seed}
        origin = origin_of(self.request)
        entries |= {"temperature": origin.temperature, "command": origin.command}
        entries["interrupted"] = interrupted
        entries |= self.chooser.content(comparison, self.fits) if self.chooser else {}
        write(comparison, self.out, files=list(origin.files), entries=entries)
        build(load(self.out, COMPARISON), self.out, drawn=drawn)
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
