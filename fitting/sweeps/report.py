"""The report of a fit: pictures, and one HTML page that needs nothing beside it."""

import html
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import memjax as mj
from memjax.data import is_pulsed
from memjax.errors import DataError
from memjax.observables import Thresholds, find_thresholds, summarise, switching

from ..fit_json import METHODS
from ..html import (
    bullets,
    html_table,
    page,
    parameters_table,
    picture,
    provenance_table,
    readable,
    remarks,
)
from ..time_pictures import picture_currents
from . import figures
from .trends import SURE, Series, keeps_state, of_excursions, trends, values_of

# Of tables of voltages.
_HEAD = ["", "measured median (V)", "SD (V)", "n", "simulated median (V)", "difference (mV)"]

CYCLES = "cycles.csv"
"""Simulated sweeps with noise and spread, where there are some."""

_CYCLES = 3  # cycles from which on they are drawn against their number

_SIMULATED = """ What simulated cycles calibrated has sigma and interval from profiles of the simulated loss, and
counts as not determined where its logarithm has a standard deviation above 0.5 and above half the prior's."""


def _table(path: Path) -> dict[str, np.ndarray]:
    """Columns of a tidy CSV that memjax wrote."""
    try:
        with path.open(encoding="utf-8") as lines:
            names = lines.readline().strip().split(",")
        values = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot be read: {error}", where=str(path), fix="run 'memjax fit' again"
        ) from error
    return dict(zip(names, values.T, strict=True))


def build(
    content: dict, folder: Path, *, on_threshold: float | None = None, hold_threshold: float | None = None
) -> list[str]:  # fmt: skip
    """Make pictures and ``report.html`` out of fit.json, measured.csv and simulated.csv; names of the files.

    The thresholds [A] are those of the fit by default.
    """
    measured, simulated = _measured_and_simulated(folder, content.get("driven", "voltage"))
    own = {n: x for n, x in (("on", on_threshold), ("hold", hold_threshold)) if x is not None}
    found = thresholds_of(content) or (Thresholds() if own else find_thresholds(measured))
    found = replace(found, **own, why="given") if own else found
    kept = keeps_state(of_excursions(measured))
    seen, drawn = (trends(x, kept=kept, thresholds=found) for x in (measured, simulated))
    made = ["iv.png", "residuals.png", "switching.png", "correlation.png"]
    own = content["bench"]["compliance"]
    limits = content.get("compliances", [] if own is None else [own])
    about: dict[str, Any] = {"compliances": limits, "thresholds": None if kept else found}
    if (folder / CYCLES).exists():
        about["random"] = _rows(_table(folder / CYCLES), measured.driven)
    figures.picture_iv(measured, simulated, folder / made[0], **about)
    figures.picture_residuals(measured, simulated, folder / made[1])
    if kept:
        figures.picture_set_reset(seen, drawn, folder / made[2])
        compared = _compared(seen, drawn)
    else:
        random = content["distribution"]
        figures.picture_switching(measured, simulated, random, folder / made[2], thresholds=found)
        read = [summarise(switching(x, **found.options)) for x in (measured, simulated)]
        said = "" if measured.driven == "current" else f"<p><small>{found}</small></p>"
        compared = _comparison(*read) + said
    figures.picture_correlation(content["free"], np.array(content["correlation"]), folder / made[3])
    if measured.t is not None and is_pulsed(measured.applied):
        made.append("currents.png")
        picture_currents(measured, simulated, folder / made[-1])
    shown = seen if len(measured.labels) >= _CYCLES else []
    if shown:
        made.append("trends.png")
        figures.picture_trends(shown, folder / made[-1])
    whole = _page(content, [folder / m for m in made], shown, compared)
    (folder / "report.html").write_text(whole, encoding="utf-8")
    return [*made, "report.html"]


def thresholds_of(content: dict) -> Thresholds | None:
    """Thresholds that a ``fit.json`` holds; None in one of memjax 0.1, which has none."""
    return Thresholds(**content["thresholds"]) if "thresholds" in content else None


