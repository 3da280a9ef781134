"""The pictures of a report, from what a fit directory holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import memjax as mj
from memjax.observables import Thresholds, complete_excursions, excursions, switching
from memjax.plot import iv, style
from memjax.plot.style import MEASURED, MUTED, SECOND, SIMULATED

from .trends import Series, values_of

# Residual [decades] beyond which a point is drawn at the edge: it lies on the other branch.
_CLIP = 2.0

_WORDS = {1: "positive", -1: "negative"}


def _legs(data: mj.Measurement) -> dict[int, list[tuple[np.ndarray, np.ndarray]]]:
    """Voltage and current of every excursion of what is driven, by polarity."""
    out: dict[int, list] = {1: [], -1: []}
    every = data.applied
    for label in np.unique(data.sweep):
        own = data.sweep == label
        v, i, applied = data.v[own], data.i[own], every[own]
        for part in excursions(applied):
            sign = 1 if applied[part][np.argmax(np.abs(applied[part]))] >= 0 else -1
            out[sign].append((v[part], i[part]))
    return {k: x for k, x in out.items() if x}


def _figure(columns: int, rows: int = 1, *, height: float = 4.2):
    """A figure and its axes, as a two-dimensional array."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * columns, height * rows))
    return figure, figure.subplots(rows, columns, squeeze=False)


def picture_iv(
    measured: mj.Measurement,
    simulated: mj.Measurement,
    path: Path,
    *,
    compliances: Sequence[float],
    thresholds: Thresholds | None,
    random: mj.Measurement | None = None,
) -> None:
    """Measured and simulated current over voltage, logarithmic above linear, one column per polarity.

    Behind them simulated sweeps with noise and spread, where there are some.
    """
    from matplotlib.ticker import EngFormatter

    with style():
        seen, model = _legs(measured), _legs(simulated)
        behind = {} if random is None else _legs(random)
        figure, axes = _figure(len(seen), 2, height=3.8)
        unsigned = not np.any(measured.i < 0)  # a modulus is drawn beside one
        for ax, (sign, legs) in zip(axes[1], seen.items(), strict=True):
            for (v, i), (v_model, i_model) in zip(legs, model[sign], strict=True):
                ax.plot(v, i, color=MUTED, lw=0.8, alpha=1.0 if len(legs) < 4 else 0.4, zorder=1)
                shown = np.abs(i_model) if unsigned else i_model
                ax.plot(v_model, shown, color=SIMULATED, lw=1.2, alpha=0.9, zorder=2)
            ax.yaxis.set_major_formatter(EngFormatter("A"))
            ax.set(xlabel="Voltage (V)", ylabel="|Current|" if unsigned else "Current")
        flows = np.abs(measured.i[measured.i != 0])  # at a log axis a current of 0 has no place
        lowest = max(float(np.quantile(flows, 0.005)) if flows.size else 0.0, 1e-15)
        drawn = []
        if thresholds is not None and measured.driven == "voltage":
            drawn = [(thresholds.on, "on"), (thresholds.hold, "hold")]
        for ax, (sign, legs) in zip(axes[0], seen.items(), strict=True):
            few = len(legs) < 4
            if sign in behind:
                cycles = dict(color=SIMULATED, width=0.5, alpha=0.35, label="simulated cycles")
                iv(*zip(*behind[sign], strict=True), ax=ax, **cycles)
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
            for level, text in drawn:
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


