"""Groups of options that commands share, and their conversion to a bench, limits and measurements."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.bundled import EXAMPLE, example_path
from ..datasets.catalogue import PREFIX as DATASET
from .command import UsageError, number, say, signed_number

if TYPE_CHECKING:
    from ..circuit import Bench
    from ..core.system import Environment
    from ..data import Measurement
    from ..data.base import Source

BENCH_ELEMENTS = (
    "series_resistance", "parallel_resistance", "parallel_capacitance", "compliance", "compliance_negative",
    "offset_current", "offset_voltage",
)  # fmt: skip
"""Attributes of a namespace, keys of a fit's bench, and names of `Bench`'s fields."""


def add_bench_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--point-time``, the elements around the device, ``--compliance`` and ``--temperature``."""
    group = parser.add_argument_group("bench options")
    add = group.add_argument
    add(
        "--point-time",
        type=number("s"),
        metavar="S",
        help="how long each point was held, where a file has no time [s]",
    )
    add(
        "--series-resistance",
        type=number("ohm", zero=True),
        metavar="OHM",
        help="between source and device",
    )
    add("--parallel-resistance", type=number("ohm"), metavar="OHM", help="across the device")
    add("--parallel-capacitance", type=number("F"), metavar="F", help="across the device")
    add_compliance_option(group)
    text = "what the instrument adds to the current that it reads"
    add("--offset-current", type=signed_number("A"), metavar="A", help=text)
    text = "what the terminals have beyond the voltage that the instrument says"
    add("--offset-voltage", type=signed_number("V"), metavar="V", help=text)
    add(
        "--reversed",
        action="store_true",
        help="the device stands with its terminals swapped: it sees the opposite polarity",
    )
    add("--temperature", type=number("K"), metavar="K", help="ambient temperature (default 300)")


def add_compliance_option(group: argparse._ActionsContainer) -> None:
    """Add ``--compliance``: one limit, or one for each polarity."""
    group.add_argument(
        "--compliance",
        action=_Compliance,
        metavar="A[,A]",
        help="largest current of a voltage source; two values: at positive and at negative voltage",
    )
    group.set_defaults(compliance_negative=None)


class _Compliance(argparse.Action):
    """``A`` or ``A,A`` as `compliance` and `compliance_negative`."""

    def __call__(self, parser, namespace, values, option_string=None):
        del option_string
        convert, parts = number("A"), str(values).split(",")
        try:
            limits = [
                convert(p.strip().lstrip("+" if k == 0 else "+-")) for k, p in enumerate(parts)
            ]
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(self, str(error)) from None
        if len(limits) > 2:
            allowed = "one value, or two: at positive and at negative voltage"
            raise argparse.ArgumentError(self, f"{values!r}; allowed: {allowed}")
        namespace.compliance = limits[0]
        namespace.compliance_negative = limits[1] if len(limits) > 1 else None


def limits_from(options: argparse.Namespace) -> float | tuple[float, float] | None:
    """Limits of ``--compliance`` [A]: none, one limit, or one for each polarity."""
    limit = getattr(options, "compliance", None)
    negative = getattr(options, "compliance_negative", None)
    return limit if negative is None or limit is None else (limit, negative)


def bench_from(
    options: argparse.Namespace, given: Mapping[str, float | bool | None] | None = None
) -> "tuple[Bench, Environment, float | None]":
    """Bench, environment and point time of the bench options.

    Parameters
    ----------
    options : argparse.Namespace
        Parsed options of `add_bench_options`.
    given : mapping, optional
        Values [SI] that hold where an option is not used (the bench of a fit), by the names of
        `BENCH_ELEMENTS`, ``reversed``, ``temperature`` and ``point_time``.

    Returns
    -------
    bench : Bench
        Elements around the device.
    env : Environment
        Temperature.
    point_time : float or None
        Time for which each point was held [s].
    """
    from ..circuit import Bench
    from ..core.system import Environment

    def pick(name: str) -> float | None:
        value = getattr(options, name)
        if name == "compliance_negative" and options.compliance is not None:
            return value  # one limit that is given holds for both polarities
        value = (given or {}).get(name) if value is None else value
        return None if value is None else float(value)

    kelvin = pick("temperature")
    reverse = options.reversed or bool((given or {}).get("reversed"))
    bench = Bench(**{name: pick(name) for name in BENCH_ELEMENTS}, reversed=reverse)
    return bench, Environment() if kelvin is None else Environment(kelvin), pick("point_time")


def _columns(text: str) -> dict[str, str]:
    """``v=NAME,i=NAME`` as a dictionary; a name may hold commas."""
    pairs = [part.split("=", 1) for part in re.split(r",(?=\w+=)", text)]
    roles = ("v", "i", "t", "r", "sweep", "compliance")
    if any(len(p) != 2 or p[0].strip() not in roles or not p[1].strip() for p in pairs):
        allowed = f"v=NAME,i=NAME,t=NAME,sweep=NAME,compliance=NAME (roles: {', '.join(roles)})"
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: {allowed}")
    return {role.strip(): name.strip() for role, name in pairs}


def _area(text: str) -> float:
    """``100um^2``, or a number in m^2, as an area [m^2]."""
    from ..core.units import parse_factor
    from ..errors import UnitError

    parts = re.fullmatch(r"\s*([-+.\deE]*\d\.?)\s*(\S.*)?", text)
    try:
        factor = parse_factor(parts[2], like="m^2") if parts and parts[2] else 1.0
    except UnitError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    return factor * number("m^2")(parts[1] if parts else text)


