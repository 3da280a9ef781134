"""What the commands of all kinds of data do alike: begin at a model, show progress, fit, write, say what came out."""

import os
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import memjax as mj
from memjax.errors import DataError, FitError, ModelError, UsageError
from memjax.runtime.console import say
from memjax.runtime.files import prepare_output
from memjax.runtime.model_names import physics_of

from .config import Request
from .constants import MARKER
from .kinds import Kind, origin_of
from .page.fit_blocks import MOVED
from .progress import Session

if TYPE_CHECKING:
    from .result import AbstractFit

F = TypeVar("F", bound="AbstractFit")


def new_folder(request: Request, marker: str = MARKER) -> Path:
    """The folder of a fit that is to be made, see `memjax.runtime.files.prepare_output`."""
    return prepare_output(request.out, force=request.force, folder=True, marker=marker)


def start_of(config: Any) -> Any:
    """The device or circuit that is named, with the values and bounds that are given; starts are the problem's."""
    start = mj.model(config.model)
    if config.preset is not None:
        model, values, _ = mj.presets.load(config.preset)
        if model != (physics_of(config.model) or config.model):
            what = f"preset {config.preset!r} is of model {model!r}"
            raise DataError(what, where="--preset", allowed=config.model)
        start = mj.params.replace(start, values, where=config.preset)
    start = mj.params.replace(start, dict(config.model_values), where="--model-values")
    # The problem begins there, and knows where it would begin without; here the values are checked.
    mj.params.replace(start, dict(config.start), where="--start")
    return mj.params.with_bounds(start, dict(config.bounds), where="--bounds")


def parameters(config: Any) -> dict[str, Any]:
    """What is asked of parameters, as the fits of all kinds take it."""
    return {"free": config.free, "fix": dict(config.fix), "start": dict(config.start)}


def require_circuit(config: Any, device: Any, *, where: str, **needed: str) -> None:
    """Refuse what a circuit under a stimulus cannot be fitted without.

    `where` says what asks for a circuit, `needed` the options that must be given, and what stands behind them.
    """
    if not isinstance(device, mj.Circuit):
        what = f"the device model {config.model!r}"
        raise ModelError(what, where=where, allowed="a circuit, see 'memjax models'")
    for name, value in needed.items():
        if getattr(config, name) is None:
            raise UsageError(f"no --{name}", where=where, fix=f"say --{name} {value}")


def calibrated(fit: F, stage: Callable[[], F]) -> F:
    """A fit with its randomness, as a stage makes it; where the stage fails, the fit as it is, with a note of that.

    Wrong input and a model without what the stage needs still raise.
    """
    from .stochastic.failures import in_words

    try:
        return stage()
    except DataError:
        raise
    except Exception as error:  # of minutes of work nothing is lost, whatever fails
        if os.environ.get("MEMJAX_DEBUG"):
            traceback.print_exception(error)
        failure = f"no randomness was calibrated: {in_words(error)}"
        return cast(F, replace(cast(Any, fit), failure=failure, notes=(*fit.notes, failure)))


def run(kind: Kind, request: Request, session: Session) -> int:
    """Fit what was asked for, write the folder, and say what was found; the exit status."""
    device, out = start_of(request), new_folder(request)
    fit = cast(Callable[..., Any], kind.fit)(kind.config(request), device, session)
    for note in fit.notes:
        if note != fit.failure:
            say("note", note)
    for warning in fit.warnings:
        say("warning", warning)
    for line in fit.summary:
        print(line)
    write_fit(fit, request, out, session)
    if fit.interrupted:
        raise KeyboardInterrupt(_in_words(fit, out))
    if fit.failure:
        raise FitError(fit.failure, fix=f"the fit before that stage is in {out}")
    return 0


def write_fit(fit: Any, request: Request, out: Path, session: Session) -> dict:
    """Write a fit's folder, with intervals as they were asked for, and say what was found; content of its fit.json.

    It is written before its pictures are drawn, and to first order before a refinement begins, which take longer: an
    interrupt leaves what is written.
    """
    from .folder import write_folder
    from .inference.refine import in_turn

    content: dict = {}
    reached, origin = session.reached, origin_of(request)

    def put(result: Any, *, drawn: bool) -> None:
        nonlocal content
        content = write_folder(result, out, origin, drawn=drawn)
        if reached is not None:
            reached.saved = _in_words(fit, out, drawn=drawn)

    try:
        for result in in_turn(fit, request.uncertainty, seed=request.seed, say=say):
            for drawn in (False, True):
                put(result, drawn=drawn)
    except KeyboardInterrupt:
        if reached is None or not reached.saved:
            raise
        raise KeyboardInterrupt(reached.saved) from None
    announce(content, out)
    return content


def _in_words(fit: Any, out: Path, *, drawn: bool = True) -> str:
    """What a folder holds."""
    word = "best result so far" if fit.interrupted else "fit to first order"
    return f"the {word} is in {out}" + ", without pictures and simulated data" * (not drawn)


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