def _measured_and_simulated(folder: Path, driven: str) -> list[mj.Measurement]:
    """Both tables of a fit directory; the limits are those of the measured one."""
    return [_rows(_table(folder / f"{n}.csv"), driven) for n in ("measured", "simulated")]


def _rows(table: dict[str, np.ndarray], driven: str) -> mj.Measurement:
    """A table of sweeps as a measurement."""
    limited = table.get("at_compliance", np.zeros(len(table["v_V"]))) > 0
    about: dict[str, Any] = dict(at_compliance=limited, reader="memjax", driven=driven)
    rows = {"t": table["t_s"], "v": table["v_V"], "i": table["i_A"]}
    return mj.Measurement(**rows, sweep=table["sweep"].astype(int), **about)


def _determined(content: dict) -> str:
    """What the data determine, in words."""
    said = content.get("identifiability", {}).get("sentences", [])
    return bullets(said)


def _comparison(measured: dict, simulated: dict) -> str:
    """Table of switching and hold voltages."""
    rows = []
    for word in ("positive", "negative"):
        if word not in measured:
            continue
        m, s = measured[word], simulated.get(word)
        for key, title in (("v_th_V", "switching voltage"), ("v_hold_V", "hold voltage")):
            here, there = m[key], (s or {}).get(key, {"median": None, "sd": None})
            off = (
                None
                if here["median"] is None or there["median"] is None
                else 1e3 * (there["median"] - here["median"])
            )
            row = [f"{title}, {word}", readable(here["median"]), readable(here["sd"], 2), here["n"]]
            rows.append([*row, readable(there["median"]), "" if off is None else f"{off:+.1f}"])
        rows.append(
            [
                f"never switched / returned, {word}",
                f"{m['never_switched']} / {m['never_returned']}",
                "",
                m["excursions"],
                "" if s is None else f"{s['never_switched']} / {s['never_returned']}",
                "",
            ]
        )
    return html_table(rows, _HEAD)


def _compared(seen: list[Series], drawn: list[Series]) -> str:
    """Table of set and reset voltages of a device that keeps its state."""
    rows = []
    for name in ("set voltage", "reset voltage"):
        here, there = values_of(seen, name), values_of(drawn, name)
        middle = [float(np.median(x)) if x.size else np.nan for x in (here, there)]
        off = "" if np.isnan(sum(middle)) else f"{1e3 * (middle[1] - middle[0]):+.1f}"
        spread = readable(float(np.std(here, ddof=1)), 2) if here.size > 1 else ""
        shown = ["" if np.isnan(x) else readable(x) for x in middle]
        rows.append([name, shown[0], spread, here.size, shown[1], off])
    return html_table(rows, _HEAD)


def _variability(content: dict) -> str:
    """Read noise and cycle spread."""
    rows = [["read noise, relative (SD of ln |I|)", readable(content["read_noise"]["relative"], 3)]]
    rows += [["read noise, additive (A)", readable(content["read_noise"]["floor_A"], 3)]]
    for name, s in (content["cycle_spread"] or {}).items():
        std = f" ± {readable(s['std'], 2)}" if s.get("std") is not None else ""
        of = f"cycle spread of {name} (SD of its logarithm, from {s['from']})"
        rows.append([of, readable(s["sigma_ln"], 3) + std])
    for name in (content.get("stochastic") or {}).get("noise", []):
        p = content["parameters"][name]
        value = f"{readable(p['value'], 3)} ± {readable(p['std'], 2)}"
        rows.append([f"ion noise within a cycle, {name} ({p['unit']})", value])
    return html_table(rows, ["", "value"])


