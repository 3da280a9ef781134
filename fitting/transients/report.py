"""What a fit directory holds of delays and relaxations: content, tables, pictures and sections."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.plot.style import MEASURED, MUTED, SECOND, SIMULATED

from ..figures import axes_row
from ..fit_json import randomness_of
from ..page.blocks import Note, Section, Table
from ..page.fit_blocks import readable, undetermined_of
from ..time_pictures import CURVES, figure_curves

_POWER = 0.5  # of a test, below which more curves are advised

_FEW = 50  # curves below which each is drawn large


def content(fit: Any) -> dict:
    """What ``fit.json`` holds of delays and relaxations."""
    entries: dict[str, Any] = {
        "n_points": len(fit.features.responses),
        "n_sweeps": len(fit.features.responses),
        "reduced_chi2": 2 * fit.loss,
        "covariance_from": "standard errors of the medians",
        "cycle_spread": fit.cycle_spread,
        "reader": ["curves under one pulse each"],
        "transients": fit.as_json(),
    }
    if fit.stochastic is not None:
        entries |= {
            "stochastic": randomness_of(fit.stochastic),
            "undetermined": list(fit.stochastic.undetermined),
            "covariance_from": "resampled cycles; correlations are not kept",
            "interrupted": fit.stochastic.interrupted,
        }
    return entries


def tables(fit: Any) -> dict[str, pandas.DataFrame]:
    """Times of measured and simulated curves, and some of the measured curves where there are any."""
    return fit.tables() | ({"curves": pandas.DataFrame(fit.curves)} if fit.curves else {})


def pictures(content: dict, measured, simulated, folder: Path) -> dict[str, Any]:
    """The picture of `figure_of`, and currents against time where some curves were kept."""
    transients = content["transients"]
    figures = {"times": figure_of(transients, measured, simulated)}
    if (folder / CURVES).exists():
        figures["currents"] = figure_curves(pandas.read_csv(folder / CURVES), transients)
    return figures


def figure_of(transients: dict, measured: pandas.DataFrame, simulated: pandas.DataFrame) -> Any:
    """Cumulative distributions; the typical curve, or both times of each curve where randomness was fitted."""
    figure, axes = axes_row(3, height=3.8)
    both = ((measured, MEASURED, "measured"), (simulated, SIMULATED, "simulated"))
    comparison = transients.get("comparison")
    limits = {
        "delay": transients["pulse"]["width_s"],
        "relaxation": transients["pulse"].get("watched_s"),
    }
    for ax, (name, limit) in zip(axes, limits.items(), strict=False):
        for table, color, word in both:
            x = np.sort(table[f"{name}_s"].dropna().to_numpy()) * 1e3
            share = np.arange(1, len(x) + 1) / len(x)
            ax.step(x, share, where="post", color=color, label=f"{word}, {len(x)} curves")
        if limit:
            ax.axvline(1e3 * limit, color=MUTED, ls=":", lw=0.9, label="no longer watched")
        w1 = {key: 1e3 * x for key, x in transients["w1_s"][name].items()}
        title = f"W1 {w1['value']:.3f} ms (floor {w1['floor']:.3f} ms)"
        if comparison is not None:
            ax.set_xscale("log")
            _ticked(ax.xaxis)
            title = f"{title}\nenergy test p = {comparison['energy_p'][name]:.2f}"
        ax.set(xlabel=f"{name.capitalize()} (ms)", ylabel="Share of curves", ylim=(0, 1.02))
        ax.set_title(title)
        ax.legend(fontsize=8, loc="lower right")
    if comparison is None:
        _typical(axes[2], transients)
    else:
        _joint(axes[2], comparison["energy_p"]["joint"], both)
    return figure


def _joint(ax: Any, p: float, both) -> None:
    """Relaxation against delay, of each curve that switched, and the probability of the energy test."""
    for table, color, word in both:
        times = (1e3 * table[f"{n}_s"].to_numpy() for n in ("delay", "relaxation"))
        size, order = 28 if len(table) < _FEW else 9, 2 + (word == "measured")
        ax.loglog(*times, "o", color=color, ms=size**0.5, alpha=0.7, label=word, zorder=order)
    for axis in (ax.xaxis, ax.yaxis):
        _ticked(axis)
    title = f"Both times of each curve\nenergy test p = {p:.2f}"
    ax.set(xlabel="Delay (ms)", ylabel="Relaxation (ms)", title=title)
    ax.legend(fontsize=8, loc="lower left")


def _ticked(axis: Any) -> None:
    """Plain numbers at 1, 2 and 5 of each decade of a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _typical(ax: Any, transients: dict) -> None:
    """The current of the best values against time."""
    typical, pulse = transients["typical"], transients["pulse"]
    t = 1e3 * (np.array(typical["t_s"]) - pulse["onset_s"])
    ax.semilogy(t, np.maximum(typical["i_A"], 1e-12), color=SIMULATED)
    on = transients["threshold_A"]
    for level in {on, transients.get("off_threshold_A", on)}:
        ax.axhline(level, color=SECOND, ls=":", lw=0.9)
    for name, start in (("delay", 0.0), ("relaxation", pulse["width_s"])):
        at = transients["measured"][f"{name}_s"]["median"]
        ax.axvline(1e3 * (start + at), color=MEASURED, ls="--", lw=0.9)
    title = "Best values; dashed: measured medians"
    ax.set(xlabel="Time since the onset (ms)", ylabel="Current (A)", title=title)


