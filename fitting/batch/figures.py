"""Pictures of many devices: distributions of their parameters, and where on the wafer they are what."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from memjax.plot import style
from memjax.plot.style import MUTED, SECOND, SIMULATED

from ..figures import panels, save
from .fit import Row
from .wafer import Positions

_COLUMNS = 3

_WIDE = 3.0  # ratio of the 95 % to the 5 % quantile above which an axis is logarithmic


def determined(rows: Sequence[Row], name: str) -> np.ndarray:
    """Values of a parameter over the devices whose data determine it [its unit]."""
    known = [r for r in rows if name in r.values and name not in r.undetermined]
    return np.array([r.values[name] for r in known])


def _shown(rows: Sequence[Row], units: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Parameters that some device determines, all where there are none; and the others in words."""
    shown = {n: unit for n, unit in units.items() if len(determined(rows, n))} or dict(units)
    others = [n for n in units if n not in shown]
    return shown, f"no device determines {', '.join(others)}" if others else ""


def _label(name: str, unit: str) -> str:
    return name if unit in ("", "1") else f"{name} ({unit})"


def _spread(x: np.ndarray) -> bool:
    low, high = np.quantile(x, [0.05, 0.95])
    return bool(np.all(x > 0) and high > _WIDE * low)


def picture_distributions(rows: Sequence[Row], units: Mapping[str, str], path: Path) -> None:
    """Histogram of every free parameter over the devices; failures and undetermined ones are counted."""
    units, others = _shown(rows, units)
    lines: list = []
    with style():
        figure, axes = panels(len(units), most=_COLUMNS, height=3.3)
        for ax, (name, unit) in zip(axes, units.items(), strict=True):
            x = determined(rows, name)
            undetermined = sum(name in r.undetermined for r in rows)
            title = f"median {np.median(x):.4g}, " * bool(len(x)) + f"n = {len(x)}"
            title += f", {undetermined} not determined" * bool(undetermined)
            ax.set(xlabel=_label(name, unit), ylabel="devices")
            ax.set_title(title, fontsize=10)
            if not len(x):
                continue
            log = _spread(x)
            edges = np.histogram_bin_edges(np.log(x) if log else x, bins=min(40, 5 + len(x) // 10))
            ax.hist(x, bins=np.exp(edges) if log else edges, color=MUTED)
            ax.set_xscale("log" if log else "linear")
            lines = [ax.axvline(np.median(x), color=SIMULATED, lw=1.5)]
            lines += [ax.axvline(q, color=SECOND, ls="--") for q in np.quantile(x, [0.05, 0.95])]
        if lines:
            words = ["median", "5 % and 95 %"]
            figure.legend(lines[:2], words, loc="outside lower center", ncols=2)
        head = f"{len(rows)} devices, {sum(bool(r.failure) for r in rows)} could not be fitted"
        figure.suptitle(f"{head}; {others}" if others else head)
        save(figure, path)


def picture_wafer(
    rows: Sequence[Row], units: Mapping[str, str], positions: Positions, path: Path
) -> None:
    """Each free parameter over the wafer; a cross where the fit failed, a ring where it is not determined."""
    mapped = [r for r in rows if r.name in positions]
    units, others = _shown(rows, units)
    marks: dict = {}

    def at(some: Sequence[Row]) -> np.ndarray:
        return np.array([positions[r.name] for r in some]).reshape(-1, 2).T

    with style():
        figure, axes = panels(len(units), most=_COLUMNS, height=3.9)
        for ax, (name, unit) in zip(axes, units.items(), strict=True):
            undetermined = [r for r in mapped if name in r.undetermined]
            known = [r for r in mapped if name in r.values and name not in r.undetermined]
            lost = [r for r in mapped if r.failure]
            if known:
                size, x = _square(figure, len(axes), at(mapped)), determined(known, name)
                look = {"s": size, "marker": "s", "cmap": "viridis"}
                dots = ax.scatter(*at(known), c=x, norm="log" if _spread(x) else None, **look)
                figure.colorbar(dots, ax=ax, label=_label(name, unit), shrink=0.85)
            ring = {"marker": "o", "facecolors": "none", "edgecolors": SECOND}
            for some, word, look in (
                (lost, "could not be fitted", {"marker": "x", "c": SIMULATED}),
                (undetermined, "not determined", ring),
            ):
                if some:
                    marks[word] = ax.scatter(*at(some), s=28, **look)
            _frame(ax, at(mapped), name)
        if others:
            figure.suptitle(others)
        if marks:
            place = {"loc": "outside lower center", "ncols": len(marks)}
            figure.legend(list(marks.values()), list(marks), **place)
        save(figure, path)


def _square(figure, count: int, places: np.ndarray) -> float:
    """Area of a mark that fills the pitch of the wafer [points squared]."""
    span = [np.ptp(x) / _pitch(x) + 1.5 for x in places]
    across = 72 * figure.get_size_inches()[0] / min(count, _COLUMNS) * 0.55
    return float(np.clip((across / max(span)) ** 2, 2.0, 900.0))


def _pitch(x: np.ndarray) -> float:
    """Least distance of two coordinates."""
    return float(np.diff(np.unique(x)).min(initial=np.inf)) if np.ptp(x) else 1.0


def _frame(ax, places: np.ndarray, name: str) -> None:
    """Axes of a map: rows downwards, as they are counted."""
    (x, y), pitch = places, [_pitch(p) for p in places]
    ax.set(xlabel="x (column)", ylabel="y (row)", title=name, aspect="equal")
    ax.set_xlim(x.min() - pitch[0], x.max() + pitch[0])
    ax.set_ylim(y.max() + pitch[1], y.min() - pitch[1])
    for axis, whole in zip((ax.xaxis, ax.yaxis), places, strict=True):
        if np.all(whole == np.round(whole)):  # rows and columns
            axis.get_major_locator().set_params(integer=True)
    ax.grid(False)
