"""Files of several kinds at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from memjax.errors import DataError, UsageError
from memjax.io.request import file_of
from memjax.runtime.console import say
from memjax.runtime.documents import load_toml, parse_json
from memjax.runtime.lazy import deferred, deferred_functions

from .. import command
from ..config import ELEMENTS, CommonConfig, Request, option, options_of
from ..kinds import JOINT, Kind, of_file, refuse_unused
from ..progress import Session
from ..solve_call import IN_PYTHON, config_of

if TYPE_CHECKING:
    from .fit import JointFit


Part = tuple[Kind, Request]
"""Files of one kind and of the same request, and these."""


_GROUP = "files of one device that are fitted at once"


@dataclass(frozen=True, kw_only=True)
class JointConfig(CommonConfig):
    """What a joint fit is asked for, beside what the fits of its files are: `parts`, with the `request` of all."""

    bench: str | None = option(
        'options by file, as ["dc.csv"] with compliance = 1e-3, or the same as JSON: the others hold for all files. '
        "Files of several kinds are one device and are fitted at once",
        metavar="FILE.toml",
        group=_GROUP,
    )
    order: str | None = option(
        "fit the kinds of files one after the other, the posterior of one being the prior of the next; labels, or "
        "their beginnings (docs/joint-order.md says what it costs)",
        metavar="KIND,KIND",
        group=_GROUP,
    )
    request: Request
    parts: tuple[Part, ...] = ()

    @classmethod
    def of(cls, request: Request) -> "JointConfig":
        common = {n: getattr(request, n) for n in ("files", "model", *options_of(cls))}
        return cls(**common, request=request, parts=tuple(parts_of(request)))

    @classmethod
    def names(cls, request: Request) -> set[str]:
        """See `CommonConfig`: those of all files."""
        parts = parts_of(request)
        names = {*options_of(cls), *(n for kind, part in parts for n in kind.uses(part))}
        # Of several parts `fit` says why it does not take --stochastic.
        left_out = {"batch", "draws", "hold_out", "free_bench"} if len(parts) > 1 else set()
        return {*names, *["stochastic"] * (len(parts) > 1)} - left_out


def run(kind: Kind, request: Request, session: Session) -> int:
    """Fit, of one file with options of its own as if these were all; the exit status."""
    parts = parts_of(request)
    if len(parts) > 1:
        return command.run(kind, request, session)
    ((one, part),) = parts
    explicit = sorted({*request.explicit, *_keys(request, part)} - {"bench"})
    part = part.replace(explicit=explicit)
    refuse_unused(part, one)
    return (one.run or command.run)(one, part, session)


def fit(config: JointConfig, device: Any, session: Session) -> "JointFit":
    """The fit of all files, each of which is fitted alone before."""
    from .fit import JointProblem

    request, parts = config.request, config.parts
    if request.stochastic:
        allowed = "medians; randomness is calibrated to the sweeps, or the delays, alone"
        raise UsageError("--stochastic", where="a joint fit", fix="leave it out", allowed=allowed)
    for kind, part in parts:
        # What one file says is of its kind; what stands around the device does so in all files.
        around = set(ELEMENTS) & set(request.explicit)
        refuse_unused(part, kind, sorted(_keys(request, part) | around))
    order = _ordered(config, [kind.label for kind, _ in parts])
    labels = [", ".join(Path(n).name for n in part.files) for _, part in parts]
    fits = _alone(parts, device, labels)
    with session.stages(checked=False) as stages:
        problem = JointProblem(fits, device, labels=labels, order=order)
        fit = problem.solve(seed=request.seed, progress=stages)
    tables, origins = _tables(request), []
    for kind, part in parts:
        table = {n.replace("-", "_"): x for n, x in tables.get(part.files[0], {}).items()}
        options = kind.entries(part, **table, files=list(part.files))
        origins.append((tuple(map(file_of, part.files)), options))
    return replace(fit, origins=tuple(origins))


def _keys(request: Request, part: Request) -> set[str]:
    """Options that ``--bench`` says of the files of one part."""
    tables = _tables(request)
    return {n.replace("-", "_") for name in part.files for n in tables.get(name, {})}


def _ordered(config: JointConfig, labels: Sequence[str]) -> list[list[int]]:
    """Places of the parts of each kind, in the order that is asked for; none where none is."""
    if config.order is None:
        return []
    every = list(dict.fromkeys(labels))
    matches = [[k for k in every if k.startswith(word.strip())] for word in config.order.split(",")]
    named = [k[0] for k in matches if len(k) == 1]
    if len(named) < len(matches) or sorted(named) != sorted(every):
        raise UsageError(config.order, where="--order", allowed=f"each once: {','.join(every)}")
    return [[place for place, k in enumerate(labels) if k == name] for name in named]


def _alone(parts: Sequence[Part], device: Any, labels: Sequence[str]) -> list[Any]:
    """Fits of the parts; bounds and starts of what is not free in one of them count in the others."""
    from memjax.core.fields import parameter_specs
    from memjax.core.params import with_bounds

    from ..problem import NotFreeError

    fits: list[Any] = []
    lost: list[NotFreeError] = []
    for (kind, part), label in zip(parts, labels, strict=True):
        say("progress", f"{label}: {kind.label}, alone ({len(fits) + 1} of {len(parts)})")
        fit = cast(Any, kind.fit)
        try:
            fits.append(fit(kind.config(part), device, Session()))
        except NotFreeError as error:
            lost.append(error)
            specs = parameter_specs(device)
            wider = {n: specs[n].declared for n in error.names}
            part = part.replace(start=[(n, x) for n, x in part.start if n not in wider])
            fits.append(fit(kind.config(part), with_bounds(device, wider), Session()))
        if fits[-1].interrupted:
            raise KeyboardInterrupt
    if len(lost) == len(fits) and (never := set[str].intersection(*(set(e.names) for e in lost))):
        free = dict.fromkeys(n for f in fits for n in f.free)
        raise NotFreeError([n for n in lost[0].names if n in never], tuple(free))
    return fits


def parts_of(request: Request) -> list[Part]:
    """What is fitted alone."""
    tables = _tables(request)
    groups: dict[tuple[str, str], Part] = {}
    for name in request.files:
        table = tables.get(name, {})
        part = _with(request, table, name)
        kind = of_file(part, name)
        if kind.takes is None:  # options alone say what its files are
            allowed = "kinds that are fitted jointly"
            raise DataError(f"a file of {kind.label}", where=name, allowed=allowed)
        key = kind.label, repr(sorted(table.items()))
        files = [*groups[key][1].files, name] if key in groups else [name]
        groups[key] = kind, part.replace(files=files)
    return list(groups.values())


def _tables(request: Request) -> dict[str, dict[str, Any]]:
    """Options by file, of ``--bench``."""
    if request.bench is None:
        return {}
    if request.bench.lstrip().startswith("{"):
        try:
            tables = parse_json(request.bench)
        except ValueError as error:
            raise DataError(f"cannot be read ({error})", where="--bench", allowed="JSON") from error
    else:
        tables = load_toml(request.bench, DataError, what="cannot be read", allowed="TOML")
    names = {n: n for n in request.files} | {Path(n).name: n for n in request.files}
    for name, table in tables.items():
        if name not in names or not isinstance(table, dict):
            allowed = ", ".join(f'["{n}"]' for n in request.files)
            what = f"{name!r}"
            raise DataError(what, where=request.bench, allowed=f"a table for a file: {allowed}")
    return {names[n]: table for n, table in tables.items()}


def _with(request: Request, table: dict[str, Any], name: str) -> Request:
    """Return the request with what is said of one file, as the command line would take it."""
    if "bounds" in table:
        what = "bounds of one file"
        raise DataError(what, where=f"{request.bench}, {name}", allowed="--bounds, of all files")
    try:
        return request.updated(table).replace(files=[name])
    except UsageError as error:
        allowed = "options of memjax fit"
        raise DataError(str(error), where=f"{request.bench}, {name}", allowed=allowed) from error


def options(problem: Any) -> dict[str, dict[str, Any]]:
    """The options that say what a `JointProblem` says: those of all its fits, and by file what differs."""
    configs = [config_of(f) for f in problem.data]
    shared = {
        n: x for n, x in configs[0].items() if n != "seed" and all(c.get(n) == x for c in configs)
    }
    parts = {n: c for c in configs for n in c.get("files", ())}
    left_out = {*shared, "files", "uncertainty"}
    tables = {f: {n: x for n, x in c.items() if n not in left_out} for f, c in parts.items()}
    said: dict[str, dict[str, Any]] = {"labels": {}, **{n: {n: x} for n, x in shared.items()}}
    if all(c and IN_PYTHON not in c for c in configs) and "bounds" not in {
        *chain(*tables.values())
    }:
        said["data"] = {"files": list(parts), "bench": {f: t for f, t in tables.items() if t}}
    groups = [list(dict.fromkeys(problem.data[k].kind for k in g)) for g in problem.order]
    if all(len(g) == 1 for g in groups):
        said["order"] = {"order": ",".join(g[0] for g in groups)}
    return said


KIND = Kind(
    label=JOINT,
    phrase="a joint fit",
    series="file",
    configs=(JointConfig,),
    fit=fit,
    options=options,
    run=run,
    write=deferred("fitting.joint.report:write"),
    **deferred_functions("fitting.joint.report", "build", "advice"),
)
"""Files of several kinds."""
