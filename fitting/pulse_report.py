"""Pictures and page of fits that are not of sweeps: conductances per pulse, a decay, delays, a circuit's signals."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.errors import DataError
from memjax.plot import style
from memjax.plot.style import MEASURED, MUTED, SECOND, SIMULATED

from . import circuit_report
from .figures import axes_row
from .fit_json import load
from .html import html_table, page, parameters_table, picture, provenance_table, readable, remarks
from .time_pictures import CURVES, picture_curves

_BINS = 20
"""Pulses over which the spread of steps is averaged in a picture."""


_FEW = 50
"""Curves below which each is drawn large."""


def build(folder: Path) -> list[str]:
    """Make pictures and ``report.html`` out of fit.json, measured.csv and simulated.csv.

    Parameters
    ----------
    folder : Path
        A fit directory of a kind that is not sweeps.

    Returns
    -------
    list of str
        Names of the files written.

    Raises
    ------
    DataError
        For a kind that is not known, or tables that cannot be read.
    """
    content = load(folder)
    if content.get("kind") not in _KINDS:
        raise DataError(
            f"kind {content.get('kind')!r}", where=str(folder / "fit.json"),
            allowed=", ".join(_KINDS),
        )  # fmt: skip
    try:
        tables = [pandas.read_csv(folder / n) for n in ("measured.csv", "simulated.csv")]
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot be read: {error}", where=str(folder), fix="run 'memjax fit' again"
        ) from error
    pictures, sections = _KINDS[content["kind"]]
    with style():
        made = pictures(content, *tables, folder)
    whole = _page(content, sections(content), [folder / m for m in made])
    (folder / "report.html").write_text(whole, encoding="utf-8")
    return [*made, "report.html"]


def _cycles(table: pandas.DataFrame) -> np.ndarray:
    """Conductances by cycle and reading [S]."""
    return table["g_S"].to_numpy().reshape(len(np.unique(table["cycle"].to_numpy())), -1)


def _pulse_pictures(content: dict, measured, simulated, folder: Path) -> list[str]:
    """Curve with a band of simulated cycles, spread of steps by pulse, spread over lags."""
    g, s = 1e6 * _cycles(measured), 1e6 * _cycles(simulated)
    n, curve = np.arange(g.shape[1]), 1e6 * np.array(content["pulses"]["curve_S"])
    figure, axes = axes_row(1, height=4.4)
    axes[0].plot(n, g.T, color=MUTED, lw=0.4, alpha=0.6)
    axes[0].plot([], [], color=MUTED, label=f"measured, {len(g)} cycles")
    low, high = np.quantile(s, [0.05, 0.95], axis=0)
    axes[0].fill_between(
        n, low, high, color=SIMULATED, alpha=0.25, lw=0, label="simulated, 5 to 95 %"
    )
    axes[0].plot(n, np.mean(g, axis=0), color=MEASURED, lw=1.2, label="measured, mean")
    axes[0].plot(n, curve, color=SIMULATED, lw=1.6, label="fit without noise")
    axes[0].set(xlabel="Pulse", ylabel="Conductance (µS)", title="Conductance after each pulse")
    axes[0].legend(fontsize=8)
    figure.savefig(folder / "curve.png")

    kinds = np.array(content["pulses"]["kinds"])
    figure, axes = axes_row(2)
    for cycles, color, name in ((g, MEASURED, "measured"), (s, SIMULATED, "simulated")):
        if len(cycles) < 2:
            continue
        steps = np.diff(cycles, axis=1)
        for kind, mark, word in ((0, "o", "set"), (1, "s", "reset")):
            at = np.flatnonzero(kinds == kind)
            parts = np.array_split(at, max(len(at) // _BINS, 1)) if len(at) else []
            axes[0].plot(
                [np.mean(p) + 1 for p in parts], [np.std(steps[:, p]) for p in parts],
                mark + "-", ms=4, color=color, label=f"{name}, {word}",
                mfc=color if kind == 0 else "none",
            )  # fmt: skip
    found = content["pulses"]["step_spread"]
    for name, color in (("measured", MEASURED), ("simulated", SIMULATED)):
        for word, mark in (("set", "o"), ("reset", "s")):
            lags = found[name].get(word, {}).get("lags", {})
            axes[1].plot(
                [int(k) for k in lags], [1e6 * x for x in lags.values()], mark + "-", ms=4,
                color=color, mfc=color if word == "set" else "none", label=f"{name}, {word}",
            )  # fmt: skip
    axes[0].set(
        xlabel="Pulse", ylabel="Standard deviation (µS)", ylim=(0, None),
        title=f"Step of the conductance, {_BINS} pulses together",
    )  # fmt: skip
    axes[1].set(
        xlabel="Distance (pulses)", ylabel="Standard deviation (µS)", xscale="log", ylim=(0, None),
        title="Change over so many pulses, less its mean",
    )  # fmt: skip
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(folder / "steps.png")
    return ["curve.png", "steps.png"]


def _pulse_sections(content: dict) -> list[tuple[str, str]]:
    """Randomness, spread of steps, cycles that were held out."""
    found, number = content["pulses"], readable
    rows = [
        [
            r["name"],
            number(_micro(r["value"], r["unit"])),
            number(_micro(r["std"], r["unit"]), 2),
            "µS" if r["unit"] == "S" else r["unit"],
            "" if r["determined"] else "not determined",
            r["doc"],
        ]
        for r in found["noise"]
    ]
    head = ["", "value", "sigma", "unit", "remark", "meaning"]
    sections = [("Randomness per pulse and per cycle", html_table(rows, head))] if rows else []
    spread, rows = found["step_spread"], []
    for word, m in spread["measured"].items():
        s, h = spread["simulated"][word], spread.get("held_out", {}).get(word)
        for name, pick in (
            ("all pulses", lambda x: x["all"]),
            *((f"third {k + 1}", lambda x, k=k: x["thirds"][k]) for k in range(3)),
        ):
            rows.append(
                [
                    f"{word}, {name}",
                    number(1e6 * pick(m)),
                    number(1e6 * pick(s)),
                    number(pick(s) / pick(m) if pick(m) else None, 3),
                    "" if h is None else number(1e6 * pick(h)),
                ]
            )
        values = [x["autocorrelation"] for x in (m, s)]
        rows.append([f"{word}, autocorrelation", *(number(x, 2) for x in values), "", ""])
    head = ["step", "measured (µS)", "simulated (µS)", "ratio", "held out (µS)"]
    sections.append(("Spread of the step per pulse", html_table(rows, head)))
    if found["hold_out"]:
        rows = [
            [k + 1, f"{100 * a:.2f}", f"{100 * b:.2f}"]
            for k, (a, b) in enumerate(
                zip(found["hold_out"]["fit"], found["hold_out"]["mean"], strict=True)
            )
        ]
        head = ["cycle after the fitted ones", "fit (%)", "mean of the fitted cycles (%)"]
        sections.append(("Median relative error of later cycles", html_table(rows, head)))
    return sections


def _micro(x: float | None, unit: str) -> float | None:
    """Siemens as microsiemens; the rest as it is."""
    return 1e6 * x if x is not None and unit == "S" else x


def _decay_pictures(content: dict, measured, simulated, folder: Path) -> list[str]:
    """Resistance on linear and on logarithmic time."""
    figure, axes = axes_row(2)
    t, r = measured["t_s"].to_numpy(), measured["r_ohm"].to_numpy()
    since = t - t[0]
    laws = [c for c in simulated.columns if c not in ("t_s", "r_ohm")]
    for ax, scale in zip(axes, ("linear", "log"), strict=True):
        use = since > 0 if scale == "log" else since >= 0
        ax.plot(since[use], r[use] / 1e3, ".", ms=2, color=MUTED, label="measured")
        for name, dash in zip(laws, ("-", "--", ":"), strict=False):
            ax.plot(
                since[use], simulated[name].to_numpy()[use] / 1e3, dash, color=SECOND,
                label=name.removesuffix("_ohm").replace("_", " "),
            )  # fmt: skip
        label = f"{content['model']}, {content['retention']['held_at_V']:g} V"
        ax.plot(since[use], simulated["r_ohm"].to_numpy()[use] / 1e3, color=SIMULATED, label=label)
        ax.set(xlabel="Time since the first reading (s)", ylabel="Resistance (kΩ)", xscale=scale)
    axes[0].legend(fontsize=8)
    figure.savefig(folder / "retention.png")
    return ["retention.png"]


def _decay_sections(content: dict) -> list[tuple[str, str]]:
    """Laws, the best first."""
    rows, number = [], readable
    for law in content["retention"]["laws"]:
        values = ", ".join(
            f"{n} = {number(p['value'])}"
            + ("" if p["std"] is None else f" ± {number(p['std'], 2)}")
            + f" {p['unit']}"
            for n, p in law["parameters"].items()
        )
        ahead = law["second_half_error"]
        rows.append(
            [
                law["name"],
                values,
                f"{100 * law['rms_relative']:.3f}",
                number(law["autocorrelation"], 2),
                f"{law['aic'] - content['retention']['laws'][0]['aic']:.1f}",
                "" if ahead is None else f"{100 * ahead:.3f}",
            ]
        )
    device = 100 * content["retention"]["device_rms_relative"]
    rows.append([f"model {content['model']}", "see below", f"{device:.3f}", "", "", ""])
    head = ["law", "parameters", "residual (% rms)", "autocorrelation", "AIC over the best",
            "second half from the first (%)"]  # fmt: skip
    return [("Laws of decay", html_table(rows, head))]


def _delay_pictures(content: dict, measured, simulated, folder: Path) -> list[str]:
    """Cumulative distributions; the typical curve, or both times of each curve where randomness was fitted."""
    figure, axes = axes_row(3, height=3.8)
    about, both = (
        content["transients"],
        ((measured, MEASURED, "measured"), (simulated, SIMULATED, "simulated")),
    )
    random = about.get("comparison") is not None
    limits = {"delay": about["pulse"]["width_s"], "relaxation": about["pulse"].get("watched_s")}
    for ax, name in zip(axes[:2], ("delay", "relaxation"), strict=True):
        for table, color, word in both:
            x = np.sort(table[f"{name}_s"].dropna().to_numpy()) * 1e3
            share = np.arange(1, len(x) + 1) / len(x)
            ax.step(x, share, where="post", color=color, label=f"{word}, {len(x)} curves")
        if limits[name]:
            ax.axvline(1e3 * limits[name], color=MUTED, ls=":", lw=0.9, label="no longer watched")
        w1 = about["w1_s"][name]
        title = f"W1 {1e3 * w1['value']:.3f} ms (floor {1e3 * w1['floor']:.3f} ms)"
        if random:
            ax.set_xscale("log")
            _ticked(ax.xaxis)
            title = f"{title}\nenergy test p = {about['comparison']['energy_p'][name]:.2f}"
        ax.set(
            xlabel=f"{name.capitalize()} (ms)", ylabel="Share of curves", ylim=(0, 1.02), title=title
        )  # fmt: skip
        ax.legend(fontsize=8, loc="upper left")
    (_joint if random else _typical)(axes[2], about, both)
    figure.savefig(folder / "times.png")
    if not (folder / CURVES).exists():
        return ["times.png"]
    picture_curves(pandas.read_csv(folder / CURVES), about, folder / "currents.png")
    return ["times.png", "currents.png"]


def _joint(ax: Any, about: dict, both) -> None:
    """Relaxation against delay, of each curve that switched."""
    for table, color, word in both:
        delay, after = (1e3 * table[f"{n}_s"].to_numpy() for n in ("delay", "relaxation"))
        size = 28 if len(table) < _FEW else 9
        ax.loglog(
            delay,
            after,
            "o",
            color=color,
            ms=size**0.5,
            alpha=0.7,
            label=word,
            zorder=2 + (word == "measured"),
        )
    for axis in (ax.xaxis, ax.yaxis):
        _ticked(axis)
    p = about["comparison"]["energy_p"]["joint"]
    ax.set(
        xlabel="Delay (ms)", ylabel="Relaxation (ms)",
        title=f"Both times of each curve\nenergy test p = {p:.2f}",
    )  # fmt: skip
    ax.legend(fontsize=8, loc="lower left")


def _ticked(axis: Any) -> None:
    """Plain numbers at 1, 2 and 5 of each decade of a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _typical(ax: Any, about: dict, both) -> None:
    """The current of the best values against time."""
    del both
    typical, pulse = about["typical"], about["pulse"]
    t = 1e3 * (np.array(typical["t_s"]) - pulse["onset_s"])
    ax.semilogy(t, np.maximum(typical["i_A"], 1e-12), color=SIMULATED)
    for level in {about["threshold_A"], about.get("off_threshold_A", about["threshold_A"])}:
        ax.axhline(level, color=SECOND, ls=":", lw=0.9)
    for name, start in (("delay", 0.0), ("relaxation", pulse["width_s"])):
        at = about["measured"][f"{name}_s"]["median"]
        ax.axvline(1e3 * (start + at), color=MEASURED, ls="--", lw=0.9)
    ax.set(
        xlabel="Time since the onset (ms)", ylabel="Current (A)",
        title="Best values; dashed: measured medians",
    )  # fmt: skip


