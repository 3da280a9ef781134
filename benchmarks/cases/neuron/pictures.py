"""The page of the six functions."""

from pathlib import Path

import numpy as np

from benchmarks.cases.neuron import published
from memjax.plot import isi_histogram, refractory
from memjax.plot.style import MEASURED, SECOND, SIMULATED, style

HOLLOW = {"ls": "none", "marker": "o", "mfc": "white", "color": MEASURED, "zorder": 5}


def _leak(ax, found) -> None:
    """Pulses to the first spike."""
    ours, theirs = found["pulses"], published.PULSES
    ax.plot([1e3 * g for g in ours], ours.values(), ".-", color=SIMULATED, label="memjax, Table 1")
    ax.plot([1e3 * g for g in theirs], theirs.values(), **HOLLOW, label="published [2nd]")
    ax.set(xlabel="Gap between pulses (ms)", ylabel="Pulses to first spike", ylim=(0, None))
    ax.set_title("1 Leaky integration: 0.9 V, 1 ms")


def _threshold(ax, found) -> None:
    """Time to fire, and the probability to fire in 15 ms."""
    v = list(found["turn_on"])
    ax.plot(
        v, [1e3 * t for t in found["turn_on"].values()], ".-", color=SIMULATED, label="time to fire"
    )
    ax.set(xlabel="Input (V)", ylabel="Time to fire (ms)", ylim=(0, None))
    other = ax.twinx()
    p = found["firing"]
    y = np.array([[q.value, q.low, q.high] for q in p.values()]).T
    bars = np.abs(y[1:] - y[0])
    other.errorbar(list(p), y[0], bars, color=SECOND, marker=".", capsize=3, label="fires in 15 ms")
    other.plot(list(published.PROBABILITY), published.PROBABILITY.values(), **HOLLOW)
    other.set(ylabel="Probability", ylim=(-0.03, 1.03))
    other.grid(visible=False)
    ax.set_title("2 Threshold firing")
    lines = [*ax.get_legend_handles_labels()[0], *other.get_legend_handles_labels()[0]]
    ax.legend(handles=lines, loc="upper center", fontsize=9)


def _chain(ax, found) -> None:
    """Gates of the chain."""
    chain = found["chain"]
    for k, gate in enumerate(chain.gates):
        shown = slice(None, None, 8)
        ax.plot(
            1e3 * chain.t[shown],
            gate[shown] + 1.2 * k,
            color=(SIMULATED, SECOND, MEASURED)[k],
            lw=0.7,
        )
        ax.text(
            1, 1.2 * k + 1.03, f"neuron {k + 1}: first at {1e3 * chain.first[k]:.0f} ms", fontsize=9
        )
    ax.set(xlabel="Time (ms)", ylabel="Gate (V), shifted by 1.2 V each")
    ax.set_title("3 Cascade of three")


def _intervals(ax, found) -> None:
    """Intervals against R_c."""
    every = found["intervals"]
    r = np.array(list(every))
    mean = np.array([s.mean for s in every.values()])
    se = np.array([s.mean_se for s in every.values()])
    refractory(r, mean, 2 * se, ax=ax, color=SIMULATED, label="memjax, to 0.9 s")
    if "long" in found:
        last = max(found["long"])
        long = [found["long"][last][x] for x in r]
        ax.plot(r, long, "--", color=SECOND, label=f"memjax, to {last:g} s")
    ax.plot(r, [published.INTERVALS[x] for x in r], **HOLLOW, label="published [2nd]")
    ax.set_title("4 Refractory period against $R_c$")
    ax.legend(fontsize=9)


def _plasticity(ax, found) -> None:
    """Share by which the second integration is shorter."""
    gaps = np.array(list(found["plasticity"]))
    short = [1 - s / f for f, s in found["plasticity"].values()]
    theirs = [published.SHORTENED[g] / published.INTEGRATION for g in gaps]
    ax.plot(1e3 * gaps, short, ".-", color=SIMULATED, label="memjax, Table 1 (first: 2.7 ms)")
    ax.plot(1e3 * gaps, theirs, **HOLLOW, label="published [2nd] (first: 13 ms)")
    ax.set(xscale="log", xlabel="Gap (ms)", ylabel="Second integration shorter by", ylim=(0, None))
    ax.set_title("5 Intrinsic plasticity: 2 V, 20 ms twice")


def _random(ax, found) -> None:
    """Histogram of intervals."""
    trains = found["run"].trains[250e6]
    intervals = np.concatenate([np.diff(s[s > 0.3]) for s in trains])
    isi_histogram(intervals, ax=ax, color=SIMULATED, label="250 Mohm, sigma1 = 7e-3")
    ax.set_title("6 Stochasticity: intervals between spikes")


def write(path: Path, found: dict) -> Path:
    """Write neuron.png beside the records at `path`."""
    parts = [_leak, _threshold, _chain, _intervals, _plasticity, _random]
    parts = [p for p in parts if p is not _chain or "chain" in found]
    target = path.with_name("neuron.png")
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(16, 9), layout="constrained")
        axes = figure.subplots(2, 3).ravel()
        for ax, part in zip(axes, parts):
            part(ax, found)
            if ax.get_legend() is None and ax.get_legend_handles_labels()[0]:
                ax.legend(fontsize=9)
        for ax in axes[len(parts) :]:
            ax.set_axis_off()
        figure.savefig(target)
    return target