def sections(content: dict) -> list[Section]:
    """Distributions, their distances, spreads of parameters."""
    transients, rows = content["transients"], []
    for name, w1 in transients["w1_s"].items():
        m = transients["measured"][f"{name}_s"]
        moments = (readable(1e3 * m[key]) for key in ("median", "mean", "sd"))
        distances = (readable(1e3 * w1[key], 3) for key in ("value", "floor"))
        rows.append([name, *moments, f"{m['censored']} of {m['n']}", *distances])
    head = ["", "median (ms)", "mean (ms)", "SD (ms)", "not seen", "W1 (ms)", "floor (ms)"]
    sections = [Section("Measured, and how far the simulated are", [Table(head, rows)])]
    if transients.get("comparison"):
        steps = min(content["stochastic"]["step_p"])
        sections += _comparison_sections(transients["comparison"], steps)
    rows = [
        [name, readable(s["sigma_ln"], 3), readable(s["std"], 2), s["from"]]
        for name, s in (content["cycle_spread"] or {}).items()
    ]
    head = ["parameter", "SD of its logarithm", "sigma", "from"]
    return [*sections, Section("Spread from curve to curve", [Table(head, rows)])]


def _comparison_sections(comparison: dict, steps: float) -> list[Section]:
    """Moments of both sides, energy tests and that between fixed and adaptive steps, and what these can see."""
    rows = []
    for name, c in comparison["times"].items():
        mean, sd = c["cv_of_n"]
        ratio = f"{c['log_ratio']:.2f} ± {c['log_ratio_se']:.2f}"
        z = [readable(c[key], 2) for key in ("z_log", "z_cv")]
        more = {"measured": [""] * 4, "simulated": [ratio, *z, f"{mean:.2f} ± {sd:.2f}"]}
        for word, cells in more.items():
            s = c[word]
            moments = [f"{100 * s['censored']:.1f}", readable(1e3 * s["mean"])]
            moments += [f"{s['cv']:.2f} ± {s['cv_se']:.2f}", f"{s['ln_mean']:.2f}"]
            rows.append([f"{name}, {word}", s["n"], *moments, f"{s['ln_sd']:.2f}", *cells])
    head = ["", "curves", "not ended (%)", "mean (ms)", "CV", "mean ln(t/s)", "SD of ln",
            "log ratio to measured", "z", "z of the CV", "CV of as many as measured"]  # fmt: skip
    tables = [Table(head, rows), Note(f"{comparison['method']}.")]
    n = comparison["times"]["delay"]["measured"]["n"]
    power = f"power of the joint test at {comparison['level']:g} with {n} curves; alternative"
    tests = [[f"energy test, {n}: p", f"{p:.3f}"] for n, p in comparison["energy_p"].items()]
    tests.append(["energy test, fixed against adaptive steps: p", f"{steps:.3f}"])
    tests += [[f"{power}: {label}", f"{p:.2f}"] for label, p in comparison["power"].items()]
    return [
        Section("Simulated with fresh random numbers, against measured", tables),
        Section("Tests, and what they can see", [Table(["", ""], tests)]),
    ]


def advice(content: dict) -> list[str]:
    """What further curves would show: longer ones, where some did not end; more, where the tests see little."""
    transients, sentences = content["transients"], []
    pulse, times = transients["pulse"], transients["measured"]
    if late := times["delay_s"]["censored"]:
        n, width = times["delay_s"]["n"], 1e3 * pulse["width_s"]
        sentences.append(
            f"Longer pulses: {late} of {n} curves did not switch within {width:.3g} ms."
        )
    if late := times["relaxation_s"]["censored"]:
        n = times["relaxation_s"]["n"]
        sentences.append(
            f"Currents for longer after the pulse: {late} of {n} curves were not seen to relax."
        )
    power = (transients.get("comparison") or {}).get("power", {})
    if weak := {label: p for label, p in power.items() if p < _POWER}:
        label, p = min(weak.items(), key=lambda x: x[1])
        n = times["delay_s"]["n"]
        sentences.append(f'More curves: {n} would show "{label}" with a probability of {p:.2f}.')
    if left := undetermined_of(content):
        sentences.append(
            "Pulses of another height, or sweeps, in one joint fit: pulses of "
            f"{pulse['amplitude_V']:g} V alone leave {left} open."
        )
    return sentences
