"""What ``memjax observe`` says of many cycles: trends, a picture, a table."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OutputError
from .command import table

if TYPE_CHECKING:
    from ..data import EnduranceRecord
    from ..observables import Series, Trend

_NAMES = {"v_th": "V_th", "v_hold": "V_hold", "r_on": "R_on", "r_off": "R_off", "hrs": "HRS", "lrs": "LRS"}  # fmt: skip
_SIDES = {1: "positive", -1: "negative", 0: "-"}
_MOST = 12
"""Lines of trends that are printed."""


def add_trend_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--plot`` and ``--out``."""
    parser.add_argument("--plot", metavar="FILE.png", help="draw the quantities against the cycle")
    parser.add_argument(
        "--out",
        metavar="FILE.csv",
        help="write them, a row for each cycle of each polarity or device",
    )


def prepare_outputs(options: argparse.Namespace) -> "tuple[Path | None, Path | None]":
    """Paths of ``--out`` and ``--plot``, if they may be written.

    Raises
    ------
    OutputError
        If one exists and is not to be overwritten, or has another suffix.
    MemjaxError
        If a picture is wanted and matplotlib is not installed.
    """
    from ..io import prepare_output
    from ..plot import style

    if options.plot is not None:
        with style():  # says what is missing
            pass
    paths: list[Path | None] = []
    for option, suffixes in (("out", (".csv",)), ("plot", (".png", ".svg", ".pdf"))):
        name = getattr(options, option)
        if name is not None and Path(name).suffix.lower() not in suffixes:
            raise OutputError(
                f"suffix {Path(name).suffix!r}", where=f"--{option} {name}", allowed=", ".join(suffixes)
            )  # fmt: skip
        paths.append(None if name is None else prepare_output(name, force=options.force))
    return paths[0], paths[1]


def series_of_endurance(records: "Sequence[EnduranceRecord]") -> "list[Series]":
    """High and low state of each device over the cycles, counted from 1 on."""
    from ..data.endurance_record import UNITS
    from ..observables import Series

    return [
        Series(
            quantity=state, unit=UNITS[r.quantity], device=r.device,
            cycle=r.cycles - min(float(r.cycles[0]), 1.0) + 1, values=getattr(r, state),
        )
        for r in records for state in ("hrs", "lrs")
    ]  # fmt: skip


def print_trends(trends: "Sequence[Trend]") -> None:
    """Trends as a table for people; of many devices how many differ."""
    shown = [t for t in trends if t.n]
    if not any(t.per_decade is not None for t in shown):
        print("no trends: fewer than 10 cycles")
        return
    head = [
        "TREND", "POLARITY", "DEVICE", "CYCLES", "FIRST TENTH", "LAST TENTH", "PER DECADE", "Z", "PER CYCLE", "Z",
    ]  # fmt: skip
    rows = [
        [
            f"{_NAMES[t.quantity]}/{t.unit}", _SIDES[t.polarity], t.device or "-", str(t.n), _number(t.first),
            _number(t.last), _slope(t.per_decade, t.per_decade_error), _z(t.z_per_decade),
            _slope(t.per_cycle, t.per_cycle_error), _z(t.z_per_cycle),
        ]
        for t in shown
    ]  # fmt: skip
    print(table(rows[:_MOST], head=head))
    if len(rows) > _MOST:
        print(f"... and {len(rows) - _MOST} more: --out and --json have all")
    for quantity in dict.fromkeys(t.quantity for t in shown):
        comparable = [t for t in shown if t.quantity == quantity and t.differs is not None]
        if len(comparable) > 2:
            count = sum(bool(t.differs) for t in comparable)
            print(
                f"{_NAMES[quantity]}: {count} of {len(comparable)} differ from no trend (z > 3.3)"
            )
    decades = "decades of the quantity" if any(t.unit != "V" for t in shown) else ""
    both = " and ".join(filter(None, ("V" if any(t.unit == "V" for t in shown) else "", decades)))
    print(f"slopes in {both}, per decade of cycles and per cycle; z above 3.3 differs from none")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _slope(value: float | None, error: float | None) -> str:
    return "-" if value is None or error is None else f"{value:+.3g} ± {error:.2g}"


def _z(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def write_series(series: "Sequence[Series]", path: Path) -> None:
    """Write quantities as CSV: device, polarity, cycle, and a column for each; empty where there is no value.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import pandas as pd

    from ..runtime.files import writing

    columns = {
        (s.device, s.polarity, f"{s.quantity}_{s.unit}"): pd.Series(s.values, index=s.cycle) for s in series
    }  # fmt: skip
    parts = []
    for key in dict.fromkeys(name[:2] for name in columns):
        part = pd.DataFrame({n[2]: x for n, x in columns.items() if n[:2] == key})
        part.index.name = "cycle"
        part = part.reset_index()
        part.insert(0, "polarity", key[1])
        part.insert(0, "device", key[0])
        parts.append(part)
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"cycle": []})
    blanks = {"device": "", "polarity": 0}
    useless = [n for n, blank in blanks.items() if n in whole and (whole[n] == blank).all()]
    with writing(path) as target:
        whole.drop(columns=useless).to_csv(target, index=False)


def draw_series(series: "Sequence[Series]", path: Path) -> None:
    """Draw quantities against the cycle.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from ..plot import style, trends
    from ..runtime.files import writing

    with style(), writing(path) as target:
        trends(series).savefig(target, format=path.suffix[1:].lower(), bbox_inches="tight")
