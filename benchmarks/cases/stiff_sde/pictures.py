"""Work-precision diagrams of one run, drawn from its records."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.cases.stiff_sde import noise_free, stiffness
from benchmarks.records import of_run, write_picture

OURS = "memjax"
LOOKS = {
    "euler-maruyama scan": ("#000000", "o"),
    "diffrax Euler": ("#E69F00", "^"),
    "diffrax ItoMilstein": ("#56B4E9", "v"),
    "diffrax ItoMilstein, halved": ("#56B4E9", "D"),
    "diffrax SPaRK": ("#CC79A7", "<"),
    "diffrax Kvaerno5": ("#CC79A7", "P"),
    "scipy LSODA": ("#808080", ">"),
    "scipy Radau": ("#808080", "d"),
}
"""Colour (of Okabe and Ito) and marker of the peers; curves of memjax take the rest in their order."""

OWN = [
    ("#D55E00", "s"),
    ("#0072B2", "*"),
    ("#009E73", "X"),
    ("#882255", "p"),
    ("#B8860B", "h"),
    ("#882255", "s"),
]
TITLES = {
    "lhn": "lhn: stiff oscillator, x and T at the end",
    "filament": "filament: diffusive memristor, f and r at the end",
    "neuron": "neuron: 1M1T1R, f, r and v at the end",
}
TIME, STEPS = "wall time per path [s]", "steps per path, accepted and rejected"
STRONG = "strong error,\nmedian of |Y - Y_ref|"
WEAK = "weak error,\nlargest |mean(Y) - mean(Y_ref)|"


def point(row: dict) -> dict:
    """What the diagrams show of a record."""
    extra = row["extra"]
    keys = ("family", "steps", "rtol", "tau", "stable", "accepted", "rejected", "paths", "kind")
    shown = {k: extra[k] for k in keys if k in extra}
    shown |= {"problem": row["problem"], "variant": row["variant"], "status": row["status"]}
    shown |= {"seconds": row["run_s"]["median"] if row["run_s"] else None, "batch": row["n"]}
    strong, weak = extra.get("strong", {}), extra.get("weak", {})
    shown |= {"error": row["error"], "strong": strong.get("median"), "weak": weak.get("error")}
    return shown | {"weak_se": weak.get("se")}


def _steps(p: dict) -> float | None:
    """All steps of a point."""
    return p["accepted"] + p.get("rejected", 0.0) if "accepted" in p else None


def looks(points: Iterable[dict]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each curve, the same in all panels."""
    families = dict.fromkeys(p["family"] for p in points if p["family"] not in LOOKS)
    own = [f for f in families if f not in ("reference", "statistics")]
    return LOOKS | {f: OWN[k % len(OWN)] for k, f in enumerate(own)}


def _style(family: str, look: tuple[str, str]) -> dict:
    """Ours filled and heavy, others hollow and thin."""
    ours = family.startswith(OURS)
    fill = look[0] if ours else "white"
    return {"color": look[0], "marker": look[1], "mfc": fill, "lw": 2.0 if ours else 1.0, "ms": 7}


def _curves(ax, points: list[dict], x: Callable, y: Callable, look: dict) -> None:
    """One curve for each family, through its points in the order of their records."""
    for family in dict.fromkeys(p["family"] for p in points):
        mine = [(x(p), y(p)) for p in points if p["family"] == family and x(p) and y(p)]
        if mine:
            ax.plot(*zip(*mine), label=family, **_style(family, look[family]))


def _resolved(p: dict) -> bool:
    """Whether a weak error stands out of its statistical error."""
    return p["weak"] is not None and p["weak"] > 2 * p["weak_se"]


def _limits(ax, points: list[dict], x: Callable, look: dict) -> None:
    """Standard errors; where a weak error does not stand out of its own, its upper limit instead."""
    for p in points:
        if p["weak"] is None or not x(p):
            continue
        colour = look[p["family"]][0]
        if _resolved(p):
            bar = [[min(p["weak_se"], 0.9 * p["weak"])], [p["weak_se"]]]
            ax.errorbar(x(p), p["weak"], yerr=bar, color=colour, lw=1.0, capsize=2)
        elif p["weak_se"]:
            top = p["weak"] + 2 * p["weak_se"]
            ax.plot(x(p), top, marker=r"$\downarrow$", ms=9, color=colour, alpha=0.6, lw=0)


def _title(ax, text: str) -> None:
    """The title of a row, at its left."""
    ax.set_title(text, loc="left", fontsize=11, fontweight="bold")


def _decades(ax) -> None:
    """Log axes over whole decades, labelled at these only."""
    from matplotlib.ticker import LogLocator, NullFormatter

    for axis, get, put in (
        (ax.xaxis, ax.get_xlim, ax.set_xlim),
        (ax.yaxis, ax.get_ylim, ax.set_ylim),
    ):
        low, high = (math.log10(x) for x in get())
        put(10 ** math.floor(low + 0.02), 10 ** max(math.ceil(high - 0.02), math.floor(low) + 1))
        axis.set_major_locator(LogLocator(numticks=9))
        axis.set_minor_formatter(NullFormatter())