def _randomness(content: dict) -> str:
    """What was calibrated by simulation, and how near the simulated cycles come; nothing where nothing was."""
    found = content.get("stochastic")
    if not found:
        return ""
    rows = []
    for group in found["comparison"]:
        for name, c in group.items():
            if name in ("label", "joint"):
                continue
            pair = [
                f"{readable(c[k]['mean'])} ± {readable(c[k]['sd'], 2)}"
                for k in ("measured", "simulated")
            ]
            far = [f"{readable(c['w1'], 2)} ({readable(c['floor'], 2)})"]
            rows.append(
                [f"{name} ({c['unit']}), {group['label']}", c["measured"]["n"], *pair, *far]
            )
        joint = group["joint"]
        for pair, (seen, drawn) in joint["correlation"].items():
            rows.append(
                [
                    f"correlation of {pair}, {group['label']}",
                    "",
                    readable(seen, 2),
                    readable(drawn, 2),
                    "",
                ]
            )
        rows.append(
            [f"energy test, {group['label']}", "", "", "", f"p = {readable(joint['p'], 2)}"]
        )
    head = ["", "n", "measured", "simulated", "Wasserstein-1 (floor)"]
    p = ", ".join(readable(x, 2) for x in found["step_p"])
    return f"""<h3>Calibrated by simulation</h3>{html_table(rows, head)}
<p><small>Estimator: {html.escape(found["estimator"])}; {found["draws"]} cycles of each waveform at each point, steps of
{found["step"]:g} s. Loss {found["loss"]:.4g}, with a standard deviation of {found["loss_noise"]:.2g} under other
random numbers. The simulated cycles above have other random numbers and adaptive steps; an energy test between fixed
and adaptive steps gives p = {p}. Floor: mean distance of random halves of the measured values.</small></p>"""


def _verdict(content: dict) -> str:
    """Whether the fit describes the data, first of all."""
    found = content.get("verdict")
    if found is None:  # written by memjax 0.1
        return ""
    kind = "" if found["word"] == "good" else ' class="warn"'
    return f"<p{kind}><b>Verdict: {found['word']}.</b> {html.escape(found['reason'])}.</p>"


def _cycles(found: list[Series], image: str) -> str:
    """Every quantity of every cycle, and whether it drifts; nothing of too few cycles."""
    if not found:
        return ""
    head = ["", "unit", "polarity", "n", "median", "trend over the cycles"]
    rows = []
    for s in found:
        known = s.values[np.isfinite(s.values)]
        word = "positive" if s.polarity > 0 else "negative"
        rows.append([s.name, s.unit, word, len(known), readable(float(np.median(known))), str(s)])
    small = f"Trends by Kendall's rank correlation, called one where p is below {SURE:g}."
    return f"<h2>Cycle by cycle</h2>{image}{html_table(rows, head)}<p><small>{small}</small></p>"


def _page(content: dict, images: list[Path], found: list[Series], compared: str) -> str:
    """The HTML page."""
    paths = {p.stem: p for p in images}
    img = lambda name, alt: picture(paths[name], alt)  # noqa: E731
    told = content.get("uncertainty", {"method": "laplace", "notes": []})
    far = ", ".join(content.get("out_of_reach", []))
    beyond = (
        [f"Beyond the largest voltage of the data, and so not determined: {far}."] if far else []
    )
    truth = "<p>Synthetic data: the true parameters are known and stand beside the fitted ones.</p>"
    body = f"""
<h1>Fit of <code>{html.escape(content["model"])}</code></h1>
{_verdict(content)}
<p><small>{content["n_points"]} points in {content["n_sweeps"]} sweeps</small></p>
{truth if content["synthetic_truth"] else ""}
<h2>Measured and simulated</h2>{img("iv", "current against voltage")}
{img("currents", "current against time") if "currents" in paths else ""}
{compared}{img("switching", "switching and hold voltages")}
{_cycles(found, img("trends", "cycle by cycle") if found else "")}
<h2>Parameters</h2>{parameters_table(content)}
<p><small>Sigma is one standard deviation to first order, from {html.escape(content["covariance_from"])};
a parameter counts as not determined where its sigma exceeds its value, or a quarter of a short range.
Intervals: {METHODS[told["method"]]}.{_SIMULATED if content.get("stochastic") else ""}</small></p>
<h3>What the data determine</h3>{_determined(content)}
{img("correlation", "correlation of parameters")}
<h2>Residuals</h2>{img("residuals", "residuals")}
<h2>Noise and cycle-to-cycle spread</h2>{_variability(content)}{_randomness(content)}
<p><small>One parameter per event, whose spread explains that of the event.</small></p>
{remarks(content, *beyond, *told["notes"])}
<h2>Provenance</h2>{provenance_table(content)}
"""
    return page(f"memjax fit: {content['model']}", body)
