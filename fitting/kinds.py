"""Kinds of data that fits are made of, found as entry points: a package of one's own can add one."""

import functools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple, cast

from memjax.core.constants import ROOM_TEMPERATURE
from memjax.data.bundled import FOLDER as EXAMPLES
from memjax.errors import DataError, UsageError
from memjax.io.request import file_of

from .config import CommonConfig, Option, Request
from .page.blocks import Section
from .progress import Session

GROUP = "memjax.fits"
"""Entry points that name a `Kind` each."""

JOINT = "joint fit"
"""Label of what takes files of several kinds, or with options of their own, as one device."""

FILES = ("files", "model", "out", "force", "open")
"""What each request has beside the options of its configuration."""


def _never(*_: Any) -> bool:
    """False, whatever it is about."""
    return False


class HoldOut(NamedTuple):
    """What a fit of half of the data leaves out.

    Parameters
    ----------
    data : callable
        ``data(config)`` as `AbstractFit.residuals` takes it; a `DataError` where nothing can be held out.
    words : str
        What that is.
    """

    data: Callable[[Any], Any]
    words: str


class Curve(NamedTuple):
    """Columns of ``measured.csv``, and of the simulated table, that are drawn one over the other.

    Parameters
    ----------
    x, y : str
        Their names.
    simulated : callable, optional
        ``simulated(content) -> table`` of these columns, out of ``fit.json``, where ``simulated.csv`` is one of noise.
    """

    x: str
    y: str
    simulated: Callable[[dict], Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of data: which files and options it takes, and what differs in its fits, their folders and pages.

    Parameters
    ----------
    label : str
        What ``fit.json`` calls it.
    configs : tuple of type
        Its configurations, `fitting.config.CommonConfig` or classes that derive from it: their fields are the options
        that mean something to it. Of several `choose` says which.
    takes : callable, optional
        ``takes(request, file) -> float``: how surely a file is of this kind, from 0 or False to 1 or True, where no
        option says what files are. Fits of such kinds take part in joint fits and in choices among models.
    claims : callable
        ``claims(request) -> bool``: whether an option says that all files are of this kind.
    choose : callable, optional
        ``choose(request) -> type``: which of the configurations is meant.
    refused : mapping of str to str
        Why it refuses an option, by name, in place of that it would be ignored; ``"uncertainty nuts"`` is one value.
    fit : callable, optional
        ``fit(config, device, session) -> AbstractFit`` of the files of ``config.files``, which are one device's. See
        `fitting.progress.Session`.
    content : callable, optional
        ``content(fit) -> dict``: what its ``fit.json`` holds beside what every `AbstractFit` says, or in its
        place; of what is no `AbstractFit`, all of it.
    tables : callable, optional
        ``tables(fit) -> dict`` of data frames: ``measured``, ``simulated`` and others, by name of the file.
    pictures : callable, optional
        ``pictures(content, measured, simulated, folder) -> figures`` of both tables, by the names of their files.
    sections : callable, optional
        ``sections(content) -> list`` of `fitting.page.blocks.Section`: what its page says beside the parameters.
    advice : callable, optional
        ``advice(content) -> sentences``: what further measurements would show of what is not determined.
    write, build : callable, optional
        ``write(fit, folder, origin, drawn=True)`` and ``build(content, folder, **options) -> names`` fill a folder and
        make its page in place of the four before `advice`.
    run : callable, optional
        ``run(kind, request, session) -> int`` does all that ``memjax fit`` does in place of `fitting.command.run`.
    row : callable, optional
        ``row(content) -> dict``: columns of a row of a batch, beside values and loss.
    options : callable, optional
        ``options(problem) -> dict``: the options that say what a problem says, by the names of its fields, see
        `fitting.solve_call.config_of`.
    read : callable, optional
        ``read(config) -> data`` of its problem; a kind without it names the files in `options`.
    hold_out : HoldOut, optional
        What `fit` leaves out where ``session.half`` is true. A kind that has it scores models by what they predict.
    curve : Curve, optional
        What a picture of several models shows.
    phrase : str
        What it is called in a sentence; by default a fit of its label.
    series : str
        What its data are one or several of, in the singular.
    file : str
        Name of the file that holds the content of its folders.
    report_options : mapping of str to Option
        Options of ``memjax report`` that its `build` takes.
    """

    label: str
    configs: tuple[type[CommonConfig], ...] = (CommonConfig,)
    takes: Callable[[Request, str], float] | None = None
    claims: Callable[[Request], bool] = _never
    choose: Callable[[Request], type[CommonConfig]] | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    fit: Callable[[Any, Any, Session], Any] | None = None
    content: Callable[[Any], dict] | None = None
    tables: Callable[[Any], Mapping[str, Any]] | None = None
    pictures: Callable[..., Mapping[str, Any]] | None = None
    sections: Callable[[dict], list[Section]] | None = None
    advice: Callable[[dict], list[str]] | None = None
    write: Callable[..., Any] | None = None
    build: Callable[..., list[str]] | None = None
    run: "Callable[[Kind, Request, Session], int] | None" = None
    row: Callable[[dict], dict[str, Any]] | None = None
    options: Callable[[Any], dict[str, dict[str, Any]]] | None = None
    read: Callable[[Any], Any] | None = None
    hold_out: HoldOut | None = None
    curve: Curve | None = None
    phrase: str = ""
    series: str = "record"
    file: str = "fit.json"
    report_options: Mapping[str, Option] = field(default_factory=dict)

    def config(self, request: Request) -> Any:
        """Return what `fit` takes: of a request what means something to this kind."""
        return self._chosen(request).of(request)

    def uses(self, request: Request) -> set[str]:
        """Names of all options that mean something to it."""
        return {*FILES, *self._chosen(request).names(request)}

    def entries(self, request: Request, **changes: Any) -> dict[str, Any]:
        """Return what was asked of one of several fits of a request, as ``--config`` takes it.

        Of what was asked of all of them and of `changes` it holds what means something to this kind.
        """
        used = self.uses(request)
        return {n: x for n, x in {**request.entries, **changes}.items() if n in used}

    def _chosen(self, request: Request) -> type[CommonConfig]:
        return self.configs[0] if self.choose is None else self.choose(request)


@functools.cache
def kinds() -> dict[str, Kind]:
    """All kinds that are installed, by label."""
    every = [point.load() for point in entry_points(group=GROUP)]
    return {kind.label: kind for kind in every}


def kind_of(content: dict, *, where: Path) -> Kind:
    """The kind of a fit, by the content of its ``fit.json``; of sweeps where it does not say.

    Raises
    ------
    DataError
        For a kind that is not installed.
    """
    label = content.get("kind", "sweeps")
    if label not in kinds():
        raise DataError(f"kind {label!r}", where=str(where), allowed=", ".join(kinds()))
    return kinds()[label]


def of_data(request: Request) -> Kind:
    """The kind of the files of ``memjax fit``: what options say, or what they hold; `JOINT` of several.

    In a batch the other files are devices of their own, each with its own reading.

    Raises
    ------
    UsageError
        Where options ask for two kinds at once.
    """
    named = [kind for kind in kinds().values() if kind.claims(request)]
    if len(named) > 1:
        both = " and ".join(kind.label for kind in named)
        raise UsageError(f"options of {both} at once", where="memjax fit", fix="choose one")
    if named:
        return named[0]
    if not request.files:
        raise UsageError("no FILE", where="memjax fit", fix="name a measured file, or say --target")
    files = request.files[: 1 if request.batch else None]
    labels = {of_file(request, name).label for name in files}
    if len(labels) > 1 or request.bench is not None:
        return kinds()[JOINT]
    return kinds()[labels.pop()]


def of_file(request: Request, name: str) -> Kind:
    """The kind of a file, by what it holds.

    Raises
    ------
    DataError
        For a file of no kind, or of more than one.
    """
    every = [kind for kind in kinds().values() if kind.takes is not None]
    sure = [float(cast(Any, kind.takes)(request, name)) for kind in every]
    most = max(sure, default=0.0)
    takers = [kind for kind, x in zip(every, sure, strict=True) if x == most > 0]
    if len(takers) != 1:
        labels = [kind.label for kind in takers or kinds().values()]
        what = f"a file of {' and '.join(labels)} at once" if takers else "a file of no known kind"
        raise DataError(what, where=name, allowed=", ".join(labels), fix="one kind in a file")
    return takers[0]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a fit comes from, as its folder says it.

    Parameters
    ----------
    files : tuple of Path
        The measured files.
    command : str
        The command line, or what stands for it.
    temperature : float
        Of the device [K].
    truth : mapping of str to float, optional
        True parameters [SI] of synthetic data.
    config : mapping of str to Any
        What was asked for, as ``--config`` takes it.
    """

    files: tuple[Path, ...] = ()
    command: str = ""
    temperature: float = ROOM_TEMPERATURE
    truth: Mapping[str, float] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


def origin_of(request: Request) -> Origin:
    """Return where a fit that was asked for comes from."""
    kelvin, files = request.temperature, tuple(file_of(n) for n in request.files)
    return Origin(
        files=files,
        command=request.command,
        temperature=ROOM_TEMPERATURE if kelvin is None else kelvin,
        truth=true_parameters(files),
        config=request.entries,
    )


def paths_in(data: Any) -> list[str | Path]:
    """The files that stand in the place of data, one or several; none where data do."""
    names = [data] if isinstance(data, str | Path) else list(data)
    return names if all(isinstance(n, str | Path) for n in names) else []


def true_parameters(files: Sequence[Path]) -> dict[str, float] | None:
    """Return the true parameters of a bundled example [SI]; None of any other files."""
    if len(files) != 1 or files[0].parent != EXAMPLES:
        return None
    path = files[0].with_suffix(".truth.json")
    return json.loads(path.read_text(encoding="utf-8"))["parameters"] if path.exists() else None


def flag(name: str) -> str:
    """The option of the command line that has this name in the parsed request."""
    return "--" + name.replace("_", "-")


def refuse_unused(request: Request, kind: Kind, names: Collection[str] | None = None) -> None:
    """Refuse options that were given and would be ignored, or that the kind refuses with a reason.

    Parameters
    ----------
    request : Request
        `explicit` names what was asked for.
    kind : Kind
        What is fitted.
    names : collection of str, optional
        Names of options in the place of all that were asked for.

    Raises
    ------
    UsageError
        It names them.
    """
    chosen: Collection[str] = request.explicit if names is None else names
    where = kind.phrase or f"a fit of {kind.label}"
    uncertainty = f"uncertainty {request.uncertainty}"
    for name in (*chosen, uncertainty):
        if name in kind.refused:
            raise UsageError(f"{flag(name)}: {kind.refused[name]}", where=where, fix="leave it out")
    used = kind.uses(request)
    if left := [n for n in chosen if n not in used]:
        idle = "draws" in left and "stochastic" in used  # nothing is simulated repeatedly
        fix = "add --stochastic, or leave it out" if idle else "leave it out"
        raise UsageError(f"{', '.join(map(flag, left))} would be ignored", where=where, fix=fix)
