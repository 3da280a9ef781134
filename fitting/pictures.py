"""The pictures of a report, from what a fit directory holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import memjax as mj
from memjax.observables import HOLD_THRESHOLD, ON_THRESHOLD, excursions, switching
from memjax.plot import iv, style
from memjax.plot.style import MEASURED, MUTED, SECOND, SIMULATED

_CLIP = 2.0
"""Residual [decades] beyond which a point is drawn at the edge: it lies on the other branch."""

_WORDS = {1: "positive", -1: "negative"}


def _legs(data: Any) -> dict[int, list[tuple[np.ndarray, np.ndarray]]]:
    """Voltage and current of every excursion, by polarity."""
    out: dict[int, list] = {1: [], -1: []}
    for label in np.unique(data.sweep):
        v, i = data.v[data.sweep == label], data.i[data.sweep == label]
        for part in excursions(v):
            sign = 1 if v[part][np.argmax(np.abs(v[part]))] >= 0 else -1
            out[sign].append((v[part], i[part]))
    return {k: x for k, x in out.items() if x}


def _figure(columns: int, rows: int = 1, *, height: float = 4.2):
    """A figure and its axes, as a two-dimensional array."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * columns, height * rows))
    return figure, figure.subplots(rows, columns, squeeze=False)


def picture_iv(
    measured: mj.Measurement, simulated: Any, path: Path, *, compliances: Sequence[float]
) -> None:
    """Measured against simulated current, one panel per polarity."""
    with style():
        seen, model = _legs(measured), _legs(simulated)
        figure, axes = _figure(len(seen))
        lowest = max(float(np.quantile(np.abs(measured.i), 0.005)), 1e-15)
        for ax, (sign, legs) in zip(axes[0], seen.items(), strict=True):
            few = len(legs) < 4
            iv(
                *zip(*legs, strict=True),
                ax=ax,
                color=MUTED,
                width=1.6 if few else 0.6,
                alpha=1.0 if few else 0.5,
                label="measured",
            )
            iv(
                *zip(*model[sign], strict=True),
                ax=ax,
                color=SIMULATED,
                width=1.6,
                alpha=0.9,
                label="simulated",
            )
            ax.set_ylim(lowest / 3, max(np.max(np.abs(measured.i)), *compliances, 0) * 4)
            for level, text in ((ON_THRESHOLD, "on"), (HOLD_THRESHOLD, "hold")):
                if not ax.get_ylim()[0] < level < ax.get_ylim()[1]:
                    continue
                ax.axhline(level, color=SECOND, lw=0.8, ls=":")
                # Where the voltage is largest no curve is as low.
                place, side = (0.99, "right") if sign > 0 else (0.01, "left")
                ax.annotate(
                    f"{text} threshold", (place, level), xycoords=("axes fraction", "data"), ha=side, va="bottom",
                    color=SECOND, fontsize=8,
                )  # fmt: skip
            for compliance in compliances:
                ax.axhline(
                    compliance,
                    color=MEASURED,
                    lw=0.8,
                    ls="--",
                    label=f"compliance {compliance:g} A",
                )
            ax.set_title(f"{_WORDS[sign]} polarity, {len(legs)} sweep{'s' * (len(legs) > 1)}")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.savefig(path)


def picture_residuals(measured: mj.Measurement, simulated: Any, path: Path) -> None:
    """Decades between simulated and measured current, off the current limit, on the way up and on the way down."""
    with style():
        figure, axes = _figure(2)
        ok = (np.abs(measured.i) > 0) & (np.abs(simulated.i) > 0) & ~measured.at_compliance
        r = np.full(len(ok), np.nan)
        r[ok] = np.log10(np.abs(simulated.i[ok]) / np.abs(measured.i[ok]))
        r = np.clip(r, -_CLIP, _CLIP)
        up = np.concatenate([_rising(measured.v[measured.sweep == s]) for s in measured.labels])
        for branch, color, name in ((up, SECOND, "rising"), (~up, SIMULATED, "falling")):
            here = branch & np.isfinite(r)
            axes[0, 0].plot(
                measured.v[here], r[here], ".", ms=2, alpha=0.35, color=color, label=name
            )
        axes[0, 0].axhline(0, color=MEASURED, lw=1)
        axes[0, 0].set(
            xlabel="Voltage (V)",
            ylabel=f"log10(simulated / measured), clipped at {_CLIP:g}",
            ylim=(-1.05 * _CLIP, 1.05 * _CLIP),
            title="Residuals, compliance left out",
        )
        axes[0, 0].legend(markerscale=5)
        clear = np.isfinite(r) & (np.abs(measured.i) > 1e-12)
        axes[0, 1].hist(r[clear], bins=81, color=MUTED)
        middle = np.median(np.abs(r[clear])) if clear.any() else np.nan
        axes[0, 1].set(
            xlabel=f"log10(simulated / measured), clipped at {_CLIP:g}",
            ylabel="points above 1e-12 A",
            title=f"median |residual| {middle:.2f} decades",
        )
        figure.savefig(path)