def _failures(ax, points: list[dict], name: str) -> None:
    """How many settings of each curve have failed, in words: they have no place in the diagram."""
    of = [p["family"] for p in points if p["problem"] == name and p["status"] == "failed"]
    words = [f"{family}: {of.count(family)} settings failed" for family in dict.fromkeys(of)]
    ax.text(0.02, 0.02, "\n".join(words), transform=ax.transAxes, fontsize=9, color="#a00000")


def _problem_row(axes, name: str, points: list[dict], look: dict) -> None:
    """Strong and weak error of one problem against time and steps."""
    mine = [p for p in points if p["problem"] == name and p["strong"] is not None]
    curves = [p for p in mine if p["family"] != "reference"]
    floors = [p["strong"] for p in mine if p["family"] == "reference"]
    columns = [(STRONG, "seconds"), (STRONG, "steps"), (WEAK, "seconds"), (WEAK, "steps")]
    for ax, (label, against) in zip(axes, columns):
        x = (lambda p: p["seconds"]) if against == "seconds" else _steps
        if label == STRONG:
            _curves(ax, curves, x, lambda p: p["strong"], look)
            for floor in floors:
                ax.axhline(floor, color="0.5", ls=":", lw=1.2)
        else:
            _curves(ax, [p for p in curves if _resolved(p)], x, lambda p: p["weak"], look)
            _limits(ax, curves, x, look)
        ax.set(xlabel=TIME if against == "seconds" else STEPS, ylabel=label)
    _failures(axes[0], points, name)
    batch = max((p["batch"] for p in curves), default=0)
    _title(axes[0], f"{TITLES[name]} (times: batches of {batch})")


def _last_row(axes, points: list[dict], look: dict) -> None:
    """The noise-free solve, and steps against stiffness; the last place is the legend's."""
    quiet = [p for p in points if p["problem"] == noise_free.NAME]
    for ax, x, label in (
        (axes[0], lambda p: p["seconds"], "wall time [s]"),
        (axes[1], _steps, "steps"),
    ):
        _curves(ax, quiet, x, lambda p: p["error"], look)
        ax.set(xlabel=label, ylabel="largest error of the current\nover its largest value")
    _title(axes[0], "lhn without noise, triangle drive")
    table = [p for p in points if p["problem"] == stiffness.NAME]
    needed = sorted((p["tau"], p["stable"]) for p in table if "stable" in p)
    if needed:
        axes[2].plot(*zip(*needed), "k--", lw=1.0, label="needed by stable explicit steps")
    _curves(axes[2], table, lambda p: p.get("tau"), _steps, look)
    axes[2].set(xlabel="time constant of the circuit, tau", ylabel="steps to the end")
    _title(axes[2], "lhn: steps against stiffness")


def _legend(ax, axes) -> None:
    """One legend for all panels, in a panel of its own."""
    from matplotlib.lines import Line2D

    handles = {}
    for other in axes.flat:
        handles |= {label: h for h, label in zip(*other.get_legend_handles_labels())}
    ours_first = sorted(handles, key=lambda label: not label.startswith(OURS))
    marks = [handles[label] for label in ours_first]
    floor = Line2D([], [], color="0.5", ls=":", label="")
    limit = Line2D([], [], color="0.4", marker=r"$\downarrow$", ms=9, lw=0)
    names = [*ours_first, "reference against itself at twice its step"]
    names += ["upper limit: the error is below 2 standard errors"]
    ax.legend([*marks, floor, limit], names, loc="center", frameon=False, fontsize=9.5)
    ax.set_axis_off()


def draw(points: list[dict]):
    """The figure of the points of one run."""
    from matplotlib.figure import Figure

    drawn = [p for p in points if p["status"] == "ok"]
    look = looks(p for p in points if "family" in p)
    problems = [name for name in TITLES if any(p["problem"] == name for p in drawn)]
    rows = len(problems) + 1
    figure = Figure(figsize=(19, 4.1 * rows), layout="constrained")
    axes = figure.subplots(rows, 4, squeeze=False)
    for place, name in zip(axes, problems):
        _problem_row(place, name, points, look)
    _last_row(axes[-1], [p for p in points if p["status"] in ("ok", "skipped")], look)
    for ax in axes.flat[:-1]:
        ax.set(xscale="log", yscale="log")
        if ax.has_data():
            _decades(ax)
        if ax is axes[-1][2]:
            ax.invert_xaxis()  # stiffer to the right
        ax.grid(which="major", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    _legend(axes[-1][-1], axes)
    return figure


def write(path: Path, run_id: str) -> Path | None:
    """Write stiff_sde.png and stiff_sde.json beside the records of a run; None where nothing was measured."""
    rows = of_run(path, "stiff_sde", run_id)
    points = [point(r) for r in rows if "family" in r["extra"]]
    if not any(p["status"] == "ok" for p in points):
        return None
    about = {
        k: rows[0][k] for k in ("run_id", "size", "git_sha", "git_dirty", "versions", "machine")
    }
    return write_picture(path, "stiff_sde", about | {"points": points}, draw(points), dpi=110)
