"""The pictures of the recipes: one page of panels."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cases.langevin import coherence, ensembles, heat, periods, ramps, regimes
from benchmarks.cases.langevin.ensembles import Spiking
from benchmarks.cases.langevin.periods import Cycle
from benchmarks.cases.langevin.ramps import Loop
from benchmarks.cases.langevin.regimes import Map

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#882255"
FILLS = {
    regimes.QUIET: "#b5cfe6",
    regimes.TONIC: "#f2a374",
    regimes.LOW: "#8fcbb1",
    regimes.WALL: "#bdbdbd",
}
HOLLOW = {"ls": "none", "marker": "o", "mfc": "white", "ms": 8, "color": "black"}
THEIRS = "recipe (one path of 3000)"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the parts of the case return."""

    maps: list[Map]
    cycles: dict[tuple[float, float], dict[float, Cycle]]
    noises: dict[float, Spiking]
    loops: dict[tuple[float, float], Loop]
    heats: dict[float, Spiking]


def _map(ax, found: Map) -> None:
    """Regimes reached from rest, with the lines of the fixed points."""
    for name, colour in FILLS.items():
        spots = [
            (v, tau)
            for tau, row in zip(found.taus, found.regimes)
            for v, what in zip(found.v_ext, row)
            if what == name
        ]
        if spots:
            ax.scatter(*zip(*spots), s=70, marker="s", color=colour, label=f"from rest: {name}")
    ax.axvline(found.saddle, color="black", label=f"saddle-node, {found.saddle:.2f}")
    known = [(h, tau) for h, tau in zip(found.hopf, found.taus) if h is not None]
    ax.plot(*zip(*known), color=BLUE, ls="--", label="Hopf, low-resistance branch")
    if found.r_ext == 64.0:
        both = list(regimes.BOTH.items())
        ax.plot([v for _, v in both], [t for t, _ in both], **HOLLOW, label="recipe: both states")
    ax.set_ylim(0, 1.5 * found.taus[-1])
    ax.legend(fontsize=8, loc="upper left", ncols=2)
    ax.set(xlabel="$V_{ext}$", ylabel=r"$\tau = R_{ext} C$")
    ax.set_title(f"R4.1 regimes without noise, $R_{{ext}}$ = {found.r_ext:g}")


def _traces(ax, found: Found) -> None:
    """One noise-free and one noisy run behind 128."""
    cycle = found.cycles[128.0, 0.8][31.0]
    noisy = found.noises[0.03]
    late = noisy.t <= 12
    early = cycle.t <= 12
    ax.plot(cycle.t[early], cycle.x[early], color=BLUE, label="$V_{ext}$ = 31, D = 0")
    ax.plot(noisy.t[late], noisy.x[late], color=ORANGE, lw=1, label="$V_{ext}$ = 28, D = 0.03")
    ax.set(xlabel="t", ylabel="x", title=r"Spikes, $R_{ext}$ = 128, $\tau$ = 0.8")
    ax.legend(fontsize=8, loc="upper right")
    ax.set_ylim(-1.0, 0.35)


def _periods(ax, found: Found) -> None:
    """Period against voltage."""
    for (pair, runs), colour in zip(found.cycles.items(), (BLUE, ORANGE)):
        own = [(v, c.period) for v, c in runs.items() if c.period is not None]
        table = [(v, p) for v, p in periods.PERIODS[pair].items() if p is not None]
        label = rf"memjax, $R_{{ext}}$ = {pair[0]:g}, $\tau$ = {pair[1]:g}"
        ax.plot(*zip(*own), color=colour, marker=".", label=label)
        ax.plot(*zip(*table), **HOLLOW, zorder=0, label="recipe" if colour == ORANGE else None)
    ax.set(xlabel="$V_{ext}$", ylabel="period", title="R4.2 period without noise", ylim=(0, None))
    ax.legend(fontsize=8)


def _coherence(ax, found: Found) -> None:
    """CV and mean interval against noise."""
    noises = sorted(found.noises)
    every = [found.noises[d].intervals for d in noises]
    right = ax.twinx()
    bars = {"capsize": 3, "marker": "."}
    cv, mean = [i.cv for i in every], [i.mean for i in every]
    ax.errorbar(noises, cv, [2 * i.cv_se for i in every], color=BLUE, label="CV, memjax", **bars)
    two = [2 * i.mean_se for i in every]
    right.errorbar(noises, mean, two, color=ORANGE, label="mean interval, memjax", **bars)
    theirs = [(coherence.TABLE[d][0], coherence.TABLE[d][2]) for d in noises]
    errors = [[2 * e for e in ensembles.recipe_errors(*t)] for t in theirs]
    look = HOLLOW | {"capsize": 5, "ms": 6, "zorder": 0}
    left = look | {"color": BLUE, "label": f"CV, {THEIRS}"}
    ax.errorbar(noises, [c for _, c in theirs], [e[1] for e in errors], **left)
    other = look | {"color": ORANGE, "label": f"mean interval, {THEIRS}"}
    right.errorbar(noises, [m for m, _ in theirs], [e[0] for e in errors], **other)
    ax.set(xscale="log", yscale="log", xlabel="D", ylabel="CV of intervals")
    right.set(yscale="log", ylabel="mean interval")
    _plain(ax.xaxis, noises)
    _plain(ax.yaxis, (0.16, 0.2, 0.25, 0.3, 0.5, 0.7, 0.9))
    _plain(right.yaxis, (1.2, 1.5, 2, 3, 5, 10, 20, 40))
    ax.set_title("R4.3 coherence resonance, $V_{ext}$ = 28 (bars: 2 standard errors)")
    handles = [*ax.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    ax.legend(handles=handles, fontsize=8)


def _plain(axis, ticks) -> None:
    """A log axis with a few plain numbers."""
    from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())


