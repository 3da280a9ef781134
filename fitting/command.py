"""What the commands of all kinds of data do alike: begin at a model, show progress, fit, write, say what came out."""

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import memjax as mj
from memjax.cli.command import UsageError, say
from memjax.errors import DataError, FitError, ModelError
from memjax.files import prepare_output, writing_folder

from .html import MOVED
from .kinds import Kind

if TYPE_CHECKING:
    from .result import AbstractFit

F = TypeVar("F", bound="AbstractFit")

MARKER = "fit.json"
"""What is in every fit directory."""

EACH = "MEMJAX_PROGRESS"
"""Variable of the environment: where it is ``iterations``, each iteration is a line for a program that reads them."""


class Stages:
    """Progress on standard error: a bar where it is a terminal, else a line per stage with its share and the time.

    Parameters
    ----------
    stages : sequence of str
        Stages to come, where that is known; some may be left out.
    checked : bool
        Whether what the user gave has been checked before the first stage. Else a stage's line waits for the next one,
        or the end: wrong input is answered by one line alone.
    notes : sequence of str
        What is to be known of the data, said when the first stage begins.
    """

    def __init__(
        self, stages: Sequence[str] = (), *, checked: bool = True, notes: Sequence[str] = ()
    ) -> None:
        from tqdm import tqdm

        self.checked, self.waiting, self.notes = checked, "", list(notes)
        self.stages, self.begin, self.stage = list(stages), time.monotonic(), ""
        self.piped = not sys.stderr.isatty()
        self.each = os.environ.get(EACH) == "iterations"
        self.bar = tqdm(
            total=0, unit="it", disable=self.piped, leave=False, bar_format="{desc} {elapsed}"
        )

    def __enter__(self) -> "Stages":
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar; say the stage that waits, but after an error."""
        self.bar.close()
        if self.waiting and error[0] is None:
            say("progress", self.waiting)

    def __call__(self, stage: str, progress: Any) -> None:
        """Show the stage, iterations and the best loss."""
        best = min(progress.cost, default=float("inf"))
        self.describe(stage, f"iteration {progress.iterations}, loss {best:.4g}")

    def describe(self, stage: str, text: str = "") -> None:
        """Show what is done, in words."""
        for note in self.notes:
            say("note", note)
        self.notes = []
        self.bar.set_description_str(f"{stage}: {text}" if text else stage)
        if self.piped and stage != self.stage:
            known = stage in self.stages
            share = f"stage {self.stages.index(stage) + 1} of {len(self.stages)}: " if known else ""
            spent = f"{text}{', ' * bool(text)}{time.monotonic() - self.begin:.0f} s"
            now = f" ({spent})" if self.stage else ""
            if self.waiting:
                say("progress", self.waiting)
            self.waiting = f"{share}{stage}{now}"
            if self.checked:
                say("progress", self.waiting)
                self.waiting = ""
        elif self.piped and self.each and text:
            say("progress", f"{stage}: {text}, {time.monotonic() - self.begin:.0f} s")
        self.stage = stage


def new_folder(options: argparse.Namespace, marker: str = MARKER) -> Path:
    """The folder of a fit that is to be made, see `memjax.files.prepare_output`."""
    return prepare_output(options.out, force=options.force, folder=True, marker=marker)


def start_of(options: argparse.Namespace) -> Any:
    """The device or circuit that ``--model`` and ``--preset`` name, with the starts and bounds of the search."""
    start = mj.model(options.model)
    if options.preset is not None:
        model, values, _ = mj.presets.load(options.preset)
        if model != options.model:
            raise DataError(
                f"preset {options.preset!r} is of model {model!r}", where="--preset", allowed=options.model
            )  # fmt: skip
        start = mj.params.replace(start, values, where=options.preset)
    start = mj.params.replace(start, dict(options.start), where="--start")
    return mj.params.with_bounds(start, dict(options.bounds), where="--bounds")


def parameters(options: argparse.Namespace) -> dict[str, Any]:
    """What options say of parameters, as the fits of all kinds take it."""
    return {"free": options.free, "fix": dict(options.fix), "start": dict(options.start)}


def require_circuit(options: argparse.Namespace, device: Any, *, where: str, **needed: str) -> None:
    """Refuse what a circuit under a stimulus cannot be fitted without.

    `where` says what asks for a circuit, `needed` the options that must be given, and what stands behind them.
    """
    if not isinstance(device, mj.Circuit):
        raise ModelError(
            f"the device model {options.model!r}", where=where, allowed="a circuit, see 'memjax models'"
        )  # fmt: skip
    for name, value in needed.items():
        if getattr(options, name) is None:
            raise UsageError(f"no --{name}", where=where, fix=f"say --{name} {value}")


def add_stage(fit: F, stage: Callable[[], F], *, what: str) -> F:
    """What a further stage makes of a fit; where the stage fails, the fit as it is, with the failure in its notes.

    `what` says what the stage was to give. Wrong input and a model without what the stage needs still raise.
    """
    from .stochastic.failures import in_words

    try:
        return stage()
    except DataError:
        raise
    except Exception as error:  # of minutes of work nothing is lost, whatever fails
        if os.environ.get("MEMJAX_DEBUG"):
            traceback.print_exception(error)
        failure = f"no {what}: {in_words(error)}"
        return cast(F, replace(cast(Any, fit), failure=failure, notes=(*fit.notes, failure)))


def run(kind: Kind, options: argparse.Namespace) -> int:
    """Fit what options say, write the folder, and say what was found; the exit status."""
    device, out = start_of(options), new_folder(options)
    fit = cast(Callable[..., Any], kind.fit)(options, device)
    for note in fit.notes:
        if note != fit.failure:
            say("note", note)
    for warning in fit.warnings:
        say("warning", warning)
    for line in fit.summary:
        print(line)
    write_fit(kind, fit, options, out)
    if fit.interrupted:
        raise KeyboardInterrupt(f"the best result so far is in {out}")
    if fit.failure:
        raise FitError(fit.failure, fix=f"the fit before that stage is in {out}")
    return 0


def write_fit(kind: Kind, fit: Any, options: argparse.Namespace, out: Path) -> dict:
    """Write a fit's folder, with intervals as they were asked for, and say what was found; content of its fit.json.

    It is written to first order before a refinement begins, which takes longer.
    """
    from .fit_json import load
    from .inference.refine import in_turn
    from .report import write

    content: dict = {}
    try:
        for own in in_turn(fit, options.uncertainty, seed=options.seed, say=say):
            with writing_folder(out) as place:
                write(kind, own, place, options)
                content = load(place)
    except KeyboardInterrupt:
        if not content:
            raise
        raise KeyboardInterrupt(f"the fit to first order is in {out}") from None
    announce(content, out)
    return content


def announce(content: dict, out: Path) -> None:
    """Say where a fit is, and what of it is not to be relied on."""
    verdict = content.get("verdict")
    if verdict and verdict["word"] == "poor":
        say("warning", f"the model does not describe the data: {verdict['reason']}")
    word = f"{verdict['word']} ({verdict['reason']}), " if verdict else ""
    print(f"{out}: {word}loss {content['loss']:.4g}, report in {out / 'report.html'}")
    for title, key in (
        ("not determined by the data", "undetermined"),
        ("beyond the voltages of the data", "out_of_reach"),
        (MOVED, "moved_inside"),
    ):
        if content.get(key):
            say("note", f"{title}: " + ", ".join(content[key]))
    if content["at_bound"]:
        say("warning", "at a bound: " + ", ".join(content["at_bound"]))
