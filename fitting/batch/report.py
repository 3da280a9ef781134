"""What a batch leaves: a table with a row per device, its population, pictures, and one page."""

import csv
import html
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from memjax.runtime.files import write_json, writing

from ..fit_json import versions
from ..html import bullets, html_table, page, picture, readable
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
    with writing(path) as beside, beside.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


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
    about: Mapping[str, Any],
    folder: Path,
) -> dict:
    """Write ``devices.csv``, ``batch.json``, pictures and ``report.html`` of a batch; the content of ``batch.json``.

    `about` holds model, command, options and seed; the other arguments are as for `write_devices`.
    """
    write_devices(rows, units, files, positions, folder / "devices.csv")
    counts = Counter(map(status, rows))
    content = {"schema_version": SCHEMA, "kind": "batch", **about, "versions": versions()}
    words = ("fitted", "poor", "failed")
    content["counts"] = {"devices": len(rows)} | {s: counts[s] for s in words}
    content |= {"population": population(rows, units), "notes": list(notes)}
    write_json(folder / "batch.json", content)
    pictures: dict[str, Callable[[Path], None]] = {}
    if any(r.values for r in rows):
        pictures["distributions.png"] = partial(picture_distributions, rows, units)
        if positions:
            pictures["wafer.png"] = partial(picture_wafer, rows, units, positions)
    for name, draw in pictures.items():
        draw(folder / name)
    with writing(folder / "report.html") as beside:
        beside.write_text(_page(content, rows, folder, list(pictures)), encoding="utf-8")
    return content


def _page(content: dict, rows: Sequence[Row], folder: Path, pictures: Sequence[str]) -> str:
    count, model = content["counts"], html.escape(content["model"])
    about = [[k, _words(content[k])] for k in ("command", "seed", "options", "versions")]
    body = f"""
<h1>{count["devices"]} devices, <code>{model}</code></h1>
<p><small>{count["fitted"]} fitted, {count["poor"]} fitted but not described by the model, {count["failed"]} failed;
every device has a row in devices.csv, with the verdict on its fit and the reason</small></p>
<h2>Parameters</h2>{_population_table(content["population"])}
<p><small>Over the devices whose data determine the parameter; std is the median of the devices' own.</small></p>
{_hierarchy(content["hierarchy"])}
{_shrinkage(content.get("shrinkage"))}
{"".join(picture(folder / n, Path(n).stem) for n in pictures)}
<h2>Failures</h2>{_failures(rows)}
<h2>Worst fits</h2>{_worst(rows)}
<h2>Remarks</h2>{bullets(content["notes"], kind="warn")}
<h2>Provenance</h2>{html_table(about, ["", ""])}
"""
    return page(f"memjax batch: {content['model']}", body)


def _words(x: Any) -> str:
    if isinstance(x, Mapping):
        return ", ".join(f"{k} {_words(v)}" for k, v in x.items() if v not in (None, False, [], {}))
    return str(x)


def _population_table(statistics: Mapping[str, dict]) -> str:
    rows = []
    for name, p in statistics.items():
        quantiles = p.get("quantiles", {})
        cells = [readable(quantiles.get(str(x))) for x in _QUANTILES]
        std = readable(p.get("median_std"), 2)
        rows.append([name, p["unit"], p["n"], *cells, std, p["undetermined"]])
    head = ["parameter", "unit", "n", "5 %", "25 %", "median", "75 %", "95 %", "std"]
    return html_table(rows, [*head, "not determined"])


def _hierarchy(population: Mapping[str, Any] | None) -> str:
    """Spread from device to device and from cycle to cycle, and correlations."""
    if population is None:
        return ""
    table, rows = population["parameters"], []
    for p in table:
        known = [(p[k], p[e]) for k, e in _SPREAD.items() if p[k] is not None]
        cells = [f"{readable(x)} ± {readable(error, 2)}" for x, error in known]
        left = "not told" if p.get("determined", True) else "not determined"
        rows.append([p["name"], p["unit"], *cells, *[left] * (len(_SPREAD) - len(cells))])
    head = ["parameter", "unit", "median", "device to device", "cycle to cycle"]
    names, correlation = [p["name"] for p in table], population["correlation"]
    matrix = [[n, *map(readable, row)] for n, row in zip(names, correlation, strict=True)]
    return f"""<h2>Population</h2>{html_table(rows, head)}
<p><small>Of {population["devices"]} devices, {population["method"]}; spreads are standard deviations of the logarithm.
{population["file"]} is what devices are drawn from.</small></p>
<h2>Correlation from device to device</h2>{html_table(matrix, ["", *names])}"""


def _shrinkage(about: Mapping[str, Any] | None) -> str:
    """What the population as a prior did to the parameters."""
    if about is None:
        return ""
    head = ["parameter", "median shift (own std)", "median std over own std"]
    cells = [
        [n, readable(x["median_shift"], 2), readable(x["std_ratio"], 2)]
        for n, x in about["parameters"].items()
    ]
    return f"""<h2>Devices with the population as their prior</h2>{html_table(cells, head)}
<p><small>{about["shrunken"]} devices drawn towards the population, {len(about["outside"])} outside it,
{about["failed"]} without; each is in {about["file"]}. These values are biased towards the median: own fits are in
devices.csv.</small></p>"""


def _failures(rows: Sequence[Row]) -> str:
    """Table of the reasons, with the devices."""
    reasons: dict[str, list[str]] = {}
    for r in rows:
        if r.failure:
            reasons.setdefault(r.failure, []).append(r.name)
    if not reasons:
        return "<p>None.</p>"
    ordered = sorted(reasons.items(), key=lambda x: -len(x[1]))[:_LISTED]
    table = [
        [why, len(who), ", ".join(who[:10]) + ", ..." * (len(who) > 10)] for why, who in ordered
    ]
    return html_table(table, ["reason", "devices", "which"])


def _worst(rows: Sequence[Row]) -> str:
    """Table of the worst fits, by their verdict and reduced chi squared."""
    badness = lambda r: (WORDS.index(r.verdict), r.reduced_chi2 or 0.0)  # noqa: E731
    fitted = sorted((r for r in rows if not r.failure), key=badness, reverse=True)[:10]
    head = ["device", "verdict", "reason", "reduced chi squared", "not determined"]
    about = lambda r: [r.name, r.verdict, r.reason, readable(r.reduced_chi2)]  # noqa: E731
    return html_table([[*about(r), ", ".join(r.undetermined)] for r in fitted], head)
