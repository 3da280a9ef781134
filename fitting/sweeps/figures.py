"""The pictures of a report, from what a fit directory holds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import memjax as mj
from memjax.observables import Thresholds, complete_excursions, excursions, switching
from memjax.plot import iv
from memjax.plot.iv import MOST
from memjax.plot.style import MEASURED, MUTED, SECOND, SIMULATED
from memjax.runtime.console import counted

from ..figures import axes_grid, engineering, panels
from .set_reset import UNITS
from .trends import Series, values_of

# Residual [decades] beyond which a point is drawn at the edge: it lies on the other branch.
_CLIP = 2.0

_WORDS = {1: "positive", -1: "negative"}

_VOLTAGES = {"v_th": "Switching", "v_hold": "Hold"}


def _legs(
    data: mj.Measurement, cut_as: mj.Measurement | None = None
) -> dict[int, list[tuple[np.ndarray, np.ndarray]]]:
    """Voltage and current of every excursion of what is driven, by polarity.

    `cut_as` has the same rows, and says where excursions begin: a simulation applies what one sweep of many did, which
    may return to zero elsewhere.
    """
    legs: dict[int, list] = {1: [], -1: []}
    for label, sweep in (cut_as or data).sweeps():
        applied, rows = sweep.applied, data.select(data.sweep == label)
        for part in excursions(applied):
            sign = 1 if applied[part][np.argmax(np.abs(applied[part]))] >= 0 else -1
            legs[sign].append((rows.v[part], rows.i[part]))
    # Nothing is seen of a polarity at which there are single points.
    lines = {k: x for k, x in legs.items() if any(len(v) > 1 for v, _ in x)}
    return lines or {k: x for k, x in legs.items() if x}


def _legend(figure: Any) -> None:
    """One legend below all axes, of what they show."""
    shown = [ax.get_legend_handles_labels() for ax in figure.axes]
    by_label = {label: handle for pairs in shown for handle, label in zip(*pairs, strict=True)}
    handles, labels = list(by_label.values()), list(by_label)
    if handles:
        room = min(figure.axes[0].get_gridspec().ncols + 1, 3)  # words beside each other
        columns = min(len(handles), room)
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def measurement_of(table: Any, driven: str) -> mj.Measurement:
    """A table of sweeps that memjax wrote, as a measurement."""
    t, v, i = (table[n].to_numpy(float) for n in ("t_s", "v_V", "i_A"))
    limited = table.get("at_compliance", 0 * table["sweep"]).to_numpy() > 0
    columns: dict[str, Any] = dict(t=t, v=v, i=i, sweep=table["sweep"].to_numpy(int))
    return mj.Measurement(**columns, at_compliance=limited, reader="memjax", driven=driven)


def figure_iv(
    measured: mj.Measurement,
    simulated: mj.Measurement,
    *,
    compliances: Mapping[int, Sequence[float]],
    thresholds: Thresholds | None,
    random: mj.Measurement | None = None,
) -> Any:
    """Measured and simulated current over voltage, logarithmic above linear, one column per polarity.

    Behind them simulated sweeps with noise and spread, where there are some. `compliances` are current limits [A] at
    positive and at negative voltage, by sign.
    """
    data, model = _legs(measured), _legs(simulated, measured)
    background = {} if random is None else _legs(random)
    limits = _current_limits(measured.i, [x for levels in compliances.values() for x in levels])
    levels = []
    if thresholds is not None and measured.driven == "voltage":
        both = ((thresholds.on, "on-threshold", ":"), (thresholds.hold, "hold-threshold", "-."))
        levels = [(x, n, SECOND, ls) for x, n, ls in both if limits[0] < x < limits[1]]
    figure, axes = axes_grid(len(data), 2, height=3.8)
    for (above, below), (sign, legs) in zip(axes.T, data.items(), strict=True):
        _linear_loops(below, legs, model[sign], unsigned=not np.any(measured.i < 0))
        few = len(legs) < 4
        fitted = {"color": SIMULATED, "width": 1.6, "alpha": 0.9, "label": "simulated"}
        cycles = fitted | {"width": 0.5, "alpha": 0.35, "label": "simulated cycles"}
        strength = {"width": 1.6, "alpha": 1.0} if few else {"width": 0.6, "alpha": 0.5}
        for curves, look in (
            (background.get(sign, []), cycles),
            (legs, strength | {"color": MUTED, "label": "measured"}),
            (model[sign], fitted),
        ):
            if curves:
                iv(*zip(*curves, strict=True), ax=above, **look)
        above.set_ylim(*limits)
        compliance = [(x, "compliance", MEASURED, "--") for x in compliances[sign]]
        for x, name, color, dashes in [*compliance, *levels]:
            above.axhline(x, color=color, lw=0.8, ls=dashes, label=f"{name} {x:.3g} A")
        shown = f"{MOST} of " * (len(legs) > MOST)
        above.set_title(f"{_WORDS[sign]} polarity, {shown}{counted(len(legs), 'excursion')}")
    _legend(figure)
    return figure


def _current_limits(i: np.ndarray, levels: Sequence[float] = ()) -> tuple[float, float]:
    """Ends of a logarithmic axis of currents: around all but the smallest few, which are noise, and the levels."""
    size = np.abs(i)
    size = size[size > 0]  # a current of 0 has no place there
    lowest = max(float(np.quantile(size, 0.005)) if size.size else 0.0, 1e-15)
    return lowest / 3, 4 * max([float(np.max(size, initial=lowest)), *levels])


def figure_cycles(measured: mj.Measurement, random: mj.Measurement) -> Any:
    """Measured cycles beside as many simulated ones with noise and spread, one row per polarity, on the same axes."""
    data, model = _legs(measured), _legs(random)
    shared = [sign for sign in data if sign in model]
    figure, axes = axes_grid(2, len(shared), height=3.4)
    for row, sign in zip(axes, shared, strict=True):
        pairs = ((data[sign], MEASURED, "measured"), (model[sign], SIMULATED, "simulated"))
        count = min(len(legs) for legs, _, _ in pairs)
        for ax, (legs, color, word) in zip(row, pairs, strict=True):
            at = np.linspace(0, len(legs) - 1, count).astype(int)
            shown = [legs[k] for k in at]
            iv(*zip(*shown, strict=True), ax=ax, color=color, width=0.8, alpha=0.6)
            share = f"{count} of {len(legs)}" if count < len(legs) else f"{count}"
            ax.set_title(f"{word}, {_WORDS[sign]} polarity, {share} cycle{'s' * (len(legs) > 1)}")
        volts, currents = (np.concatenate(x) for x in zip(*data[sign], strict=True))
        for ax in row:
            ax.set_ylim(*_current_limits(currents))
            ax.set_xlim(_around(volts.tolist()))
    return figure


def _linear_loops(ax: Any, legs: list, model: list, *, unsigned: bool) -> None:
    """Measured and simulated current on a linear axis; a modulus where the measured current is one."""
    for (v, i), (v_model, i_model) in zip(legs, model, strict=True):
        ax.plot(v, i, color=MUTED, lw=0.8, alpha=1.0 if len(legs) < 4 else 0.4, zorder=1)
        current = np.abs(i_model) if unsigned else i_model
        ax.plot(v_model, current, color=SIMULATED, lw=1.2, alpha=0.9, zorder=2)
    engineering(ax.yaxis, "A")
    ax.set(xlabel="Voltage (V)", ylabel="|Current|" if unsigned else "Current")


def figure_residuals(measured: mj.Measurement, simulated: mj.Measurement) -> Any:
    """Decades between simulated and measured response, off the current limit, on the way up and on the way down."""
    applied, data, model = measured.applied, measured.response, simulated.response
    name, unit, least, response_unit = {
        "voltage": ("Voltage", "V", 1e-12, "A"),
        "current": ("Current", "A", 1e-3, "V"),
    }[measured.driven]
    ok = (np.abs(data) > 0) & (np.abs(model) > 0) & ~measured.at_compliance & (applied != 0)
    r = np.full(len(ok), np.nan)
    r[ok] = np.log10(np.abs(model[ok]) / np.abs(data[ok]))
    clipped = f", clipped at {_CLIP:g}" * bool(np.any(np.abs(r[ok]) > _CLIP))
    r = np.clip(r, -_CLIP, _CLIP)
    up = np.concatenate([_rising(applied[measured.sweep == s]) for s in measured.labels])
    clear = np.isfinite(r) & (np.abs(data) > least)
    middle = np.median(np.abs(r[clear])) if clear.any() else np.nan
    reach = 1.05 * max(float(np.nanmax(np.abs(r), initial=0.0)), 0.01)
    text = f"log10(simulated / measured){clipped}"
    figure, axes = axes_grid(2)
    left, right = axes[0]
    for branch, color, way in ((up, SECOND, "rising"), (~up, SIMULATED, "falling")):
        here = branch & np.isfinite(r)
        left.plot(applied[here], r[here], ".", ms=2, alpha=0.35, color=color, label=way)
    left.axhline(0, color=MEASURED, lw=1)
    left.locator_params(axis="x", nbins=6)
    engineering(left.xaxis, unit)
    left.set(xlabel=name, ylabel=text, ylim=(-reach, reach))
    left.set_title("Residuals, compliance left out")
    left.legend(markerscale=5)
    right.hist(r[clear], bins=81, range=(-reach, reach), color=MUTED)
    right.set(xlabel=text, ylabel=f"points above {least:g} {response_unit}")
    right.set_title(f"median |residual| {middle:.2g} decades")
    return figure


def _rising(applied: np.ndarray) -> np.ndarray:
    """Points of a sweep on the way up to the peak of their excursion."""
    up = np.zeros(len(applied), bool)
    for part in excursions(applied):
        up[part.start : part.start + int(np.argmax(np.abs(applied[part]))) + 1] = True
    return up


def figure_switching(
    measured: mj.Measurement,
    simulated: mj.Measurement,
    distribution: dict,
    *,
    thresholds: Thresholds,
) -> Any:
    """Cumulative distributions of switching and hold voltage: measured, simulated with spread, simulated without."""
    readings, model = (
        [f for f in complete_excursions(switching(x, **thresholds.options)) if f.switched]
        for x in (measured, simulated)
    )
    signs = sorted({f.polarity for f in readings}, reverse=True) or [1]
    # Without a hold-threshold nothing has a hold voltage.
    known = [n for n in _VOLTAGES if any(getattr(f, n) is not None for f in (*readings, *model))]
    names = known or list(_VOLTAGES)
    figure, axes = axes_grid(len(names), len(signs), height=3.6)
    for row, sign in zip(axes, signs, strict=True):
        for ax, name in zip(row, names, strict=True):
            values, single = (
                [getattr(f, name) for f in x if f.polarity == sign] for x in (readings, model)
            )
            drawn = distribution.get(_WORDS[sign], {}).get(f"{name}_V", [])
            single = [x for x in single if x is not None]
            title = f"{_VOLTAGES[name]} voltage"
            _distributions(ax, f"{title} (V)", values, drawn, "simulated, cycle by cycle")
            if single:
                look = {"color": SECOND, "ls": "--", "lw": 1.2}
                ax.axvline(np.median(single), **look, label="simulated, no spread")
            ax.set_title(f"{title}, {_WORDS[sign]} polarity ({_count(values)})")
            ax.ticklabel_format(useOffset=False)
            ax.locator_params(axis="x", nbins=6)
            ax.set_xlim(_around([*values, *drawn, *single]))
    if measured.driven == "voltage":
        text = str(thresholds)
        figure.suptitle(text[0].upper() + text[1:], fontsize=9)
    _legend(figure)
    return figure


CYCLE_WORDS = {
    "v_set": "|Set voltage|",
    "v_reset": "|Reset voltage|",
    "r_on": "On-resistance",
    "r_off": "Off-resistance",
}
"""What cycles of a device that keeps its state show, in words."""


def figure_set_reset(
    measured: Mapping[str, np.ndarray], simulated: Mapping[str, np.ndarray], *, label: str
) -> Any:
    """Cumulative distributions of set and reset voltage [V] and of resistances [ohm], see `cycle_values`."""
    figure, axes = panels(len(measured), most=2, height=3.4)
    for ax, (name, x) in zip(axes, measured.items(), strict=True):
        values, model = (
            [float(y) if np.isfinite(y) else None for y in z]
            for z in (x, simulated.get(name, np.zeros(0)))
        )
        unit, word = UNITS[name], CYCLE_WORDS[name]
        _distributions(ax, f"{word} ({unit})", values, model, label)
        there = [y for y in (*values, *model) if y is not None]
        ax.set_title(f"{word} ({_count(values)})")
        if unit == "ohm" and max(there) > 3 * min(there):
            ax.set_xscale("log")
        elif unit == "ohm":
            engineering(ax.xaxis, "ohm")
            ax.set_xlabel(word)
            ax.set_xlim(_around(there, least=0.05 * max(there)))
        else:
            ax.set_xlim(_around(there))
    _legend(figure)
    return figure


def _distributions(ax: Any, quantity: str, measured: list, simulated: list, label: str) -> None:
    """Empirical distribution functions; values that do not exist count in the denominator."""
    for values, color, text in ((measured, MEASURED, "measured"), (simulated, SIMULATED, label)):
        there = np.sort([x for x in values if x is not None])
        if len(there):
            share = np.arange(len(there) + 1) / len(values)
            x = np.concatenate([there[:1], there])
            ax.step(x, share, where="post", color=color, label=text)
    ax.set(xlabel=quantity, ylabel="share of sweeps", ylim=(0, 1.02))


def _count(values: list) -> str:
    """How many values exist, and of how many sweeps where some have none."""
    known = sum(x is not None for x in values)
    return f"n = {known}" + f" of {len(values)}" * (known < len(values))


def _around(values: list, least: float = 0.01) -> tuple[float, float]:
    """Limits of an axis that shows all values that exist with some room, 10 mV at least of voltages."""
    there = [x for x in values if x is not None]
    low, high = (min(there), max(there)) if there else (0.0, 1.0)
    room = max(0.1 * (high - low), least)
    return low - room, high + room


def figure_correlation(names: list[str], correlation: np.ndarray) -> Any:
    """Correlations of the fitted parameters."""
    size = 2.2 + 0.42 * len(names)
    figure, ((ax,),) = axes_grid(1, width=size + 1, height=size)
    image = ax.imshow(correlation, cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_xticks(range(len(names)), names, rotation=90)
    ax.set_yticks(range(len(names)), names)
    ax.grid(False)
    ax.set_title("Correlation of the fitted parameters")
    figure.colorbar(image, ax=ax, shrink=0.8)
    return figure


def figure_trends(series: list[Series]) -> Any:
    """Every quantity of every cycle against its number: a panel each, both polarities in it."""
    names = list(dict.fromkeys((s.name, s.unit) for s in series))
    figure, axes = panels(len(names), most=3, height=3.2)
    for ax, (name, unit) in zip(axes, names, strict=True):
        for s in (s for s in series if s.name == name):
            color = SIMULATED if s.polarity > 0 else SECOND
            label = f"{_WORDS[s.polarity]}: {s}"
            ax.plot(s.cycle, s.values, ".", ms=4, color=color, label=label)
        known = values_of(series, name)
        wide = known.min() > 0 and known.max() > 20 * known.min()
        title = f"{name[0].upper()}{name[1:]}"
        ax.set(xlabel="Cycle", ylabel=f"{title} ({unit})" if wide else title)
        if wide:
            ax.set_yscale("log")
        else:
            engineering(ax.yaxis, unit)
        ax.locator_params(axis="x", nbins=6, integer=True)
        ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.22), frameon=False)
    return figure
