"""``memjax fit --model A,B``: the same files under several models."""

import argparse
import shutil
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import memjax as mj
from memjax.cli.command import UsageError, say, table
from memjax.errors import DataError, FitError, MemjaxError, OutputError, ReaderError, SolveError
from memjax.fields import parameter_specs
from memjax.files import prepare_output

from ..command import write_fit
from ..kinds import Kind, provenance, refuse_unused
from ..result import AbstractFit
from .comparison import compare_models
from .report import COMPARISON, HEAD, LONG, build, table_of, write

# Options that name parameters, or pairs that begin with their names.
_NAMING = ("free", "fix", "bounds", "start")

_WHERE = "a choice among models"


def run(options: argparse.Namespace, kind: Kind) -> int:
    """Fit each of the models that ``--model`` lists, and compare them; the exit status."""
    names = [n.strip() for n in options.model.split(",")]
    if "" in names or len(set(names)) < len(names):
        allowed = "names of models, each once: A,B"
        raise UsageError(f"{options.model!r}", where="--model", allowed=allowed)
    models = {n: mj.model(n) for n in names}
    _refuse(options, kind, models)
    out = prepare_output(options.out, force=options.force, folder=True, marker=COMPARISON)
    choice = _Choice(options, kind, models, out)
    try:
        choice.fit_all()
        choice.hold_out()
    except KeyboardInterrupt:
        if not choice.made:
            raise
        choice.leave(interrupted=True)
        done = f"{len(choice.made)} of {len(models)} models are fitted, and compared in {out}"
        raise KeyboardInterrupt(done) from None
    if not choice.made:
        raise choice.none()
    choice.leave(interrupted=False)
    return 0


def _refuse(options: argparse.Namespace, kind: Kind, models: dict[str, Any]) -> None:
    """Refuse, before anything is fitted, what does not go with several models."""
    if kind.fit is None or kind.write is None:
        raise UsageError(
            f"{kind.label}", where=_WHERE, allowed="files of one kind that is fitted to its rows",
            fix="fit each model into a folder of its own",
        )  # fmt: skip
    reasons = {"batch": "it is of one device", "preset": "a preset is of one model"}
    reasons["stochastic"] = "calibrate the randomness of the model that is chosen"
    for name in (n for n in reasons if getattr(options, n)):
        raise UsageError(f"--{name}", where=_WHERE, fix=f"leave it out: {reasons[name]}")
    used = {*kind.used, "bounds", "start"} - {*reasons, "draws", "hold_out"}
    refuse_unused(options, used, what=f"{kind.label} by several models")
    for option in _NAMING:
        names = [x if isinstance(x, str) else x[0] for x in getattr(options, option, None) or ()]
        for model, device in models.items():
            if left := [n for n in names if n not in parameter_specs(device)]:
                raise UsageError(
                    f"{model} has no {', '.join(left)}", where=f"--{option}, {_WHERE}",
                    allowed="parameters that all of them have",
                )  # fmt: skip
    for device in models.values():
        mj.params.replace(device, dict(options.fix), where="--fix")


class _Choice:
    """A choice as it goes: what is reached survives an interrupt."""

    def __init__(self, options: argparse.Namespace, kind: Kind, models: dict[str, Any], out: Path):
        self.options, self.kind, self.models, self.out = options, kind, models, out
        self.found: dict[str, AbstractFit | str] = dict.fromkeys(models, "interrupted before")
        self.halves: dict[str, AbstractFit | str] = {}
        self.errors: list[Exception] = []
        self.made: list[str] = []
        self.held: Any = None

    def fit_all(self) -> None:
        """Fit all data with each model, a fit directory each; what was there goes when the first is to be written."""
        for k, name in enumerate(self.models):
            say("progress", f"model {k + 1} of {len(self.models)}: {name}")
            fit = self._fit(name, half=False)
            if isinstance(fit, str):
                self.found[name] = fit
                say("warning", f"{name}: {fit}")
                continue
            if not self.made:
                if self.out.exists():
                    shutil.rmtree(self.out)
                self.out.mkdir()
            try:
                write_fit(partial(self._write, name), fit, self.options, self.out / name)
            except (FitError, SolveError) as error:  # of intervals, when the fit is written
                say("warning", f"{name}: {error}")
            if getattr(fit, "interrupted", False):
                raise KeyboardInterrupt

    def hold_out(self) -> None:
        """Fit a part of the data with each model, where the kind can tell one from the rest."""
        if self.kind.held_out is None or not self.made:
            return
        self.halves = dict.fromkeys(self.made, "interrupted before")
        try:
            self.held = self.kind.held_out(self.options)
        except DataError as error:
            self.halves = dict.fromkeys(self.made, str(error))
            return
        for name in self.made:
            say("progress", f"{name}, without {self.kind.held}")
            fit = self._fit(name, half=True)
            if getattr(fit, "interrupted", False):
                raise KeyboardInterrupt
            self.halves[name] = fit

    def _fit(self, name: str, *, half: bool) -> AbstractFit | str:
        """A fit, or why there is none; what cannot be read, or written, is an error for all."""
        own = copy(self.options)
        own.model, own.half = name, half
        try:
            return self.kind.fit(own, self.models[name])  # pyright: ignore[reportOptionalCall]
        except (ReaderError, OutputError, UsageError):
            raise
        except (MemjaxError, np.linalg.LinAlgError) as error:
            self.errors.append(error)
            return str(error)

    def _write(self, name: str, fit: AbstractFit, place: Path) -> None:
        """Fill a fit directory: from then on the model counts."""
        self.kind.write(fit, place, self.options)  # pyright: ignore[reportOptionalCall]
        self.found[name] = fit
        self.made += [name] * (name not in self.made)

    def leave(self, *, interrupted: bool) -> None:
        """Write table, picture and page of what there is, and say it."""
        found = compare_models(self.found, self.halves, self.held)
        about = provenance(self.options)
        about |= {"kind": self.kind.label, "held": self.kind.held}
        about |= {"seed": self.options.seed, "interrupted": interrupted}
        write(found, self.out, files=about.pop("files"), about=about)
        build(self.out)
        shown = [HEAD.index(h) for h in HEAD if h not in LONG]
        rows = [[row[k] for k in shown] for row in table_of(found.rows)]
        print(table(rows, head=[HEAD[k] for k in shown]))
        for note in found.notes:
            say("note", note)
        count, page = len(self.models), self.out / "report.html"
        print(f"{self.out}: {len(self.made)} of {count} models fitted, report in {page}")

    def none(self) -> Exception:
        """Why no model is fitted: where all say the same of the input, that, else the first reason."""
        if len(self.errors) == len(self.models) and len({str(e) for e in self.errors}) == 1:
            return self.errors[0]
        return FitError(f"none of {len(self.models)} models is fitted: {self.errors[0]}")