def _rising(v: np.ndarray) -> np.ndarray:
    """Points of a sweep on the way up to the peak of their excursion."""
    up = np.zeros(len(v), bool)
    for part in excursions(v):
        up[part.start : part.start + int(np.argmax(np.abs(v[part]))) + 1] = True
    return up


def picture_switching(
    measured: mj.Measurement, simulated: Any, distribution: dict, path: Path
) -> None:
    """Cumulative distributions of switching and hold voltage: measured, simulated with spread, simulated without."""
    with style():
        found, model = switching(measured), switching(simulated)
        signs = sorted({f.polarity for f in found if f.switched}, reverse=True) or [1]
        figure, axes = _figure(2, len(signs), height=3.6)
        for row, sign in zip(axes, signs, strict=True):
            for ax, name, title in zip(row, ("v_th", "v_hold"), ("Switching", "Hold"), strict=True):
                values = [getattr(f, name) for f in found if f.polarity == sign and f.switched]
                _cumulative(ax, values, MEASURED, "measured")
                drawn = distribution.get(_WORDS[sign], {}).get(f"{name}_V", [])
                _cumulative(ax, drawn, SIMULATED, "simulated, cycle by cycle")
                single = [getattr(f, name) for f in model if f.polarity == sign and f.switched]
                single = [x for x in single if x is not None]
                if single:
                    ax.axvline(
                        np.median(single),
                        color=SECOND,
                        ls="--",
                        lw=1.2,
                        label="simulated, no spread",
                    )
                ax.set(xlabel=f"{title} voltage (V)", ylabel="share of sweeps", ylim=(0, 1.02))
                ax.set_title(f"{title} voltage, {_WORDS[sign]} polarity (n = {len(values)})")
                ax.ticklabel_format(useOffset=False)
                ax.locator_params(axis="x", nbins=6)
                ax.set_xlim(_around([x for x in (*values, *drawn, *single) if x is not None]))
        if np.all(np.abs(measured.i[np.flatnonzero(measured.v)]) > ON_THRESHOLD):
            figure.suptitle(f"No reading lies below {ON_THRESHOLD:g} A: the thresholds say nothing")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.savefig(path)


def _around(values: list[float]) -> tuple[float, float]:
    """Limits of an axis that shows all values with some room, 10 mV at least."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = max(0.1 * (high - low), 0.01)
    return low - room, high + room


def _cumulative(ax: Any, values: list, color: str, label: str) -> None:
    """Empirical distribution function; values that do not exist count in the denominator."""
    there = np.sort([x for x in values if x is not None])
    if len(there):
        share = np.arange(1, len(there) + 1) / len(values)
        ax.step(
            np.concatenate([there[:1], there]),
            np.concatenate([[0], share]),
            where="post",
            color=color,
            label=label,
        )


def picture_correlation(names: list[str], correlation: np.ndarray, path: Path) -> None:
    """Correlations of the fitted parameters."""
    with style():
        from matplotlib.figure import Figure

        size = 2.2 + 0.42 * len(names)
        figure = Figure(figsize=(size + 1, size))
        ax = figure.add_subplot()
        image = ax.imshow(correlation, cmap="RdBu_r", vmin=-1, vmax=1)
        ax.set_xticks(range(len(names)), names, rotation=60, ha="right")
        ax.set_yticks(range(len(names)), names)
        ax.grid(False)
        ax.set_title("Correlation of the fitted parameters")
        figure.colorbar(image, ax=ax, shrink=0.8)
        figure.savefig(path)