def _delay_sections(content: dict) -> list[tuple[str, str]]:
    """Distributions, their distances, spreads of parameters."""
    rows, number = [], readable
    for name, w1 in content["transients"]["w1_s"].items():
        m = content["transients"]["measured"][f"{name}_s"]
        rows.append(
            [
                name,
                number(1e3 * m["median"]),
                number(1e3 * m["mean"]),
                number(1e3 * m["sd"]),
                f"{m['censored']} of {m['n']}",
                number(1e3 * w1["value"], 3),
                number(1e3 * w1["floor"], 3),
            ]
        )
    head = ["", "median (ms)", "mean (ms)", "SD (ms)", "not seen", "W1 (ms)", "floor (ms)"]
    sections = [("Measured, and how far the simulated are", html_table(rows, head))]
    if content["transients"].get("comparison"):
        sections += _comparison_sections(content)
    rows = [
        [name, number(s["sigma_ln"], 3), number(s["std"], 2), s["from"]]
        for name, s in (content["cycle_spread"] or {}).items()
    ]
    head = ["parameter", "SD of its logarithm", "sigma", "from"]
    return [*sections, ("Spread from curve to curve", html_table(rows, head))]


def _comparison_sections(content: dict) -> list[tuple[str, str]]:
    """Moments of both sides, energy tests, and what these can see."""
    found, number, rows = content["transients"]["comparison"], readable, []
    for name, c in found["times"].items():
        for word in ("measured", "simulated"):
            s = c[word]
            cells = [
                f"{name}, {word}",
                s["n"],
                f"{100 * s['censored']:.1f}",
                number(1e3 * s["mean"]),
            ]
            cells += [
                f"{s['cv']:.2f} ± {s['cv_se']:.2f}",
                f"{s['ln_mean']:.2f}",
                f"{s['ln_sd']:.2f}",
            ]
            more = [""] * 4
            if word == "simulated":
                mean, sd = c["cv_of_n"]
                more = [f"{c['log_ratio']:.2f} ± {c['log_ratio_se']:.2f}", number(c["z_log"], 2),
                        number(c["z_cv"], 2), f"{mean:.2f} ± {sd:.2f}"]  # fmt: skip
            rows.append([*cells, *more])
    head = ["", "curves", "not ended (%)", "mean (ms)", "CV", "mean ln(t/s)", "SD of ln",
            "log ratio to measured", "z", "z of the CV", "CV of as many as measured"]  # fmt: skip
    moments = html_table(rows, head) + f"<p><small>{html.escape(found['method'])}.</small></p>"
    steps = min(content["stochastic"]["step_p"])
    rows = [[f"energy test, {n}: p", f"{p:.3f}"] for n, p in found["energy_p"].items()]
    rows.append(["energy test, fixed against adaptive steps: p", f"{steps:.3f}"])
    n = found["times"]["delay"]["measured"]["n"]
    rows += [
        [f"power of the joint test at {found['level']:g} with {n} curves; alternative: {label}", f"{p:.2f}"]
        for label, p in found["power"].items()
    ]  # fmt: skip
    return [
        ("Simulated with fresh random numbers, against measured", moments),
        ("Tests, and what they can see", html_table(rows, ["", ""])),
    ]


_KINDS: dict[str, tuple[Callable, Callable]] = {
    "conductance per pulse": (_pulse_pictures, _pulse_sections),
    "resistance against time": (_decay_pictures, _decay_sections),
    "delay and relaxation": (_delay_pictures, _delay_sections),
    "spike times": (circuit_report.spike_pictures, circuit_report.spike_sections),
    "trace of a node": (circuit_report.trace_pictures, circuit_report.trace_sections),
}


def _page(content: dict, sections: list[tuple[str, str]], images: list[Path]) -> str:
    """The HTML page."""
    shown = "".join(picture(p, p.stem) for p in images)
    parts = "".join(f"<h2>{html.escape(title)}</h2>{body}" for title, body in sections)
    body = f"""
<h1>Fit of <code>{html.escape(content["model"])}</code>: {content["kind"]}</h1>
<p><small>{content["n_points"]} points in {content["n_sweeps"]} cycles, runs or curves</small></p>
{shown}{parts}
<h2>Parameters</h2>{parameters_table(content)}
<p><small>Sigma is one standard deviation to first order, from {html.escape(content["covariance_from"])}.</small></p>
{remarks(content)}
<h2>Provenance</h2>{provenance_table(content)}
"""
    return page(f"memjax fit: {content['model']}", body)
