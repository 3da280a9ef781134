"""``memjax fit --model auto``: the devices that can describe the sweeps, and the best of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memjax.errors import FitError, MemjaxError, OutputError, UsageError
from memjax.io.request import measurements_from
from memjax.runtime.console import say

from ..batch import options as batch_options
from ..choice import options as choice_options
from ..choice.kind import KIND as CHOICE
from ..command import new_folder
from ..config import Request
from ..constants import AUTOMATIC, COMPARISON
from ..kinds import of_data, refuse_unused
from ..progress import Forecast, Session, Usual
from ..reached import NOTHING
from ..sweeps.kind import KIND as SWEEPS, sweep_options

if TYPE_CHECKING:
    from ..choice.comparison import Comparison
    from ..optimize.levenberg_marquardt import Progress
    from ..result import AbstractFit
    from .shortlist import Shortlist

AUTO = "auto"
"""In place of the name of a model."""

_BATCH = ("batch", "chunk", "wafer_map", "shrink", "scheduler")
"""Options of a batch, which its choice does not know."""

_STARTS, _FITS = "starts", "fits"  # stages of a choice


def claims(request: Request) -> bool:
    """Whether the model is to be chosen."""
    return request.model == AUTO


def run(request: Request, session: Session) -> int:
    """Choose among the models that can describe the sweeps, and fit them; the exit status."""
    kind = of_data(request)
    if kind is not SWEEPS:
        fix = "name the models: --model A,B"
        raise UsageError(f"{kind.label}", where="--model auto", allowed="files of sweeps", fix=fix)
    names = [n for n in request.explicit if not (request.batch and n in _BATCH)]
    refuse_unused(request, CHOICE, names)
    if request.batch:
        return _run_batch(request, session)
    return _choose(request, session, learns=True)


def _choose(request: Request, session: Session, *, learns: bool) -> int:
    """Choose the model of one device, into the folder of a choice; the exit status.

    Functions are learned where `learns` allows and no option names parameters.
    """
    new_folder(request, marker=COMPARISON)
    listed = _shortlist(request, session)
    chooser = _Chooser(listed, learns and not _named(request))
    request = request.replace(model=",".join(listed.models))
    return choice_options.compare(request, session, chooser)


def _named(request: Request) -> list[str]:
    """Parameters that options name."""
    return [
        x if isinstance(x, str) else x[0]
        for n in choice_options.NAMING
        for x in getattr(request, n) or ()
    ]


class _Screening:
    """Starts of models as they are solved: the time that the others take, and the best one after an interrupt."""

    def __init__(self, request: Request, session: Session) -> None:
        self.request, self.session = request, session
        self.forecast: Forecast | None = None
        self.starts: dict[str, Progress] = {}

    def tick(self, name: str, left: int) -> None:
        """Hear of a model whose starts are to be solved."""
        if self.forecast is None:
            self.forecast = Forecast({_STARTS: Usual(left), _FITS: None})
            self.forecast.step(_STARTS)
        else:
            self.forecast.step(_STARTS, 1, left)
        text = f"which models can begin: starts of {name}"
        time = str(self.forecast)
        say("progress", f"{text} ({time})" if time else text)

    def hear(self, name: str, start: "Progress") -> None:
        """Hear of the best start of a model."""
        self.starts[name] = start

    def save(self) -> str:
        """Save the best start of all; what that is, in words."""
        if not self.starts:
            return NOTHING
        name = min(self.starts, key=lambda n: float(self.starts[n].cost[0]))
        request = self.request.replace(model=name)
        said = choice_options.save_start(
            request, self.session, list(self.starts), self.starts[name]
        )
        return f"no model was fitted yet, {name} has the best start: {said}"


def _shortlist(request: Request, session: Session) -> "Shortlist":
    """The models that are fitted, and what is to be said of them."""
    from .shortlist import shortlist

    measurements = measurements_from(request.files, request)
    screening = _Screening(request, session)
    if session.reached is not None:
        session.reached.save = screening.save
    listed = shortlist(
        measurements,
        needed=tuple(dict.fromkeys(_named(request))),
        tick=screening.tick,
        hear=screening.hear,
        free=request.free,
        seed=request.seed,
        **sweep_options(request),
    )
    say("note", f"{listed.features}")
    for note in listed.notes:
        say("warning", note)
    return listed


@dataclass(frozen=True)
class _Chooser:
    """Chooses among the models of a shortlist, and learned functions where `learns` allows and all are poor."""

    shortlist: "Shortlist"
    learns: bool

    def further(self, comparison: "Comparison") -> list[str]:
        """See `fitting.choice.options.Chooser`."""
        from .explanation import LEARNED, calls_for_learned

        if not (self.learns and calls_for_learned(comparison)):
            return []
        say(
            "note", f"every model of physics describes the data poorly: {LEARNED} is fitted as well"
        )
        return [LEARNED]

    def content(
        self, comparison: "Comparison", fits: "Mapping[str, AbstractFit | str]"
    ) -> dict[str, Any]:
        """See `fitting.choice.options.Chooser`."""
        from .explanation import explain, hint_of, winner

        name, key = winner(comparison)
        sentence = explain(self.shortlist, comparison, hint_of(fits))
        chosen = {"explanation": sentence, "chosen": name, "criterion": key}
        return chosen | {"automatic": self.shortlist.to_json()}


def _run_batch(request: Request, session: Session) -> int:
    """Choose the model on the first device that can be read and switches, and fit the batch with it; the exit status.

    The table of a batch has a column for each parameter of one model: a choice by device would have none in common.
    """
    folder = Path(f"{Path(request.out)}-choice")
    name = None if request.force else _chosen(folder)
    if name is None:
        name = _choose_first(request, session, folder)
    else:
        say("note", f"{name} was chosen in {folder}")
    return batch_options.run(request.replace(model=name), session)


def _chosen(folder: Path) -> str | None:
    """The model of an earlier choice in a folder; None where there is none that ended."""
    path = folder / COMPARISON
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return None if content.get("interrupted", True) else content.get("chosen")


def _choose_first(request: Request, session: Session, folder: Path) -> str:
    """Choose on the first file of a batch that allows it."""
    reasons = []
    for file in request.files:
        # What is there is a choice that was interrupted, or is to be replaced.
        force = request.force or (folder / COMPARISON).exists()
        alone = request.replace(files=[file], batch=False, out=str(folder), force=force)
        try:
            # A batch is a population of its parameters: nodes of functions make none.
            _choose(alone, session, learns=False)
        except (OutputError, UsageError):
            raise
        except MemjaxError as error:
            reasons.append(str(error))
            say("warning", f"no choice by {file}: {error.lines[0]}")
            continue
        if (name := _chosen(folder)) is not None:
            say("note", f"{name} is chosen by {file}, for all devices of the batch")
            return name
        raise OutputError("no model was chosen", where=str(folder), fix="name it: --model A")
    what = f"no file of {len(request.files)} allows a choice, the first: {reasons[0]}"
    raise FitError(what, where=AUTOMATIC, fix="name the model: --model A")