def _labels(text: str) -> tuple[int, ...]:
    """``3-20,25`` as labels."""
    from ..data import sweep_labels

    try:
        return sweep_labels(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: labels such as 3-20,25") from None


def add_read_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--reader``, ``--columns``, ``--shunt``, ``--area``, ``--sign``, and which sweeps count."""
    group = parser.add_argument_group("reading options")
    add = group.add_argument
    add("--reader", metavar="R", help="format of the file (default: seen from the file)")
    add(
        "--columns",
        type=_columns,
        metavar="v=NAME,i=NAME,t=NAME",
        help="which column is what, where the file does not say; r for a resistance in place of i; sweep, compliance",
    )
    add(
        "--shunt",
        type=number("ohm"),
        metavar="OHM",
        help="resistance that an oscilloscope's channel lies across",
    )
    add(
        "--area",
        type=_area,
        metavar="AREA",
        help="area of the device where the file holds current densities [m^2], or with its unit: 100um^2",
    )
    add("--sign", type=int, choices=(1, -1), default=1, metavar="-1", help="factor of the current")
    add("--sweeps", type=_labels, metavar="3-20,25", help="labels of the sweeps that count")
    add("--skip-forming", action="store_true", help="leave the first sweep of each file out")
    add("--exclude", metavar="FILE", help="sweeps that do not count: lines LABEL,REASON")


def file_of(name: str) -> Path:
    """Path of a file, of a bundled example where the name is ``example:NAME``, or of a public set: ``dataset:NAME``.

    Raises
    ------
    ReaderError
        If there is no such example or set; it lists those that exist. If the set cannot be had.
    """
    if name.startswith(DATASET):
        from ..datasets import path_of

        stem, _, file = name.removeprefix(DATASET).partition("/")
        return path_of(stem, file or None)
    return example_path(name) if name.startswith(EXAMPLE) else Path(name)


def files_of(names: Sequence[str], *, suffixes: Sequence[str] | None = None) -> list[str]:
    """The files that files, folders, patterns, ``example:NAME`` and ``dataset:NAME`` stand for, in their order.

    Of a folder those with the suffixes are taken, by default all that readers know.
    """
    from ..data import data_files

    choice = {} if suffixes is None else {"suffixes": suffixes}
    by_name = (EXAMPLE, DATASET)
    return [f for n in names for f in ([n] if n.startswith(by_name) else data_files(n, **choice))]


def refuse_choice(options: argparse.Namespace, *, where: str) -> None:
    """Raise for options that choose sweeps, of a file that has none.

    Raises
    ------
    UsageError
        It names the option.
    """
    for name in ("sweeps", "skip_forming", "exclude"):
        if getattr(options, name, None):
            raise UsageError(
                f"--{name.replace('_', '-')} of a file without sweeps", where=where, fix="leave it out"
            )  # fmt: skip


def measurement_from(path: "str | Source", options: argparse.Namespace) -> "Measurement":
    """Read a file, or a bundled example, as the options of `add_read_options` say.

    Parameters
    ----------
    path : str or Source
        File, or ``example:NAME``; or a file that was loaded.
    options : argparse.Namespace
        Parsed options; those that the command has not added stand at their defaults.
    """
    from ..data import choose, read, read_exclusions

    measurement = read(
        file_of(path) if isinstance(path, str) else path,
        reader=getattr(options, "reader", None),
        columns=getattr(options, "columns", None),
        shunt=getattr(options, "shunt", None),
        area=getattr(options, "area", None),
        sign=getattr(options, "sign", 1),
        compliance=limits_from(options),
    )
    exclude = getattr(options, "exclude", None)
    return choose(
        measurement,
        sweeps=getattr(options, "sweeps", None),
        skip_forming=getattr(options, "skip_forming", False),
        exclude=None if exclude is None else read_exclusions(exclude),
    )


def add_interleave_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--interleave``."""
    parser.add_argument(
        "--interleave",
        action="store_true",
        help="two files are set and reset sweeps of one device: their sweeps take turns, cycle by cycle (by default "
        "where both number the same cycles and have opposite polarities)",
    )


def measurements_from(names: Sequence[str], options: argparse.Namespace) -> "list[Measurement]":
    """Read files as `measurement_from` does, and join those that are two halves of the same cycles.

    Parameters
    ----------
    names : sequence of str
        Files, or ``example:NAME``.
    options : argparse.Namespace
        Parsed options; with `interleave` the two files are joined whatever they say of themselves.

    Returns
    -------
    list of Measurement
        In the order of the files.

    Raises
    ------
    UsageError
        For ``--interleave`` of one file or of three.
    """
    from ..data import interleave, interleave_matching

    if not getattr(options, "interleave", False):
        return interleave_matching([measurement_from(n, options) for n in names])
    if len(names) != 2:
        raise UsageError(
            f"{len(names)} files", where="--interleave", allowed="two files of one device",
            fix="name the files of set and reset sweeps",
        )  # fmt: skip
    return [interleave(*(measurement_from(n, options) for n in names))]


def add_write_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--force``."""
    parser.add_argument("--force", action="store_true", help="overwrite what exists")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object, and nothing else, on standard output",
    )


def pictures_wanted(options: argparse.Namespace) -> bool:
    """Whether pictures are wanted and can be made."""
    from importlib.util import find_spec

    if not options.no_pictures and find_spec("matplotlib") is None:
        say("note", "no pictures without matplotlib: pip install 'memjax[plot]'")
        return False
    return not options.no_pictures


def bench_names(bench: "Bench") -> dict[str, str]:
    """Elements of a bench as words for a file."""
    return {n: str(getattr(bench, n)) for n in BENCH_ELEMENTS}
