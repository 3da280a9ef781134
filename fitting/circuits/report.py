"""Pictures and tables of fits to spike trains, and to the trace of a node."""

from pathlib import Path

import numpy as np

from memjax.plot.style import MEASURED, MUTED, SIMULATED

from ..figures import axes_row
from ..html import html_table, readable

_DRAWN = 24  # trains of either side in a raster


def _prefixed(seconds: float) -> tuple[float, str]:
    """Factor and unit in which a time is read well."""
    units = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"))
    return next((u for u in units if seconds * u[0] >= 1), units[-1])


def spike_pictures(content: dict, measured, simulated, folder: Path) -> list[str]:
    """Rasters above one another, cumulative distributions of intervals and latencies."""
    about = content["spikes"]
    start, stop = about["window_s"]
    both = ((measured, MEASURED, "measured"), (simulated, SIMULATED, "simulated"))
    trains = [[x["t_s"].to_numpy() for _, x in table.groupby("train")] for table, _, _ in both]
    figure, axes = axes_row(3)
    factor, unit = _prefixed(stop - start)
    floor = 0
    for (_, color, word), own in zip(both, trains, strict=True):
        shown = own[:_DRAWN]
        axes[0].eventplot(
            [factor * (t - start) for t in shown],
            lineoffsets=np.arange(len(shown)) + floor,
            linelengths=0.8,
            linewidths=0.9,
            colors=color,
        )
        axes[0].plot([], [], color=color, label=f"{word}, {len(shown)} of {len(own)} trains")
        floor += len(shown) + 1
    axes[0].set(
        xlabel=f"Time ({unit})", ylabel="Train", yticks=[], xlim=(0, factor * (stop - start)),
        ylim=(-1, 1.25 * floor), title="Spikes",
    )  # fmt: skip
    axes[0].legend(fontsize=8, loc="upper left", ncols=2)
    kinds = {"isi": ("Interval", np.diff), "latency": ("Latency", lambda t: t[:1] - start)}
    for ax, (name, (word, values)) in zip(axes[1:], kinds.items(), strict=True):
        samples = [np.sort(np.concatenate([np.zeros(0), *map(values, own)])) for own in trains]
        found = about["comparison"][name]
        factor, unit = _prefixed(max((float(np.median(x)) for x in samples if x.size), default=1.0))
        for (_, color, side), x in zip(both, samples, strict=True):
            share = np.arange(1, len(x) + 1) / max(len(x), 1)
            ax.step(factor * x, share, where="post", color=color, label=f"{side}, {len(x)}")
        w1, noise = found["w1"], found["floor"]
        title = "" if w1 is None else f"W1 {readable(factor * w1)} {unit}"
        title += "" if noise is None else f" (floor {readable(factor * noise)} {unit})"
        ax.set(xlabel=f"{word} ({unit})", ylabel="Share", ylim=(0, 1.02), title=title)
        ax.legend(fontsize=8, loc="lower right")
    figure.savefig(folder / "spikes.png")
    return ["spikes.png"]


def spike_sections(content: dict) -> list[tuple[str, str]]:
    """Summaries, distributions, how it was estimated."""
    about, number = content["spikes"], readable
    rows = [
        [n, number(s["measured"], 4), number(s["simulated"], 4), number(s["sigma"], 2), number(s["z"], 2)]
        for n, s in about["summaries"].items()
    ]  # fmt: skip
    head = ["logarithm of", "measured", "simulated", "sigma of the difference", "z"]
    sections = [("Summaries that were fitted", html_table(rows, head))]
    rows, scales = [], {"rate": (1.0, "1/s"), "isi": None, "latency": None}
    for name, scale in scales.items():
        c = about["comparison"][name]
        m, s = c["measured"], c["simulated"]
        factor, unit = scale or _prefixed(m["mean"] or s["mean"] or 1.0)
        cells = [number(None if x["mean"] is None else factor * x["mean"]) for x in (m, s)]
        cells += [number(x["cv"], 3) for x in (m, s)]
        cells += [number(None if c[k] is None else factor * c[k], 3) for k in ("w1", "floor")]
        z = ", ".join(number(x, 2) for x in c.get("z", {}).values())
        rows.append([f"{name} ({unit})", *cells, z])
    head = ["", "mean, measured", "simulated", "CV, measured", "simulated", "W1", "floor",
            "z of mean, CV"]  # fmt: skip
    sections.append(("Fresh trains in adaptive steps against the measured ones", html_table(rows, head)))  # fmt: skip
    p = about["p"]
    rows = [
        ["estimator", about["estimator"]],
        ["simulated trains of each parameter set", str(about["members"])],
        ["chi squared of the summaries", f"{about['chi2']:.3g} of {about['freedom']}"
         + ("" if p is None else f", p = {p:.3g}")],
        ["energy test, fresh against measured trains: p", number(about["comparison"]["energy_p"], 3)],
        ["steps, and p of an energy test against adaptive ones",
         "; ".join(f"{readable(s['dt_s'])} s: {s['p']:.3f}" for s in about["steps"])],
        ["a spike", f"{about['signal']} rises above {about['level']:g}"
         + ("" if about["rearm"] is None else f" after it was below {about['rearm']:g}")],
    ]  # fmt: skip
    return [*sections, ("How it was estimated", html_table(rows, ["", ""]))]


def trace_pictures(content: dict, measured, simulated, folder: Path) -> list[str]:
    """The trace over the model, and residuals in sigma."""
    about = content["trace"]
    name = "i_A" if about["unit"] == "A" else "v_V"
    t, x, y = measured["t_s"].to_numpy(), measured[name].to_numpy(), simulated[name].to_numpy()
    figure, axes = axes_row(2)
    factor, unit = _prefixed(float(t[-1] - t[0]))
    axes[0].plot(factor * t, x, ".", ms=3, color=MUTED, label="measured")
    axes[0].plot(factor * t, y, color=SIMULATED, label="fit")
    word = "Current" if about["unit"] == "A" else "Voltage"
    axes[0].set(xlabel=f"Time ({unit})", ylabel=f"{word} ({about['unit']})", title=about["node"])
    axes[0].legend(fontsize=8)
    axes[1].axhline(0, color=MUTED, lw=0.8)
    axes[1].plot(factor * t, (x - y) / about["sigma"], ".", ms=3, color=MEASURED)
    axes[1].set(
        xlabel=f"Time ({unit})", ylabel="Residual (sigma)",
        title=f"chi squared per degree of freedom {about['chi2']:.3g}",
    )  # fmt: skip
    figure.savefig(folder / "trace.png")
    return ["trace.png"]


def trace_sections(content: dict) -> list[tuple[str, str]]:
    """What was measured, and how well."""
    about = content["trace"]
    rows = [
        ["signal", about["node"]],
        [f"sigma of a row ({about['unit']})", f"{readable(about['sigma'])} ({about['sigma_from']})"],
        ["chi squared per degree of freedom", readable(about["chi2"], 3)],
        ["search ended", "yes" if about["converged"] else "no"],
    ]  # fmt: skip
    return [("The trace", html_table(rows, ["", ""]))]