def picture_residuals(measured: mj.Measurement, simulated: mj.Measurement, path: Path) -> None:
    """Decades between simulated and measured response, off the current limit, on the way up and on the way down."""
    from matplotlib.ticker import EngFormatter

    with style():
        figure, axes = _figure(2)
        applied, seen, model = measured.applied, measured.response, simulated.response
        label, least, unit = {
            "voltage": ("Voltage", 1e-12, "A"),
            "current": ("Current", 1e-3, "V"),
        }[measured.driven]
        ok = (np.abs(seen) > 0) & (np.abs(model) > 0) & ~measured.at_compliance & (applied != 0)
        r = np.full(len(ok), np.nan)
        r[ok] = np.log10(np.abs(model[ok]) / np.abs(seen[ok]))
        r = np.clip(r, -_CLIP, _CLIP)
        up = np.concatenate([_rising(applied[measured.sweep == s]) for s in measured.labels])
        for branch, color, name in ((up, SECOND, "rising"), (~up, SIMULATED, "falling")):
            here = branch & np.isfinite(r)
            axes[0, 0].plot(applied[here], r[here], ".", ms=2, alpha=0.35, color=color, label=name)
        axes[0, 0].axhline(0, color=MEASURED, lw=1)
        reach = 1.05 * max(float(np.nanmax(np.abs(r), initial=0.0)), 0.1)
        axes[0, 0].locator_params(axis="x", nbins=6)
        axes[0, 0].xaxis.set_major_formatter(
            EngFormatter("V" if measured.driven == "voltage" else "A")
        )
        axes[0, 0].set(
            xlabel=label,
            ylabel=f"log10(simulated / measured), clipped at {_CLIP:g}",
            ylim=(-reach, reach),
            title="Residuals, compliance left out",
        )
        axes[0, 0].legend(markerscale=5)
        clear = np.isfinite(r) & (np.abs(seen) > least)
        axes[0, 1].hist(r[clear], bins=81, color=MUTED)
        middle = np.median(np.abs(r[clear])) if clear.any() else np.nan
        axes[0, 1].set(
            xlabel=f"log10(simulated / measured), clipped at {_CLIP:g}",
            ylabel=f"points above {least:g} {unit}",
            title=f"median |residual| {middle:.2f} decades",
        )
        figure.savefig(path)


def _rising(applied: np.ndarray) -> np.ndarray:
    """Points of a sweep on the way up to the peak of their excursion."""
    up = np.zeros(len(applied), bool)
    for part in excursions(applied):
        up[part.start : part.start + int(np.argmax(np.abs(applied[part]))) + 1] = True
    return up


def picture_switching(
    measured: mj.Measurement,
    simulated: mj.Measurement,
    distribution: dict,
    path: Path,
    *,
    thresholds: Thresholds,
) -> None:
    """Cumulative distributions of switching and hold voltage: measured, simulated with spread, simulated without."""
    with style():
        found, model = (
            complete_excursions(switching(x, **thresholds.options)) for x in (measured, simulated)
        )
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
        if measured.driven == "voltage":
            text = str(thresholds)
            figure.suptitle(text[0].upper() + text[1:], fontsize=9)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.savefig(path)


def picture_set_reset(seen: list[Series], drawn: list[Series], path: Path) -> None:
    """Cumulative distributions of set and reset voltage, measured and simulated."""
    kinds = [n for n in ("set voltage", "reset voltage") if any(s.name == n for s in seen)]
    with style():
        figure, axes = _figure(max(len(kinds), 1), height=3.6)
        for ax, kind in zip(axes[0], kinds, strict=False):
            values = [values_of(x, kind) for x in (seen, drawn)]
            for own, color, label in zip(
                values, (MEASURED, SIMULATED), ("measured", "simulated"), strict=True
            ):
                _cumulative(ax, list(own), color, label)
            ax.set(
                xlabel=f"{kind[0].upper()}{kind[1:]} (V)", ylabel="share of sweeps", ylim=(0, 1.02)
            )
            ax.set_title(f"{kind[0].upper()}{kind[1:]} (n = {len(values[0])})")
            ax.set_xlim(_around([*values[0], *values[1]]))
        if kinds:
            figure.legend(
                *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2
            )
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


def picture_trends(found: list[Series], path: Path) -> None:
    """Every quantity of every cycle against its number: a panel each, both polarities in it."""
    from matplotlib.ticker import EngFormatter

    names = list(dict.fromkeys((s.name, s.unit) for s in found))
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    with style():
        figure, axes = _figure(columns, rows, height=3.2)
        for ax in axes.ravel()[len(names) :]:
            ax.set_visible(False)
        for ax, (name, unit) in zip(axes.ravel(), names, strict=False):
            for s in (s for s in found if s.name == name):
                color = SIMULATED if s.polarity > 0 else SECOND
                label = f"{_WORDS[s.polarity]}: {s}"
                ax.plot(s.cycle, s.values, ".", ms=4, color=color, label=label)
            known = np.concatenate(
                [s.values[np.isfinite(s.values)] for s in found if s.name == name]
            )
            wide = known.min() > 0 and known.max() > 20 * known.min()
            title = f"{name[0].upper()}{name[1:]}"
            ax.set(xlabel="Cycle", ylabel=f"{title} ({unit})" if wide else title)
            if wide:
                ax.set_yscale("log")
            else:
                ax.yaxis.set_major_formatter(EngFormatter(unit))
            ax.locator_params(axis="x", nbins=6, integer=True)
            ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.22), frameon=False)
        figure.savefig(path)
