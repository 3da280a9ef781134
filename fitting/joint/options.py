"""The part of ``memjax fit`` that takes files of several kinds of one device."""

import argparse
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from memjax.errors import DataError, UsageError
from memjax.runtime.console import say
from memjax.runtime.documents import load_toml

from .. import command
from ..command import stages_of
from ..kinds import ELEMENTS, Kind, flag, of_file, refuse_unused

if TYPE_CHECKING:
    from .fit import JointFit

Part = tuple[Kind, argparse.Namespace]
"""Files of one kind and of the same options, and these."""


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


def used(options: argparse.Namespace) -> set[str]:
    """Options that mean something here: those of all files."""
    parts = parts_of(options)
    names = {"bench", "order", *(n for kind, own in parts for n in kind.uses(own))}
    # Of several parts `fit` says why it does not take --stochastic.
    return (
        names
        if len(parts) == 1
        else {*names, "stochastic"} - {"batch", "draws", "hold_out", "free_bench"}
    )


def run(kind: Kind, options: argparse.Namespace) -> int:
    """Fit, of one file with options of its own as if these were all; the exit status."""
    parts = parts_of(options)
    if len(parts) > 1:
        return command.run(kind, options)
    ((one, own),) = parts
    own.explicit = sorted({*options.explicit, *_keys(options, own)} - {"bench"})
    refuse_unused(own, one)
    return (one.run or command.run)(one, own)


def fit(options: argparse.Namespace, device: Any) -> "JointFit":
    """The fit of all files, each of which is fitted alone before."""
    from .fit import fit_jointly

    parts = parts_of(options)
    if options.stochastic:
        raise UsageError(
            "--stochastic", where="a joint fit", fix="leave it out",
            allowed="medians; randomness is calibrated to the sweeps, or the delays, alone",
        )  # fmt: skip
    for kind, own in parts:
        # What one file says is of its kind; what stands around the device does so in all files.
        around = set(ELEMENTS) & set(options.explicit)
        refuse_unused(own, kind, sorted(_keys(options, own) | around))
    order = _ordered(options, [kind.label for kind, _ in parts])
    labels = [", ".join(Path(n).name for n in own.files) for _, own in parts]
    fits = _alone(parts, device, labels)
    with stages_of(options, checked=False) as stages:
        about: dict[str, Any] = dict(labels=labels, order=order, seed=options.seed, tick=stages)
        return fit_jointly(fits, device, **about)


def _keys(options: argparse.Namespace, own: argparse.Namespace) -> set[str]:
    """Options that ``--bench`` says of the files of one part."""
    tables = _tables(options)
    return {n.replace("-", "_") for name in own.files for n in tables.get(name, {})}


def _ordered(options: argparse.Namespace, labels: Sequence[str]) -> list[list[int]]:
    """Places of the parts of each kind, in the order that is asked for; none where none is."""
    if options.order is None:
        return []
    every = list(dict.fromkeys(labels))
    matches = [
        [k for k in every if k.startswith(word.strip())] for word in options.order.split(",")
    ]
    named = [k[0] for k in matches if len(k) == 1]
    if len(named) < len(matches) or sorted(named) != sorted(every):
        raise UsageError(options.order, where="--order", allowed=f"each once: {','.join(every)}")
    return [[place for place, k in enumerate(labels) if k == name] for name in named]


def _alone(parts: Sequence[Part], device: Any, labels: Sequence[str]) -> list[Any]:
    """Fits of the parts; bounds and starts of what is not free in one of them count in the others."""
    from memjax.core.fields import parameter_specs
    from memjax.core.params import with_bounds

    from ..problem import NotFreeError

    fits: list[Any] = []
    lost: list[NotFreeError] = []
    for (kind, own), label in zip(parts, labels, strict=True):
        say("progress", f"{label}: {kind.label}, alone ({len(fits) + 1} of {len(parts)})")
        own.reached, fit = None, cast(Any, kind.fit)  # see `parts_of`
        try:
            fits.append(fit(own, device))
        except NotFreeError as error:
            lost.append(error)
            specs = parameter_specs(device)
            wider = {n: specs[n].declared for n in error.names}
            own.start = [(n, x) for n, x in own.start if n not in wider]
            fits.append(fit(own, with_bounds(device, wider)))
        if fits[-1].interrupted:
            raise KeyboardInterrupt
    if len(lost) == len(fits) and (never := set[str].intersection(*(set(e.names) for e in lost))):
        free = dict.fromkeys(n for f in fits for n in f.free)
        raise NotFreeError([n for n in lost[0].names if n in never], tuple(free))
    return fits


def parts_of(options: argparse.Namespace) -> list[Part]:
    """What is fitted alone."""
    tables = _tables(options)
    groups: dict[tuple[str, str], Part] = {}
    for name in options.files:
        table = tables.get(name, {})
        own = _with(options, table, name)
        kind = of_file(own, name)
        if not (kind.fit and kind.joined):
            allowed = "kinds that are fitted jointly"
            raise DataError(f"a file of {kind.label}", where=name, allowed=allowed)
        _, group = groups.setdefault((kind.label, repr(sorted(table.items()))), (kind, own))
        group.files = [*group.files, name] if group is not own else [name]
    return list(groups.values())


def _tables(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Options by file, of ``--bench``."""
    if options.bench is None:
        return {}
    tables = load_toml(options.bench, DataError, what="cannot be read", allowed="TOML")
    names = {n: n for n in options.files} | {Path(n).name: n for n in options.files}
    for name, table in tables.items():
        if name not in names or not isinstance(table, dict):
            allowed = ", ".join(f'["{n}"]' for n in options.files)
            raise DataError(
                f"{name!r}", where=options.bench, allowed=f"a table for a file: {allowed}"
            )
    return {names[n]: table for n, table in tables.items()}


def _with(options: argparse.Namespace, table: dict[str, Any], name: str) -> argparse.Namespace:
    """The options with those of a file in their place, as the command line would take them."""
    words = []
    if "bounds" in table:
        raise DataError(
            "bounds of one file", where=f"{options.bench}, {name}", allowed="--bounds, of all files"
        )
    for key, value in table.items():
        values = value if isinstance(value, list) else [value]
        words += [flag(key)] if value is True else [flag(key), *map(str, values)]
    plain = ["FILE", "--model", options.model, "--out", options.out]
    try:
        own = options.parser.parse_args([*plain, *words], namespace=copy(options))
    except UsageError as error:
        raise DataError(
            str(error), where=f"{options.bench}, {name}", allowed="options of memjax fit"
        ) from error
    own.files = [name]
    return own
