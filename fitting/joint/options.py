"""The part of ``memjax fit`` that takes files of several kinds of one device."""

import argparse
import tomllib
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, cast

from memjax.cli.command import UsageError, say
from memjax.errors import DataError
from memjax.fields import parameter_specs
from memjax.params import with_bounds

from ..command import Stages, new_folder, write_fit
from ..kinds import Kind, of_file, provenance, refuse_unused
from ..problem import NotFreeError
from .content import write
from .fit import fit_jointly


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of joint fits to those of ``memjax fit``."""
    add = parser.add_argument_group("files of one device that are fitted at once").add_argument
    add(
        "--bench",
        metavar="FILE.toml",
        help='options by file, as ["dc.csv"] with compliance = 1e-3: the others hold for all files. Files of several '
        "kinds are one device and are fitted at once",
    )
    add(
        "--order",
        metavar="KIND,KIND",
        help="fit the kinds of files one after the other, the posterior of one being the prior of the next; labels, or "
        "their beginnings (docs/joint.md says what it costs)",
    )


def run(options: argparse.Namespace, device: Any) -> int:
    """Fit; the exit status."""
    parts = _parts(options)
    if len(parts) == 1:  # one file, with options of its own
        ((kind, own),) = parts
        own.given = [n for n in own.given if n != "bench"]
        return kind.run(own, device)
    if options.stochastic:
        raise UsageError(
            "--stochastic", where="a joint fit", fix="leave it out",
            allowed="medians; randomness is calibrated to the sweeps, or the delays, alone",
        )  # fmt: skip
    groups = _ordered(options, [kind.label for kind, _ in parts])
    used = {"bench", "order", *(n for kind, _ in parts for n in kind.used)}
    refuse_unused(
        options,
        used - {"batch", "draws", "hold_out"},
        what=" and ".join(kind.label for kind, _ in parts),
    )
    out = new_folder(options)
    labels = [", ".join(Path(n).name for n in own.files) for _, own in parts]
    fits = _alone(parts, device, labels)
    secants = [
        kind.label
        for (kind, _), f in zip(parts, fits, strict=True)
        if f.problem.differentiable is None
    ]
    if secants and options.uncertainty == "nuts":
        raise UsageError(
            "--uncertainty nuts", where=f"a joint fit with {', '.join(secants)}", fix="leave it out",
            allowed="laplace, profile: its derivatives are secants",
        )  # fmt: skip
    with Stages(checked=False) as stages:
        found = fit_jointly(
            fits, device, labels=labels, order=groups, seed=options.seed, tick=stages
        )
    writers = [partial(cast(Callable[..., Any], kind.write), options=own) for kind, own in parts]
    about = {"kinds": [kind.label for kind, _ in parts], "writers": writers}
    for text in found.warnings:
        say("warning", text)
    write_fit(write, found, options, out, **about, **provenance(options))
    return 0


def _ordered(options: argparse.Namespace, labels: Sequence[str]) -> list[list[int]]:
    """Places of the parts of each kind, in the order that is asked for; none where none is."""
    if options.order is None:
        return []
    every = list(dict.fromkeys(labels))
    asked = [[k for k in every if k.startswith(word.strip())] for word in options.order.split(",")]
    named = [k[0] for k in asked if len(k) == 1]
    if len(named) < len(asked) or sorted(named) != sorted(every):
        raise UsageError(options.order, where="--order", allowed=f"each once: {','.join(every)}")
    return [[place for place, k in enumerate(labels) if k == name] for name in named]


def _alone(
    parts: Sequence[tuple[Kind, argparse.Namespace]], device: Any, labels: Sequence[str]
) -> list[Any]:
    """Fits of the parts; bounds and starts of what is not free in one of them count in the others."""
    fits: list[Any] = []
    lost: list[NotFreeError] = []
    for (kind, own), label in zip(parts, labels, strict=True):
        say("progress", f"{label}: {kind.label}, alone")
        fit = cast(Callable[..., Any], kind.fit)  # see _parts
        try:
            fits.append(fit(own, device))
        except NotFreeError as error:
            lost.append(error)
            specs = parameter_specs(device)
            wider = {n: specs[n].declared for n in error.names}
            own.start = [(n, x) for n, x in own.start if n not in wider]
            fits.append(fit(own, with_bounds(device, wider)))
    if len(lost) == len(fits) and (never := set[str].intersection(*(set(e.names) for e in lost))):
        free = dict.fromkeys(n for f in fits for n in f.free)
        raise NotFreeError([n for n in lost[0].names if n in never], tuple(free))
    return fits


def _parts(options: argparse.Namespace) -> list[tuple[Kind, argparse.Namespace]]:
    """What is fitted alone: files of one kind and of the same options, and these."""
    tables = _tables(options)
    groups: dict[tuple[str, str], tuple[Kind, argparse.Namespace]] = {}
    for name in options.files:
        table = tables.get(name, {})
        own = _with(options, table, name)
        kind = of_file(own, name)
        if kind.fit is None or kind.write is None:
            raise DataError(
                f"a file of {kind.label}", where=name, allowed="kinds that are fitted jointly"
            )
        _, group = groups.setdefault((kind.label, repr(sorted(table.items()))), (kind, own))
        group.files = [*group.files, name] if group is not own else [name]
    return list(groups.values())


def _tables(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Options by file, of ``--bench``."""
    if options.bench is None:
        return {}
    try:
        found = tomllib.loads(Path(options.bench).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", where=options.bench, allowed="TOML") from error
    names = {n: n for n in options.files} | {Path(n).name: n for n in options.files}
    for name, table in found.items():
        if name not in names or not isinstance(table, dict):
            allowed = ", ".join(f'["{n}"]' for n in options.files)
            raise DataError(
                f"{name!r}", where=options.bench, allowed=f"a table for a file: {allowed}"
            )
    return {names[n]: table for n, table in found.items()}


def _with(options: argparse.Namespace, table: dict[str, Any], name: str) -> argparse.Namespace:
    """The options with those of a file in their place, as the command line would take them."""
    words = []
    if "bounds" in table:
        raise DataError(
            "bounds of one file", where=f"{options.bench}, {name}", allowed="--bounds, of all files"
        )
    for key, value in table.items():
        option = "--" + key.replace("_", "-")
        values = value if isinstance(value, list) else [value]
        words += [option] if value is True else [option, *map(str, values)]
    plain = ["FILE", "--model", options.model, "--out", options.out]
    try:
        found = options.parser.parse_args([*plain, *words], namespace=copy(options))
    except UsageError as error:
        raise DataError(
            str(error), where=f"{options.bench}, {name}", allowed="options of memjax fit"
        ) from error
    found.files = [name]
    return found
