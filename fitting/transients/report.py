"""Pictures and sections of a fit to delays and relaxations."""

import html
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.plot.style import MEASURED, MUTED, SECOND, SIMULATED

from ..figures import axes_row
from ..html import html_table, readable
from ..time_pictures import CURVES, picture_curves

_FEW = 50  # curves below which each is drawn large


def pictures(content: dict, measured, simulated, folder: Path) -> list[str]:
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


def sections(content: dict) -> list[tuple[str, str]]:
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
