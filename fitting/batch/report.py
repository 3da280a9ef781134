"""What a batch leaves: a table with a row per device, its population, pictures, and one page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.runtime.files import write_json, writing

from ..fit_json import versions
from ..page.blocks import Block, Bullets, Code, Note, Picture, Section, Table, Text
from ..page.fit_blocks import readable
from ..page.render import write_page
from ..verdict import WORDS
from .figures import determined, picture_distributions, picture_wafer
from .fit import Row
from .wafer import Positions

SCHEMA = 1

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

# Columns of the population, each with that of its error.
_SPREAD = {
    "median": "error",
    "device_sigma_ln": "device_sigma_ln_error",
    "cycle_sigma_ln": "cycle_sigma_ln_error",
}
_DETERMINED = (
    "Over the devices whose data determine the parameter; std is the median of the devices' own."
)
_LISTED = 50  # devices that a table of the page names at most; all are in devices.csv


def status(row: Row) -> str:
    """What became of a device: fitted, poor (fitted, but not described by the model) or failed."""
    if row.failure:
        return "failed"
    return "poor" if row.verdict == "poor" else "fitted"


def write_devices(
    rows: Sequence[Row],
    units: Mapping[str, str],
    files: Mapping[str, str],
    positions: Positions,
    path: Path,
) -> None:
    """Write ``devices.csv``: a row per device, in order; units by parameter, file and place on the wafer by device."""
    table = []
    for r in rows:
        cells: dict[str, Any] = {"name": r.name, "file": files[r.name]}
        if positions:
            cells["x"], cells["y"] = positions.get(r.name, ("", ""))
        cells["status"] = status(r)
        for name, unit in units.items():
            cells[f"{name} [{unit}]"] = r.values.get(name, "")
            cells[f"{name} std [{unit}]"] = r.std.get(name, "")
        cells |= {n: getattr(r, n) for n in ("loss", "reduced_chi2", "verdict", "reason")}
        table.append(cells | {"undetermined": " ".join(r.undetermined), "failure": r.failure})
    write_table(table, path)


def write_table(table: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows of the same columns as CSV, whole or not at all."""
    with writing(path) as temporary:
        pandas.DataFrame(table).to_csv(temporary, index=False, lineterminator="\n")


def population(rows: Sequence[Row], units: Mapping[str, str]) -> dict[str, dict]:
    """Statistics of each free parameter over the devices whose data determine it."""
    statistics = {}
    for name, unit in units.items():
        x = determined(rows, name)
        statistics[name] = entry = {"unit": unit, "n": len(x)}
        entry["undetermined"] = sum(name in r.undetermined for r in rows)
        if len(x):
            std = [r.std[name] for r in rows if name in r.std and name not in r.undetermined]
            quantiles = {str(q): float(np.quantile(x, q)) for q in _QUANTILES}
            entry |= {"median": float(np.median(x)), "quantiles": quantiles}
            entry["median_std"] = float(np.median(std))
    return statistics


def write_report(
    rows: Sequence[Row],
    *,
    units: Mapping[str, str],
    files: Mapping[str, str],
    positions: Positions,
    notes: Sequence[str],
    request: Mapping[str, Any],
    folder: Path,
) -> dict:
    """Write ``devices.csv``, ``batch.json``, pictures and ``report.html`` of a batch; the content of ``batch.json``.

    `request` holds model, command, options and seed; the other arguments are as for `write_devices`.
    """
    write_devices(rows, units, files, positions, folder / "devices.csv")
    counts = Counter(map(status, rows))
    content = {"schema_version": SCHEMA, "kind": "batch", **request, "versions": versions()}
    words = ("fitted", "poor", "failed")
    content["counts"] = {"devices": len(rows)} | {s: counts[s] for s in words}
    content |= {"population": population(rows, units), "notes": list(notes)}
    write_json(folder / "batch.json", content)
    shown, fitted = [], any(r.values for r in rows)
    if fitted:
        shown.append(Picture(folder / "distributions.png", "distributions"))
        picture_distributions(rows, units, shown[-1].path)
    if fitted and positions:
        shown.append(Picture(folder / "wafer.png", "wafer"))
        picture_wafer(rows, units, positions, shown[-1].path)
    heading = [f"{len(rows)} devices, ", Code(content["model"])]
    write_page(folder, f"memjax batch: {content['model']}", heading, _blocks(content, rows, shown))
    return content


