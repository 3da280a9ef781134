"""``memjax observe``: switching and hold voltages of measured and simulated files alike."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ReaderError
from ..io.request import file_of, files_of, measurement_from, refuse_choice
from .command import Command, number, print_json, say, table
from .options import add_json_option, add_read_options, add_write_options
from .trends import (
    add_trend_options,
    draw_series,
    prepare_outputs,
    print_trends,
    series_of_endurance,
    write_series,
)

if TYPE_CHECKING:
    from ..data import EnduranceRecord
    from ..data.base import Source
    from ..observables import Series, Switching


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "file",
        nargs="+",
        metavar="FILE",
        help="measured or simulated files of one device, folders of such, or example:NAME",
    )
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
    add_trend_options(parser)
    add_write_options(parser)
    add_json_option(parser)


def _observe(
    source: "Source", name: str, options: argparse.Namespace, thresholds: dict[str, float]
) -> "tuple[Any, list[Switching], list[dict]]":
    """A file, what it shows, and the same as dictionaries that say where it is from."""
    from ..observables import SNAP_BACK, Thresholds, find_thresholds, switching

    measurement: Any = measurement_from(source, options)
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
    return measurement, events, rows


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


def _endurance(source: "Source", options: argparse.Namespace) -> "list[EnduranceRecord]":
    """High and low states by cycle, of a file that holds such and no voltage; of any other none."""
    from ..data import EnduranceRecord, has_records, read_records

    if options.columns is not None or not has_records(source, reader=options.reader):
        return []
    records = read_records(source, reader=options.reader)
    return [r for r in records if isinstance(r, EnduranceRecord)]


def _run_endurance(
    tests: "dict[str, list[EnduranceRecord]]", options: argparse.Namespace, out: Path | None, plot: Path | None
) -> int:  # fmt: skip
    """Trends of endurance tests, which have no sweeps."""
    tested = next(name for name, records in tests.items() if records)
    other = next((name for name, records in tests.items() if not records), None)
    if other is not None:
        raise ReaderError(
            "sweeps and endurance at once", where=f"{tested} and {other}", allowed="files of one kind"
        )  # fmt: skip
    refuse_choice(options, where=tested)
    records = [r for group in tests.values() for r in group]
    for text in dict.fromkeys(w for r in records for w in r.warnings):
        say("warning", text)
    _finish(series_of_endurance(records), {"sweeps": [], "summary": {}}, options, out, plot)
    return 0


def _finish(
    series: "list[Series]", content: dict, options: argparse.Namespace, out: Path | None, plot: Path | None
) -> None:  # fmt: skip
    """Trends on standard output, and the files that were asked for."""
    from ..observables import trend

    if out is not None:
        write_series(series, out)
    if plot is not None:
        draw_series(series, plot)
    trends = [trend(s) for s in series]
    if options.json:
        print_json(content | {"trends": [t.to_json() for t in trends]})
    else:
        print_trends(trends)


def _run(options: argparse.Namespace) -> int:
    from ..data.text import load
    from ..observables import HOLD_THRESHOLD, ON_THRESHOLD, series_of_sweeps, summarise

    thresholds = {
        "on_threshold": ON_THRESHOLD if options.on_threshold is None else options.on_threshold,
        "hold_threshold": HOLD_THRESHOLD
        if options.hold_threshold is None
        else options.hold_threshold,
    }
    out, plot = prepare_outputs(options)
    names = files_of(options.file)
    sources = {name: load(file_of(name)) for name in names}
    tests = {name: _endurance(source, options) for name, source in sources.items()}
    if any(tests.values()):
        return _run_endurance(tests, options, out, plot)
    parts = [_observe(sources[name], name, options, thresholds) for name in names]
    summary = summarise([s for _, events, _ in parts for s in events])
    if summary["incomplete"]:
        say(
            "note",
            f"{summary['incomplete']} sweeps to a polarity begin or end in their midst: not counted",
        )
    summary |= {
        "on_threshold_A": thresholds["on_threshold"],
        "hold_threshold_A": thresholds["hold_threshold"],
    }
    series = series_of_sweeps([m for m, _, _ in parts], [events for _, events, _ in parts])
    content = {"sweeps": [row for _, _, rows in parts for row in rows], "summary": summary}
    if not options.json:
        _print(summary)
    _finish(series, content, options, out, plot)
    return 0


COMMAND = Command(
    name="observe",
    help="switching and hold voltages of files, and their trends over cycles",
    configure=_configure,
    run=_run,
)
"""The command."""