def _histograms(ax, found: Found) -> None:
    """Distributions of intervals."""
    shown = [d for d in (0.01, 0.03, 0.12) if d in found.noises]
    for noise, colour in zip(shown, (BLUE, ORANGE, GREEN)):
        lengths = found.noises[noise].lengths
        bins = np.linspace(0, 6, 61)
        ax.hist(lengths, bins, density=True, color=colour, alpha=0.55, label=f"D = {noise:g}")
    ax.set(xlabel="interval", ylabel="density", title="R4.3 intervals between spikes")
    ax.legend(fontsize=8)


def _loops(ax, found: Found) -> None:
    """Position against source voltage, ramp up and down."""
    legs = {leg for _, leg in found.loops}
    shown = {k: v for k, v in found.loops.items() if k[1] == max(legs)}
    for ((noise, leg), loop), colour in zip(sorted(shown.items()), (BLUE, ORANGE, GREEN)):
        stride = slice(None, None, max(1, len(loop.x) // 6000))
        on, off = float(np.mean(loop.on)), float(np.mean(loop.off))
        label = f"D = {noise:g}, leg {leg:g}: on at {on:.2f}, off at {off:.2f} (means of {len(loop.on)})"
        look = {"color": colour, "lw": 0.8 + (noise == 0), "zorder": 3 - noise, "label": label}
        ax.plot(loop.v_ext[stride], loop.x[stride], **look)
    ax.set(xlim=(12, ramps.model.V_TOP), xlabel="$V_{ext}$", ylabel="x, one member")
    ax.set_title(rf"R4.4 ramp, $R_{{ext}}$ = 64, $\tau$ = {ramps.TAU:g}")
    ax.set_ylim(-1.0, 0.75)
    ax.legend(fontsize=8, loc="upper left")


def _heat(ax, found: Found) -> None:
    """Interval, CV and temperature against heat capacity."""
    place = {c: k for k, c in enumerate(heat.TABLE)}
    spots = [place[c] for c in found.heats]
    every = list(found.heats.values())
    columns = (
        ("mean interval", [(s.intervals.mean, s.intervals.mean_se) for s in every], BLUE),
        ("10 CV", [(10 * s.intervals.cv, 10 * s.intervals.cv_se) for s in every], ORANGE),
        ("mean temperature", [(s.temperature, s.temperature_se) for s in every], GREEN),
    )
    for k, (name, values, colour) in enumerate(columns):
        y, se = zip(*values)
        ax.errorbar(spots, y, [2 * e for e in se], color=colour, marker=".", capsize=3, label=name)
        theirs = [row[k] * (10 if k == 1 else 1) for row in heat.TABLE.values()]
        look = HOLLOW | {"color": colour, "label": THEIRS if k == 2 else None}
        ax.plot(list(place.values()), theirs, **look, zorder=0)
    names = ["$\\infty$" if math.isinf(c) else f"{c:g}" for c in place]
    ax.set_xticks(list(place.values()), names)
    ax.set(xlabel="heat capacity $C_h$", ylim=(0, None))
    ax.set_title(f"R4.5 Joule heat, D = {heat.NOISE:g} (bars: 2 standard errors)")
    ax.legend(fontsize=8)


def draw(found: Found):
    """The page: a panel for each map, and six more."""
    from matplotlib.figure import Figure

    panels = [lambda ax, m=m: _map(ax, m) for m in found.maps]
    parts = (_traces, _periods, _coherence, _histograms, _loops, _heat)
    panels += [lambda ax, part=part: part(ax, found) for part in parts]
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(14, 4.4 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False)
    for ax, panel in zip(axes.flat, panels):
        panel(ax)
        ax.spines["top"].set_visible(False)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    return figure


def write(path: Path, found: Found) -> Path:
    """Write langevin.png beside the records at `path`."""
    target = path.with_name("langevin.png")
    draw(found).savefig(target, dpi=110)
    return target