def _blocks(content: dict, rows: Sequence[Row], pictures: Sequence[Block]) -> list[Block]:
    """What the page shows under its heading."""
    count = content["counts"]
    origin = [[k, _words(content[k])] for k in ("command", "seed", "options", "versions")]
    counts = f"""{count["fitted"]} fitted, {count["poor"]} fitted but not described by the model, {count["failed"]}
failed; every device has a row in devices.csv, with the verdict on its fit and the reason"""
    return [
        Note(counts),
        Section("Parameters", [_population_table(content["population"]), Note(_DETERMINED)]),
        *_hierarchy(content["hierarchy"]),
        *_shrinkage(content.get("shrinkage")),
        *pictures,
        Section("Failures", [_failures(rows)]),
        Section("Worst fits", [_worst(rows)]),
        Section("Remarks", [Bullets(content["notes"], look="warn")]),
        Section("Provenance", [Table(["", ""], origin)]),
    ]


def _words(x: Any) -> str:
    if isinstance(x, Mapping):
        return ", ".join(f"{k} {_words(v)}" for k, v in x.items() if v not in (None, False, [], {}))
    return str(x)


def _population_table(statistics: Mapping[str, dict]) -> Table:
    rows = []
    for name, p in statistics.items():
        quantiles = p.get("quantiles", {})
        cells = [readable(quantiles.get(str(x))) for x in _QUANTILES]
        std = readable(p.get("median_std"), 2)
        rows.append([name, p["unit"], p["n"], *cells, std, p["undetermined"]])
    head = ["parameter", "unit", "n", "5 %", "25 %", "median", "75 %", "95 %", "std"]
    return Table([*head, "not determined"], rows)


def _hierarchy(population: Mapping[str, Any] | None) -> list[Section]:
    """Spread from device to device and from cycle to cycle, and correlations."""
    if population is None:
        return []
    table, rows = population["parameters"], []
    for p in table:
        known = [(p[k], p[e]) for k, e in _SPREAD.items() if p[k] is not None]
        cells = [f"{readable(x)} ± {readable(error, 2)}" for x, error in known]
        left = "not told" if p.get("determined", True) else "not determined"
        rows.append([p["name"], p["unit"], *cells, *[left] * (len(_SPREAD) - len(cells))])
    head = ["parameter", "unit", "median", "device to device", "cycle to cycle"]
    names, correlation = [p["name"] for p in table], population["correlation"]
    matrix = [[n, *map(readable, row)] for n, row in zip(names, correlation, strict=True)]
    note = f"""Of {population["devices"]} devices, {population["method"]}; spreads are standard deviations of the
logarithm. {population["file"]} is what devices are drawn from."""
    return [
        Section("Population", [Table(head, rows), Note(note)]),
        Section("Correlation from device to device", [Table(["", *names], matrix)]),
    ]


def _shrinkage(effect: Mapping[str, Any] | None) -> list[Section]:
    """What the population as a prior did to the parameters."""
    if effect is None:
        return []
    head = ["parameter", "median shift (own std)", "median std over own std"]
    keys, parameters = ("median_shift", "std_ratio"), effect["parameters"]
    cells = [[n, *(readable(x[k], 2) for k in keys)] for n, x in parameters.items()]
    note = f"""{effect["shrunken"]} devices drawn towards the population, {len(effect["outside"])} outside it,
{effect["failed"]} without; each is in {effect["file"]}. These values are biased towards the median: own fits are in
devices.csv."""
    blocks = [Table(head, cells), Note(note)]
    return [Section("Devices with the population as their prior", blocks)]


def _failures(rows: Sequence[Row]) -> Block:
    """Table of the reasons, with the devices."""
    reasons: dict[str, list[str]] = {}
    for r in rows:
        if r.failure:
            reasons.setdefault(r.failure, []).append(r.name)
    if not reasons:
        return Text("None.")
    ordered = sorted(reasons.items(), key=lambda x: -len(x[1]))[:_LISTED]
    names = lambda who: ", ".join(who[:10]) + ", ..." * (len(who) > 10)  # noqa: E731
    table = [[why, len(who), names(who)] for why, who in ordered]
    return Table(["reason", "devices", "which"], table)


def _worst(rows: Sequence[Row]) -> Table:
    """Table of the worst fits, by their verdict and reduced chi squared."""
    badness = lambda r: (WORDS.index(r.verdict), r.reduced_chi2 or 0.0)  # noqa: E731
    fitted = sorted((r for r in rows if not r.failure), key=badness, reverse=True)[:10]
    head = ["device", "verdict", "reason", "reduced chi squared", "not determined"]
    cells = lambda r: [r.name, r.verdict, r.reason, readable(r.reduced_chi2)]  # noqa: E731
    return Table(head, [[*cells(r), ", ".join(r.undetermined)] for r in fitted])
