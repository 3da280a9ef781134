"""Plasticity of the synapse, drawn from the records of one run."""

from pathlib import Path

import numpy as np

from benchmarks.records import of_run, write_picture
from memjax import plot
from memjax.plot.style import MEASURED, MUTED, SECOND, SIMULATED
from memjax.synapse import Spike


def _spikes(ax) -> None:
    """Both spikes of a pair, as the neurons apply them."""
    for start, colour, label in ((1e-3, SIMULATED, "pre"), (16e-3, SECOND, "post")):
        source = Spike().at([start])
        times = np.append(np.asarray(source.times), 30e-3)
        volts = np.append(np.asarray(source.values), 0.0)
        ax.plot(1e3 * times, volts, color=colour, lw=1.6, label=label)
    ax.axhline(0.6, color=MUTED, lw=1, ls=":")
    ax.axhline(1.1, color=MUTED, lw=1, ls="--")
    ax.text(
        29.8, 0.61, "depresses above (pre)", ha="right", va="bottom", fontsize=8.5, color=MEASURED
    )
    ax.text(
        29.8,
        1.11,
        "potentiates above (post)",
        ha="right",
        va="bottom",
        fontsize=8.5,
        color=MEASURED,
    )
    ax.set(xlabel="Time (ms)", ylabel="Voltage of a neuron (V)", title="A pair of spikes")
    ax.legend(loc="center", bbox_to_anchor=(0.34, 0.62))


def _stdp(ax, rows: dict[str, dict]) -> None:
    """Both windows of spike timing, against the time."""
    for factor, colour in ((1, SIMULATED), (4, SECOND)):
        found = rows[f"stdp, relaxation x{factor}"]
        widths = [f"{1e3 * w:.1f}" for w in found["widths_s"]]
        label = f"relaxation ×{factor}: widths {widths[0]} and {widths[1]} ms"
        plot.stdp(
            np.array(found["dt_s"]), np.array(found["change"]), ax=ax, color=colour, label=label
        )
    ratio = rows["stdp, width"]
    pair = f"{ratio['ratio_potentiation']:.2f} (pre first), {ratio['ratio_depression']:.2f} (post first)"
    ax.set_title(f"Spike timing, 5 pairs; ratio of widths {pair}", fontsize=10)
    top = max(rows["stdp, relaxation x1"]["change"])
    ax.set_ylim(-0.5 * top, 1.5 * top)
    ax.legend(fontsize=8.5, loc="upper left")


def _srdp(ax, rows: dict[str, dict]) -> None:
    """Change of weight against the rate."""
    found = rows["srdp"]
    ax.axhline(0, color=MUTED, lw=0.8)
    plot.curve(
        np.array(found["rate_per_s"]),
        100 * np.array(found["change"]),
        ax=ax,
        xlabel="Rate of each neuron (1/s)",
        ylabel="Change of weight (%)",
    )
    threshold = found["threshold_per_s"]
    ax.axvline(threshold, color=MEASURED, lw=1, ls="--", label=f"threshold {threshold:.1f} /s")
    ax.set_title("Pre and post in turn, 5 spikes each")
    ax.legend()


def _pairs(ax, rows: dict[str, dict]) -> None:
    """Ratio of paired pulses against the interval; the rest of 1000 s is left out."""
    found = rows["paired pulses"]
    interval, ratio = np.array(found["interval_s"]), np.array(found["ratio"])[:, 1]
    plot.ppf(interval[:-1], ratio[:-1], ax=ax)
    at = found["crossing_s"][0]
    ax.axvline(at, color=MEASURED, lw=1, ls="--", label=f"passes 1 at {1e3 * at:.0f} ms")
    ax.set_title("Two pulses of 0.8 V, 6 ms")
    ax.legend()


def _trains(ax, rows: dict[str, dict]) -> None:
    """Responses along trains."""
    found = rows["paired pulses"]
    interval, ratio = np.array(found["interval_s"]), np.array(found["ratio"])
    ax.axhline(1, color=MUTED, lw=0.8)
    for want, colour in ((3e-3, SIMULATED), (20e-3, SECOND), (0.3, MEASURED)):
        k = int(np.argmin(np.abs(np.log(interval / want))))
        number = np.arange(1, ratio.shape[1] + 1)
        label = f"interval {1e3 * interval[k]:g} ms"
        ax.plot(number, ratio[k], "o-", ms=4.5, color=colour, label=label)
    ax.set(xlabel="Pulse", ylabel="Response over the first", title="Trains of such pulses")
    ax.legend()


def _rest(ax, rows: dict[str, dict]) -> None:
    """What is left of a weight at rest."""
    shown = {"retention": "VTEAM (default)", "retention, drift memristor": "drift, published set"}
    for (name, label), colour in zip(shown.items(), (SIMULATED, SECOND)):
        t, kept = np.array(rows[name]["time_s"]), np.array(rows[name]["kept"])
        ax.plot(t[1:], kept[1:], "o-", ms=4, color=colour, label=label)
    ax.set(
        xscale="log",
        xlabel="Time at rest (s)",
        ylabel="Conductance over that at first",
        ylim=(0, 1.1),
        title="Retention",
    )
    ax.legend()


def draw(records: list[dict]):
    """The figure of the records of one run."""
    from matplotlib.figure import Figure

    rows = {r["variant"]: r["extra"] for r in records}
    with plot.style():
        figure = Figure(figsize=(15, 8.6), layout="constrained")
        axes = figure.subplots(2, 3)
        parts = [_stdp, _srdp, _pairs, _trains]
        parts += [_rest] if "retention" in rows else []
        _spikes(axes[0, 0])
        for ax, part in zip(axes.flat[1:], parts):
            part(ax, rows)
        for ax in axes.flat[len(parts) + 1 :]:
            ax.set_axis_off()
        figure.suptitle("Synapse of a diffusive and a drift memristor: values chosen here, no rule")
    return figure


def write(path: Path, run_id: str) -> Path:
    """Write synapse.png and synapse.json beside the records of a run."""
    rows = of_run(path, "synapse", run_id)
    return write_picture(path, "synapse", rows, draw(rows))
