"""What a fit directory holds of spike trains, and of the trace of a node: content, tables, pictures and sections."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas
from jaxtyping import Float

from memjax.errors import DataError
from memjax.plot.style import MEASURED, MUTED, SIMULATED

from ..figures import axes_row
from ..page.blocks import Section, Table
from ..page.fit_blocks import readable, undetermined_of

Trains = Sequence[Float[np.ndarray, " _"]]

_DRAWN = 24  # trains of either side in a raster

_METHOD = "method of simulated moments; derivatives by central differences with the same random numbers on both sides"


def spike_content(fit: Any) -> dict:
    """What ``fit.json`` holds of spike trains: signal, estimator, summaries, how fresh trains compare."""
    bench, fresh = fit.problem.simulated, _fresh(fit)
    rows = zip(fit.summaries, fit.measured, fit.simulated, fit.sigma, strict=True)
    return {
        "n_points": int(sum(map(len, fresh.measured))),
        "n_sweeps": len(fresh.measured),
        "reduced_chi2": fit.chi2 / fit.chi2_freedom if fit.chi2_freedom > 0 else None,
        "covariance_from": "simulated trains",
        "reader": ["spike times"],
        "spikes": {
            "signal": bench.signal,
            "level": bench.level,
            "rearm": bench.rearm,
            "window_s": list(bench.window),
            "estimator": _METHOD,
            "members": bench.members,
            "dt_s": fresh.steps[-1]["dt_s"],
            "rows_s": bench.save,
            "steps": list(fresh.steps),
            "summaries": {
                n: {"measured": float(m), "simulated": float(s), "sigma": float(e), "z": float((s - m) / e)}
                for n, m, s, e in rows
            },
            "chi2": fit.chi2,
            "freedom": fit.chi2_freedom,
            "p": fit.probability,
            "comparison": fresh.comparison,
        },
    }  # fmt: skip


def _fresh(fit: Any) -> Any:
    if fit.fresh is None:
        what, fix = "a fit of moments alone, without fresh trains", "solve a fitting.SpikeProblem"
        raise DataError(what, where="the folder of a fit to spikes", fix=fix)
    return fit.fresh


def _table(trains: Trains) -> pandas.DataFrame:
    train = np.repeat(np.arange(len(trains)), [len(t) for t in trains])
    return pandas.DataFrame({"train": train, "t_s": np.concatenate([np.zeros(0), *trains])})


def spike_tables(fit: Any) -> dict[str, pandas.DataFrame]:
    """Measured and simulated trains."""
    fresh = _fresh(fit)
    return {"measured": _table(fresh.measured), "simulated": _table(fresh.simulated)}


def trace_content(fit: Any) -> dict:
    """What ``fit.json`` holds of the trace of a node; errors stand for the scatter where no sigma was given."""
    stated, node = fit.stated, fit.problem.node
    return {
        "n_points": len(fit.trace),
        "n_sweeps": 1,
        "reduced_chi2": fit.chi2,
        "covariance_from": "sigma" if stated else "residuals",
        "reader": ["a trace"],
        "trace": {
            "node": node,
            "unit": "A" if node == "i" else "V",
            "sigma": fit.sigma,
            "sigma_from": "given" if stated else "differences of neighbouring rows",
            "chi2": fit.chi2,
            "converged": fit.converged,
        },
    }


def trace_tables(fit: Any) -> dict[str, pandas.DataFrame]:
    """Measured and simulated trace."""
    problem, column = fit.problem, "i_A" if fit.problem.node == "i" else "v_V"
    sides = {"measured": problem.data, "simulated": fit.trace}
    rows = np.asarray(problem.rows)
    return {n: pandas.DataFrame({"t_s": rows, column: np.asarray(x)}) for n, x in sides.items()}


def _prefixed(seconds: float) -> tuple[float, str]:
    """Factor and unit in which a time is read well."""
    units = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"))
    return next((u for u in units if seconds * u[0] >= 1), units[-1])


def spike_pictures(content: dict, measured, simulated, _) -> dict[str, Any]:
    """The picture of `spike_figure`."""
    spikes = content["spikes"]
    trains = [[x["t_s"].to_numpy() for _, x in t.groupby("train")] for t in (measured, simulated)]
    figure = spike_figure(trains[0], trains[1], spikes["window_s"], spikes["comparison"])
    return {"spikes": figure}


def spike_figure(
    measured: Trains, simulated: Trains, window: Sequence[float], comparison: dict
) -> Any:
    """Rasters above one another, cumulative distributions of intervals and latencies of spike times [s]."""
    start, stop = window
    both = ((MEASURED, "measured"), (SIMULATED, "simulated"))
    trains = [measured, simulated]
    figure, axes = axes_row(3)
    factor, unit = _prefixed(stop - start)
    floor = 0
    for (color, word), group in zip(both, trains, strict=True):
        times = [factor * (t - start) for t in group[:_DRAWN]]
        lines: dict[str, Any] = dict(lineoffsets=np.arange(len(times)) + floor, linelengths=0.8)
        axes[0].eventplot(times, linewidths=0.9, colors=color, **lines)
        axes[0].plot([], [], color=color, label=f"{word}, {len(times)} of {len(group)} trains")
        floor += len(times) + 1
    span, height = (0, factor * (stop - start)), (-1, 1.25 * floor)
    axes[0].set(xlabel=f"Time ({unit})", ylabel="Train", yticks=[], xlim=span, ylim=height)
    axes[0].set_title("Spikes")
    axes[0].legend(fontsize=8, loc="upper left", ncols=2)
    kinds = {"isi": ("Interval", np.diff), "latency": ("Latency", lambda t: t[:1] - start)}
    for ax, (name, (word, values)) in zip(axes[1:], kinds.items(), strict=True):
        samples = [np.sort(np.concatenate([np.zeros(0), *map(values, group)])) for group in trains]
        factor, unit = _prefixed(max((float(np.median(x)) for x in samples if x.size), default=1.0))
        for (color, side), x in zip(both, samples, strict=True):
            share = np.arange(1, len(x) + 1) / max(len(x), 1)
            ax.step(factor * x, share, where="post", color=color, label=f"{side}, {len(x)}")
        w1, noise = (comparison[name][key] for key in ("w1", "floor"))
        title = "" if w1 is None else f"W1 {readable(factor * w1)} {unit}"
        title += "" if noise is None else f" (floor {readable(factor * noise)} {unit})"
        ax.set(xlabel=f"{word} ({unit})", ylabel="Share", ylim=(0, 1.02), title=title)
        ax.legend(fontsize=8, loc="lower right")
    return figure


def summary_figure(
    names: Sequence[str], measured: np.ndarray, simulated: np.ndarray, sigma: np.ndarray
) -> Any:
    """How far each simulated summary is from the measured one, in standard deviations of their difference."""
    figure, (ax,) = axes_row(1, height=1.2 + 0.35 * len(names))
    rows = np.arange(len(names))
    ax.axvspan(-1, 1, color=MUTED, alpha=0.2, lw=0)
    ax.axvline(0, color=MUTED, lw=0.8)
    ax.plot((simulated - measured) / sigma, rows, "o", color=SIMULATED, ms=5)
    ax.set_yticks(rows, [f"ln of {n}" for n in names])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel="Simulated less measured (standard deviations)")
    return figure


def spike_sections(content: dict) -> list[Section]:
    """Summaries, distributions, how it was estimated."""
    spikes, digits = content["spikes"], {"measured": 4, "simulated": 4, "sigma": 2, "z": 2}
    summaries = [
        [n, *(readable(s[key], k) for key, k in digits.items())]
        for n, s in spikes["summaries"].items()
    ]
    rows = []
    for name, c in ((n, spikes["comparison"][n]) for n in ("rate", "isi", "latency")):
        m, s = c["measured"], c["simulated"]
        factor, unit = (1.0, "1/s") if name == "rate" else _prefixed(m["mean"] or s["mean"] or 1.0)
        scaled = lambda x, k: readable(None if x is None else factor * x, k)  # noqa: B023, E731
        cells = [scaled(x["mean"], 4) for x in (m, s)] + [readable(x["cv"], 3) for x in (m, s)]
        cells += [scaled(c[key], 3) for key in ("w1", "floor")]
        z = ", ".join(readable(x, 2) for x in c.get("z", {}).values())
        rows.append([f"{name} ({unit})", *cells, z])
    head = ["", "mean, measured", "simulated", "CV, measured", "simulated", "W1", "floor",
            "z of mean, CV"]  # fmt: skip
    p = spikes["p"]
    estimated = [
        ["estimator", spikes["estimator"]],
        ["simulated trains of each parameter set", str(spikes["members"])],
        ["chi squared of the summaries", f"{spikes['chi2']:.3g} of {spikes['freedom']}"
         + ("" if p is None else f", p = {p:.3g}")],
        ["energy test, fresh against measured trains: p", readable(spikes["comparison"]["energy_p"], 3)],
        ["steps, and p of an energy test against adaptive ones",
         "; ".join(f"{readable(s['dt_s'])} s: {s['p']:.3f}" for s in spikes["steps"])],
        ["a spike", f"{spikes['signal']} rises above {spikes['level']:g}"
         + ("" if spikes["rearm"] is None else f" after it was below {spikes['rearm']:g}")],
    ]  # fmt: skip
    named = ["logarithm of", "measured", "simulated", "sigma of the difference", "z"]
    return [
        Section("Summaries that were fitted", [Table(named, summaries)]),
        Section("Fresh trains in adaptive steps against the measured ones", [Table(head, rows)]),
        Section("How it was estimated", [Table(["", ""], estimated)]),
    ]


def trace_pictures(content: dict, measured, simulated, _) -> dict[str, Any]:
    """The picture of `trace_figure`."""
    trace = content["trace"]
    name = "i_A" if trace["unit"] == "A" else "v_V"
    columns = measured["t_s"].to_numpy(), measured[name].to_numpy(), simulated[name].to_numpy()
    return {"trace": trace_figure(*columns, trace)}


def trace_figure(t: np.ndarray, x: np.ndarray, y: np.ndarray, trace: dict) -> Any:
    """The trace over the model, and residuals in sigma; `trace` says node, unit, sigma and chi2."""
    figure, axes = axes_row(2)
    factor, unit = _prefixed(float(t[-1] - t[0]))
    axes[0].plot(factor * t, x, ".", ms=3, color=MUTED, label="measured")
    axes[0].plot(factor * t, y, color=SIMULATED, label="fit")
    word = "Current" if trace["unit"] == "A" else "Voltage"
    axes[0].set(xlabel=f"Time ({unit})", ylabel=f"{word} ({trace['unit']})", title=trace["node"])
    axes[0].legend(fontsize=8)
    axes[1].axhline(0, color=MUTED, lw=0.8)
    axes[1].plot(factor * t, (x - y) / trace["sigma"], ".", ms=3, color=MEASURED)
    title = f"chi squared per degree of freedom {trace['chi2']:.3g}"
    axes[1].set(xlabel=f"Time ({unit})", ylabel="Residual (sigma)", title=title)
    return figure


def trace_sections(content: dict) -> list[Section]:
    """What was measured, and how well."""
    trace = content["trace"]
    rows = [
        ["signal", trace["node"]],
        [f"sigma of a row ({trace['unit']})", f"{readable(trace['sigma'])} ({trace['sigma_from']})"],
        ["chi squared per degree of freedom", readable(trace["chi2"], 3)],
        ["search ended", "yes" if trace["converged"] else "no"],
    ]  # fmt: skip
    return [Section("The trace", [Table(["", ""], rows)])]


def spike_advice(content: dict) -> list[str]:
    """What further trains would show: under another drive, where the summaries are too few; more of them."""
    spikes, left = content["spikes"], undetermined_of(content)
    sentences, count = [], content["n_sweeps"]
    free = len(content["free"])
    if spikes["freedom"] < 0:
        summaries = len(spikes["summaries"])
        sentences.append(
            f"Trains under a second drive: {summaries} summaries are fewer than {free} free parameters."
        )
    elif left:
        sentences.append(
            f"Trains under another drive, or the trace of a node: rate, intervals and latencies here leave {left} open."
        )
    if spikes["comparison"]["energy_p"] is None:
        sentences.append(
            f"More trains: {count} are too few for a test of fresh trains against them."
        )
    return sentences


def trace_advice(content: dict) -> list[str]:
    """Another drive, where something is not determined."""
    left, node = undetermined_of(content), content["trace"]["node"]
    return [
        f"The trace of another node or drive: {node} under this one leaves {left} open."
    ] * bool(left)
