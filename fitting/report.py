"""The report of a fit: pictures, and one HTML page that needs nothing beside it."""

import base64
import html
import json
from pathlib import Path
from typing import Any

import numpy as np

import memjax as mj
from memjax.data import is_pulsed
from memjax.errors import DataError
from memjax.observables import Thresholds, find_thresholds, summarise, switching

from . import pictures
from .time_pictures import picture_currents
from .trends import SURE, Series, keeps_state, of_excursions, trends, values_of

CSS = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}
h1{margin-bottom:.1em} h2{margin-top:1.6em;border-bottom:1px solid #ddd}
table{border-collapse:collapse;font-size:14px}
td,th{padding:.25em .7em;border-bottom:1px solid #e5e5e5;text-align:right}
td:first-child,th:first-child,td.t{text-align:left} img{max-width:100%} .warn{background:#fff4e0;padding:.5em 1em}
code{background:#f3f3f3;padding:0 .3em} small{color:#666}
"""


_HEAD = ["", "measured median (V)", "SD (V)", "n", "simulated median (V)", "difference (mV)"]
"""Of tables of voltages."""

CYCLES = "cycles.csv"
"""Simulated sweeps with noise and spread, where there are some."""

_CYCLES = 3
"""Cycles from which on they are drawn against their number."""

_METHODS = {
    "laplace": "to first order, with Student's quantiles",
    "profile": "profile likelihood, the prior included",
    "nuts": "equal tails of draws from the posterior (posterior.nc)",
}

_SIMULATED = """ What simulated cycles calibrated has sigma and interval from profiles of the simulated loss, and
counts as not determined where its logarithm has a standard deviation above 0.5 and above half the prior's."""


def axes_row(columns: int, *, height: float = 4.0) -> tuple[Any, Any]:
    """A figure and a row of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4 * columns, height))
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def load(folder: Path) -> dict:
    """The content of a fit directory's ``fit.json``.

    Raises
    ------
    DataError
        If it is missing or not what memjax writes.
    """
    path = folder / "fit.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema_version"] != 1:
            raise ValueError(f"schema_version {content['schema_version']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"no fit to report on: {error}",
            where=str(path),
            allowed="a folder made by 'memjax fit'",
        ) from error
    return content


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


def build(folder: Path, *, thresholds: Thresholds | None = None) -> list[str]:
    """Make pictures and ``report.html`` out of fit.json, measured.csv and simulated.csv.

    Parameters
    ----------
    folder : Path
        A fit directory.
    thresholds : Thresholds, optional
        Of a fit of sweeps; by default those of the fit.

    Returns
    -------
    list of str
        Names of the files written.
    """
    content = load(folder)
    if content.get("kind", "sweeps") != "sweeps":
        from . import pulse_report

        return pulse_report.build(folder)
    measured, simulated = _measured_and_simulated(folder, content.get("driven", "voltage"))
    found = thresholds or thresholds_of(content) or find_thresholds(measured)
    kept = keeps_state(of_excursions(measured))
    seen, drawn = (trends(x, kept=kept, thresholds=found) for x in (measured, simulated))
    made = ["iv.png", "residuals.png", "switching.png", "correlation.png"]
    own = content["bench"]["compliance"]
    limits = content.get("compliances", [] if own is None else [own])
    about: dict[str, Any] = {"compliances": limits, "thresholds": None if kept else found}
    if (folder / CYCLES).exists():
        about["random"] = _rows(_table(folder / CYCLES), measured.driven)
    pictures.picture_iv(measured, simulated, folder / made[0], **about)
    pictures.picture_residuals(measured, simulated, folder / made[1])
    if kept:
        pictures.picture_set_reset(seen, drawn, folder / made[2])
        compared = _compared(seen, drawn)
    else:
        random = content["distribution"]
        pictures.picture_switching(measured, simulated, random, folder / made[2], thresholds=found)
        read = [summarise(switching(x, **found.options)) for x in (measured, simulated)]
        said = "" if measured.driven == "current" else f"<p><small>{found}</small></p>"
        compared = _comparison(*read) + said
    pictures.picture_correlation(
        content["free"], np.array(content["correlation"]), folder / made[3]
    )
    if measured.t is not None and is_pulsed(measured.applied):
        made.append("currents.png")
        picture_currents(measured, simulated, folder / made[-1])
    shown = seen if len(measured.labels) >= _CYCLES else []
    if shown:
        made.append("trends.png")
        pictures.picture_trends(shown, folder / made[-1])
    page = _page(content, [folder / m for m in made], shown, compared)
    (folder / "report.html").write_text(page, encoding="utf-8")
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


def html_table(rows: list[list[Any]], head: list[str]) -> str:
    """An HTML table; the cells are escaped."""
    cells = lambda row, tag: "".join(f"<{tag}>{html.escape(str(c))}</{tag}>" for c in row)  # noqa: E731
    body = "".join(f"<tr>{cells(r, 'td')}</tr>" for r in rows)
    return f"<table><tr>{cells(head, 'th')}</tr>{body}</table>"


def readable(x: float | None, digits: int = 4) -> str:
    """A number for reading."""
    return "" if x is None else f"{x:.{digits}g}"


def parameters_table(content: dict) -> str:
    """Table of parameters, with true values where they are known."""
    truth, told = content["synthetic_truth"], content.get("uncertainty", {})
    rows, spans = [], told.get("intervals", {})
    for name, p in content["parameters"].items():
        if p["value"] is None:
            rows.append(
                [name, f"as {p['follows']}", "", "", p["unit"], *[""] * (2 * truth), "", p["doc"]]
            )
            continue
        remarks = [] if p["free"] else ["fixed"]
        remarks += ["at a bound"] * (p["free"] and p["at_bound"]) + ["not determined"] * (
            p["free"] and not p["determined"]
        )
        known = []
        if truth:
            away = (
                (p["value"] - p["true"]) / p["std"]
                if p.get("true") is not None and p["std"]
                else None
            )
            known = [readable(p.get("true")), "" if away is None else f"{away:+.1f}"]
        rows.append(
            [
                name,
                readable(p["value"]),
                readable(p["std"], 2),
                _interval(spans.get(name)),
                p["unit"],
                *known,
                ", ".join(remarks),
                p["doc"],
            ]
        )
    head = [
        "parameter",
        "value",
        "sigma",
        f"{told.get('level', 0.9):.0%} interval",
        "unit",
        *(["true", "(fit - true) / sigma"] if truth else []),
        "remark",
        "meaning",
    ]
    return html_table(rows, head)


def _interval(ends: list | None) -> str:
    """An interval, open where it has no end."""
    if ends is None:
        return ""
    low, high = (readable(x, 3) or "open" for x in ends)
    return f"{low} to {high}"


def _determined(content: dict) -> str:
    """What the data determine, in words."""
    said = content.get("identifiability", {}).get("sentences", [])
    return "<ul>" + "".join(f"<li>{html.escape(x)}</li>" for x in said) + "</ul>"


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


def provenance_table(content: dict) -> str:
    """Where everything came from."""
    rows = [["data", f"{d['file']} (sha256 {d['sha256'][:16]}...)"] for d in content["data"]]
    rows += [
        ["reader", ", ".join(content["reader"])],
        ["command", content["command"]],
        ["seed", content["seed"]],
    ]
    rows += [
        [
            "bench",
            ", ".join(
                f"{k} = {v:g}" for k, v in content["bench"].items() if v not in (None, False)
            ),
        ]
    ]
    rows += [["versions", ", ".join(f"{k} {v}" for k, v in content["versions"].items())]]
    s = content["search"]
    rows += [
        [
            "search",
            f"{s['evaluations']} solves with gradient, {s['failed']} failed, {s['iterations']} iterations",
        ]
    ]
    rows += [["loss", f"{content['loss']:.4g}, as the search weighs"]]
    rows += [["reduced chi squared of the data", f"{content['reduced_chi2']:.3g}"]]
    if "model_error" in content:
        text = "beyond the scatter of the data, root mean square"
        rows += [["error of the model", f"{content['model_error']:.2g} decades {text}"]]
    rows += [["covariance", content["covariance_from"]]]
    return (
        html_table(rows, ["", ""])
        .replace("<tr><th></th><th></th></tr>", "")
        .replace("<td>", '<td class="t">')
    )


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
    encoded = {p.stem: base64.b64encode(p.read_bytes()).decode() for p in images}
    img = lambda name, alt: f'<p><img alt="{alt}" src="data:image/png;base64,{encoded[name]}"></p>'  # noqa: E731
    say = [*content["notes"], *content["warnings"]]
    if content["interrupted"]:
        say.insert(0, "The search was interrupted: this is the best result so far.")
    if content["undetermined"]:
        say.append("Not determined by these data: " + ", ".join(content["undetermined"]) + ".")
    if far := content.get("out_of_reach"):
        say.append(
            "Beyond the largest voltage of the data, and so not determined: " + ", ".join(far) + "."
        )
    told = content.get("uncertainty", {"method": "laplace", "notes": []})
    say += told["notes"]
    remarks = "".join(f"<li>{html.escape(x)}</li>" for x in say)
    truth = "<p>Synthetic data: the true parameters are known and stand beside the fitted ones.</p>"
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>memjax fit: {content["model"]}</title>
<style>{CSS}</style></head><body>
<h1>Fit of <code>{html.escape(content["model"])}</code></h1>
{_verdict(content)}
<p><small>{content["n_points"]} points in {content["n_sweeps"]} sweeps</small></p>
{truth if content["synthetic_truth"] else ""}
<h2>Measured and simulated</h2>{img("iv", "current against voltage")}
{img("currents", "current against time") if "currents" in encoded else ""}
{compared}{img("switching", "switching and hold voltages")}
{_cycles(found, img("trends", "cycle by cycle") if found else "")}
<h2>Parameters</h2>{parameters_table(content)}
<p><small>Sigma is one standard deviation to first order, from {html.escape(content["covariance_from"])};
a parameter counts as not determined where its sigma exceeds a factor of e.
Intervals: {_METHODS[told["method"]]}.{_SIMULATED if content.get("stochastic") else ""}</small></p>
<h3>What the data determine</h3>{_determined(content)}
{img("correlation", "correlation of parameters")}
<h2>Residuals</h2>{img("residuals", "residuals")}
<h2>Noise and cycle-to-cycle spread</h2>{_variability(content)}{_randomness(content)}
<p><small>One parameter per event, whose spread explains that of the event.</small></p>
<h2>Remarks</h2><ul class="warn">{remarks}</ul>
<h2>Provenance</h2>{provenance_table(content)}
</body></html>
"""
