"""Pictures and sections of a fit to conductances per pulse."""

from pathlib import Path

import numpy as np
import pandas

from memjax.plot.style import MEASURED, MUTED, SIMULATED

from ..figures import axes_row
from ..html import html_table, readable

_BINS = 20  # pulses over which the spread of steps is averaged in a picture


def _cycles(table: pandas.DataFrame) -> np.ndarray:
    """Conductances by cycle and reading [S]."""
    return table["g_S"].to_numpy().reshape(len(np.unique(table["cycle"].to_numpy())), -1)


def drawn(content: dict) -> pandas.DataFrame:
    """The fitted curve, for a picture of several models."""
    curve = content["pulses"]["curve_S"]
    return pandas.DataFrame({"pulse": np.arange(len(curve)), "g_S": curve})


def pictures(content: dict, measured, simulated, folder: Path) -> list[str]:
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


def sections(content: dict) -> list[tuple[str, str]]:
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
