"""Pictures and sections of a fit to conductances per pulse."""

from typing import Any

import numpy as np
import pandas

from memjax.plot.style import MEASURED, MUTED, SIMULATED

from ..figures import axes_row
from ..page.blocks import Section, Table
from ..page.fit_blocks import few_cycles, readable, undetermined_of

_BINS = 20  # pulses over which the spread of steps is averaged in a picture


def _cycles(table: pandas.DataFrame) -> np.ndarray:
    """Conductances by cycle and reading [S]."""
    return table["g_S"].to_numpy().reshape(len(np.unique(table["cycle"].to_numpy())), -1)


def drawn(content: dict) -> pandas.DataFrame:
    """The fitted curve, for a picture of several models."""
    curve = content["pulses"]["curve_S"]
    return pandas.DataFrame({"pulse": np.arange(len(curve)), "g_S": curve})


def pictures(content: dict, measured, simulated, _) -> dict[str, Any]:
    """Curve with a band of simulated cycles, spread of steps by pulse, spread over lags."""
    g, s = 1e6 * _cycles(measured), 1e6 * _cycles(simulated)
    curve = 1e6 * np.array(content["pulses"]["curve_S"])
    steps = _steps(content["pulses"], {"measured": g, "simulated": s})
    return {"curve": figure_of(curve, g, s), "steps": steps}


def figure_of(curve: np.ndarray, g: np.ndarray, s: np.ndarray) -> Any:
    """Measured cycles and their mean, the band of simulated ones and the fitted curve [µS]."""
    figure, (ax,) = axes_row(1, height=4.4)
    n = np.arange(len(curve))
    ax.plot(n, g.T, color=MUTED, lw=0.4, alpha=0.6)
    ax.plot([], [], color=MUTED, label=f"measured, {len(g)} cycles")
    if len(s):
        band = np.quantile(s, [0.05, 0.95], axis=0)
        ax.fill_between(n, *band, color=SIMULATED, alpha=0.25, lw=0, label="simulated, 5 to 95 %")
    ax.plot(n, np.mean(g, axis=0), color=MEASURED, lw=1.2, label="measured, mean")
    ax.plot(n, curve, color=SIMULATED, lw=1.6, label="fit without noise")
    ax.set(xlabel="Pulse", ylabel="Conductance (µS)", title="Conductance after each pulse")
    ax.legend(fontsize=8)
    return figure


def _steps(pulses: dict, cycles: dict[str, np.ndarray]) -> Any:
    """Spread of the step by pulse, and of the change over several pulses [µS]."""
    kinds, colors = np.array(pulses["kinds"]), {"measured": MEASURED, "simulated": SIMULATED}
    figure, axes = axes_row(2)
    for name, color in colors.items():
        steps, spread = np.diff(cycles[name], axis=1), pulses["step_spread"][name]
        for kind, (word, mark) in enumerate((("set", "o"), ("reset", "s"))):
            look: dict[str, Any] = {"ms": 4, "color": color, "label": f"{name}, {word}"}
            look["mfc"] = color if word == "set" else "none"
            at = np.flatnonzero(kinds == kind)
            parts = np.array_split(at, max(len(at) // _BINS, 1)) if len(at) else []
            middles, widths = [np.mean(p) + 1 for p in parts], [np.std(steps[:, p]) for p in parts]
            if len(steps) > 1:
                axes[0].plot(middles, widths, mark + "-", **look)
            lags = spread.get(word, {}).get("lags", {})
            places, sizes = map(int, lags), [1e6 * x for x in lags.values()]
            axes[1].plot(list(places), sizes, mark + "-", **look)
    label = {"ylabel": "Standard deviation (µS)", "ylim": (0, None)}
    axes[0].set(xlabel="Pulse", title=f"Step of the conductance, {_BINS} pulses together", **label)
    title = "Change over so many pulses, less its mean"
    axes[1].set(xlabel="Distance (pulses)", xscale="log", title=title, **label)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def sections(content: dict) -> list[Section]:
    """Randomness, spread of steps, cycles that were held out."""
    pulses, sections = content["pulses"], []
    rows = []
    for r in pulses["noise"]:
        scale, unit = (1e6, "µS") if r["unit"] == "S" else (1.0, r["unit"])
        value = readable(scale * r["value"])
        std = "" if r["std"] is None else readable(scale * r["std"], 2)
        remark = "" if r["determined"] else "not determined"
        rows.append([r["name"], value, std, unit, remark, r["doc"]])
    if rows:
        head = ["", "value", "sigma", "unit", "remark", "meaning"]
        sections.append(Section("Randomness per pulse and per cycle", [Table(head, rows)]))
    sections.append(Section("Spread of the step per pulse", [_spread(pulses["step_spread"])]))
    if held := pulses["hold_out"]:
        pairs = enumerate(zip(held["fit"], held["mean"], strict=True))
        rows = [[k + 1, *(f"{100 * x:.2f}" for x in pair)] for k, pair in pairs]
        head = ["cycle after the fitted ones", "fit (%)", "mean of the fitted cycles (%)"]
        sections.append(Section("Median relative error of later cycles", [Table(head, rows)]))
    return sections


def _spread(spread: dict) -> Table:
    """Standard deviations of the step, overall and in thirds, and its autocorrelation."""
    rows, scaled = [], lambda x, k: readable(1e6 * x[k])
    for word, m in spread["measured"].items():
        s, h = spread["simulated"][word], spread.get("held_out", {}).get(word)
        names = ["all pulses", *(f"third {k + 1}" for k in range(len(m["thirds"])))]
        a, b = ([x["all"], *x["thirds"]] for x in (m, s))
        later = [h["all"], *h["thirds"]] if h else []
        for k, name in enumerate(names):
            ratio, last = readable(b[k] / a[k] if a[k] else None, 3), later and scaled(later, k)
            rows.append([f"{word}, {name}", scaled(a, k), scaled(b, k), ratio, last or ""])
        values = [readable(x["autocorrelation"], 2) for x in (m, s)]
        rows.append([f"{word}, autocorrelation", *values, "", ""])
    return Table(["step", "measured (µS)", "simulated (µS)", "ratio", "held out (µS)"], rows)


def advice(content: dict) -> list[str]:
    """What further pulses would show: of the other polarity, of another height; more cycles."""
    pulses, left = content["pulses"], undetermined_of(content)
    words = [w for k, w in enumerate(("set", "reset")) if k in pulses["kinds"]]
    sentences = few_cycles(content["n_sweeps"])
    if left and len(words) == 1:
        sentences.append(
            f"Pulses of both polarities: these are all {words[0]} pulses, and leave {left} open."
        )
    elif left:
        sentences.append(
            "Pulses of another height or width, or sweeps, in one joint fit: those of one height leave "
            f"{left} open, others may tell them apart."
        )
    return sentences
