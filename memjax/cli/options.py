"""Groups of options that commands share."""

import argparse
import re

from .command import number, say, signed_number


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


def add_interleave_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--interleave``."""
    parser.add_argument(
        "--interleave",
        action="store_true",
        help="two files are set and reset sweeps of one device: their sweeps take turns, cycle by cycle (by default "
        "where both number the same cycles and have opposite polarities)",
    )


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
