"""``memjax fit --model A,B``: the same files under several models."""

import argparse
import shutil
from copy import copy
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
from .comparison import Comparison, compare_models
from .content import COMPARISON, write
from .report import HEAD, build, table_of

_NAMING = ("free", "fix", "bounds", "start")
"""Options that name parameters, or begin with their names."""

_Found = dict[str, AbstractFit | str]


def several(options: argparse.Namespace) -> bool:
    """Whether ``--model`` names more than one model."""
    return "," in options.model


def run(options: argparse.Namespace, kind: Kind) -> int:
    """Fit each model, compare them; the exit status."""
    models = _models(options)
    _refuse(options, kind, models)
    out = prepare_output(options.out, force=options.force, folder=True, marker=COMPARISON)
    choice = _Choice(options, kind, models, out)
    try:
        choice.fit_all()
        choice.score()
    except KeyboardInterrupt:
        if not choice.made:
            raise
        choice.leave(interrupted=True)
        done = f"{len(choice.made)} of {len(models)} models are fitted and compared in {out}"
        raise KeyboardInterrupt(done) from None
    return choice.end()


def _models(options: argparse.Namespace) -> dict[str, Any]:
    """Devices or circuits to start from, by the names that ``--model`` lists."""
    names = [n.strip() for n in options.model.split(",")]
    if "" in names or len(set(names)) < len(names):
        raise UsageError(
            f"{options.model!r}", where="--model", allowed="names of models, each once: A,B", fix="see 'memjax models'"
        )  # fmt: skip
    return {n: mj.model(n) for n in names}


def _refuse(options: argparse.Namespace, kind: Kind, models: dict[str, Any]) -> None:
    """Refuse, before anything is fitted, what does not go with several models."""
    where = "a choice among models"
    if kind.fit is None or kind.write is None:
        raise UsageError(
            f"{kind.label}", where=where, allowed="files of one kind, fitted without simulated targets or moments",
            fix="fit each model into a folder of its own",
        )  # fmt: skip
    for name, why in (
        ("batch", "it is of one device"),
        ("stochastic", "calibrate the randomness of the one that is chosen"),
        ("preset", "a preset is of one model"),
    ):
        if getattr(options, name):
            raise UsageError(
                f"--{name} with several models", where=where, fix=f"leave it out: {why}"
            )
    used = {*kind.used, "bounds", "start"} - {"batch", "stochastic", "draws", "hold_out"}
    refuse_unused(options, used, what=f"{kind.label} by several models")
    for option in _NAMING:
        names = [x if isinstance(x, str) else x[0] for x in getattr(options, option, None) or ()]
        for model, device in models.items():
            if left := [n for n in names if n not in parameter_specs(device)]:
                raise UsageError(
                    f"{model} has no {', '.join(left)}", where=f"--{option} with several models",
                    allowed="parameters that all of them have", fix="fit it alone",
                )  # fmt: skip
    for device in models.values():
        mj.params.replace(device, dict(options.fix), where="--fix")


class _Choice:
    """A choice as it goes: what is reached survives an interrupt."""

    def __init__(self, options: argparse.Namespace, kind: Kind, models: dict[str, Any], out: Path):
        self.options, self.kind, self.models, self.out = options, kind, models, out
        self.found: _Found = {}
        self.halves: _Found = {}
        self.errors: list[MemjaxError] = []
        self.held: Any = None

    @property
    def made(self) -> dict[str, AbstractFit]:
        """The fits there are."""
        return {n: x for n, x in self.found.items() if isinstance(x, AbstractFit)}

    def fit_all(self) -> None:
        """Fit all data with each model, and write the fit directories."""
        for k, name in enumerate(self.models):
            say("progress", f"model {k + 1} of {len(self.models)}: {name}")
            self.found[name] = found = self._fit(name, half=False)
            if isinstance(found, str):
                say("warning", f"{name}: {found}")
                continue
            self._place()
            own = self._own(name, half=False)
            write_fit(lambda fit, place, own=own: self.kind.write(fit, place, own), found, own, self.out / name)  # pyright: ignore[reportOptionalCall]  # fmt: skip
            if getattr(found, "interrupted", False):
                raise KeyboardInterrupt

    def score(self) -> None:
        """Fit a half of the data with each model, where the kind can tell one."""
        if self.kind.held_out is None or len(self.made) < 1:
            return
        try:
            self.held = self.kind.held_out(self.options)
        except DataError as error:
            self.halves = dict.fromkeys(self.made, str(error))
            return
        for name in self.made:
            say("progress", f"{name}, without {self.kind.held}")
            found = self._fit(name, half=True)
            if getattr(found, "interrupted", False):
                raise KeyboardInterrupt
            self.halves[name] = found

    def _own(self, name: str, *, half: bool) -> argparse.Namespace:
        """The options as if of one model."""
        own = copy(self.options)
        own.model, own.half = name, half
        return own

    def _fit(self, name: str, *, half: bool) -> AbstractFit | str:
        """A fit, or why there is none; what cannot be read is an error for all."""
        try:
            return self.kind.fit(self._own(name, half=half), self.models[name])  # pyright: ignore[reportOptionalCall]
        except (ReaderError, OutputError, UsageError):
            raise
        except MemjaxError as error:
            self.errors.append(error)
            return str(error)
        except np.linalg.LinAlgError as error:
            return f"its parameters cannot be told apart: {error}"

    def _place(self) -> None:
        """The folder: made, or emptied of what was there, when the first fit is there."""
        if len(self.made) > 1:
            return
        if self.out.exists():
            shutil.rmtree(self.out)
        self.out.mkdir()

    def leave(self, *, interrupted: bool) -> Comparison | None:
        """Write table, picture and page of what there is."""
        missing = dict.fromkeys(self.models, "interrupted before")
        halves = (
            {n: self.halves.get(n, missing[n]) for n in self.made} if self.kind.held_out else {}
        )
        found = compare_models(missing | self.found, halves, self.held)
        about = provenance(self.options)
        files = about.pop("files")
        about |= {"kind": self.kind.label, "axes": self.kind.axes, "held": self.kind.held}
        about |= {"seed": self.options.seed, "interrupted": interrupted}
        content = write(found, self.out, files=files, about=about)
        build(self.out)
        rows, narrow = table_of(content), slice(0, 12)
        print(table([r[narrow] for r in rows], head=HEAD[narrow]))
        return found

    def end(self) -> int:
        """Say what came out; the exit status."""
        if not self.made:
            raise self._none()
        found = self.leave(interrupted=False)
        failed = len(self.models) - len(self.made)
        print(
            f"{self.out}: {len(self.models)} models, {failed} failed, report in {self.out / 'report.html'}"
        )
        for note in found.notes if found else ():
            say("note", note)
        return 0

    def _none(self) -> MemjaxError:
        """Why no model was fitted: what is wrong with the input where all say the same, else the first reason."""
        first = self.errors[0] if self.errors else FitError("no model was fitted")
        same = {str(e) for e in self.errors} == {str(first)} and len(self.errors) == len(
            self.models
        )
        if same and not isinstance(first, FitError | SolveError):
            return first
        return FitError(f"none of {len(self.models)} models was fitted: {first}")


__all__ = ["run", "several"]
