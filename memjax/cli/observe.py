"""``memjax observe``: switching and hold voltages of measured and simulated files alike."""

import argparse
from typing import TYPE_CHECKING, Any

from .command import Command, number, print_json, say, table
from .options import add_json_option, add_read_options, files_of, measurement_from

if TYPE_CHECKING:
    from ..observables import Switching


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", nargs="+", metavar="FILE", help="measured or simulated files, or example:NAME")
    add(
        "--on-threshold",
        type=number("A"),
        metavar="A",
        help="current above which the device is on (default 1e-8)",
    )
    add(
        "--hold-threshold",
        type=number("A"),
        metavar="A",
        help="current below which it is off again (default 1e-11)",
    )
    add_read_options(parser)
    add_json_option(parser)


def _observe(
    name: str, options: argparse.Namespace, thresholds: dict[str, float]
) -> "tuple[list[Switching], list[dict]]":
    """What one file shows, and the same as dictionaries that say where it is from."""
    from ..observables import SNAP_BACK, Thresholds, find_thresholds, switching

    measurement: Any = measurement_from(name, options)
    if measurement.driven == "current":
        say(
            "note",
            f"{name}: the current is driven; V_th and V_hold are where the voltage snaps back by {SNAP_BACK:.0%}, "
            "thresholds of the current are not used",
        )
    elif not options.on_threshold and not options.hold_threshold:
        better = find_thresholds(measurement)
        if better != Thresholds():
            say(
                "note",
                f"{name}: the published thresholds make little sense here; a fit takes: {better}",
            )
    events = switching(measurement, **thresholds)
    words = measurement.source.get("sweep_names", ())
    rows = []
    for one in events:
        label = {"sweep_name": words[one.sweep]} if words else {}
        rows.append({"file": name, "driven": measurement.driven} | one.to_json() | label)
    return events, rows


def _cell(statistics: dict, key: str) -> str:
    value = statistics[key]
    return "-" if value is None else f"{value:.4g}"


def _print(summary: dict) -> None:
    """Medians and counts by polarity, for people."""
    rows = []
    for word in ("positive", "negative"):
        part = summary.get(word)
        if part is None:
            continue
        counts = [str(part[k]) for k in ("excursions", "never_switched", "never_returned")]
        voltages = [_cell(part[q], k) for q in ("v_th_V", "v_hold_V") for k in ("median", "sd")]
        rows.append([word, *counts, *voltages])
    head = [
        "POLARITY",
        "SWEEPS",
        "NEVER SWITCHED",
        "NEVER RETURNED",
        "V_TH/V",
        "SD",
        "V_HOLD/V",
        "SD",
    ]
    print(table(rows, head=head) if rows else "no voltage was applied")
    print("medians; V_hold of the sweeps that had switched")


def _run(options: argparse.Namespace) -> int:
    from ..observables import HOLD_THRESHOLD, ON_THRESHOLD, summarise

    thresholds = {
        "on_threshold": ON_THRESHOLD if options.on_threshold is None else options.on_threshold,
        "hold_threshold": HOLD_THRESHOLD
        if options.hold_threshold is None
        else options.hold_threshold,
    }
    parts = [_observe(name, options, thresholds) for name in files_of(options.file)]
    summary = summarise([s for found, _ in parts for s in found])
    if summary["incomplete"]:
        say(
            "note",
            f"{summary['incomplete']} sweeps to a polarity begin or end in their midst: not counted",
        )
    summary |= {
        "on_threshold_A": thresholds["on_threshold"],
        "hold_threshold_A": thresholds["hold_threshold"],
    }
    if options.json:
        print_json({"sweeps": [row for _, rows in parts for row in rows], "summary": summary})
    else:
        _print(summary)
    return 0


COMMAND = Command(
    name="observe", help="switching and hold voltages of files", configure=_configure, run=_run
)
"""The command."""
