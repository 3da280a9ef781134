"""The report of a fit: pictures, and one HTML page that needs nothing beside it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import memjax as mj
from memjax.data import is_pulsed
from memjax.observables import Thresholds, find_thresholds, summarise, switching
from memjax.observables.thresholds import NEVER
from memjax.plot import style

from ..figures import save_all
from ..page.blocks import Block, Bullets, Note, Picture, Section, Table, Text
from ..page.fit_blocks import few_cycles, readable
from ..report import TABLES, parameters_section, read_table, write_fit_page
from ..time_pictures import figure_currents
from . import figures
from .function_figure import figure_functions, functions_of_fit
from .limits import levels_by_sign
from .set_reset import UNITS, cycle_values
from .trends import SURE, Series, keeps_state, trends

# Of tables of voltages.
_HEAD = ["", "measured median (V)", "SD (V)", "n", "simulated median (V)", "difference (mV)"]

CYCLES = "cycles.csv"
"""Simulated sweeps with noise and spread, where there are some."""

_CYCLES = 3  # cycles from which on they are drawn against their number

_ONE_PER_EVENT = "The spread of an event (rise, fall) is explained by that of one parameter."

_TRUTH = "Synthetic data: the true parameters are known and stand beside the fitted ones."

_SIMULATED = """ What simulated cycles calibrated has sigma and interval from profiles of the simulated loss, and
counts as not determined where its logarithm has a standard deviation above 0.5 and above half the prior's."""


_FUNCTIONS = """Bands hold nine tenths of the functions that the data and their smoothness allow. Strokes are points of
the data: where there are none, a function is what its smoothness says."""


def build(
    content: dict, folder: Path, *, on_threshold: float | None = None, hold_threshold: float | None = None
) -> list[str]:  # fmt: skip
    """Make pictures and ``report.html`` out of fit.json, measured.csv and simulated.csv; names of the files.

    The thresholds [A] are those of the fit by default.
    """
    driven = content.get("driven", "voltage")
    measured, simulated = (_rows(folder / f"{n}.csv", driven) for n in TABLES)
    options = {n: x for n, x in (("on", on_threshold), ("hold", hold_threshold)) if x is not None}
    levels = thresholds_of(content) or (Thresholds() if options else find_thresholds(measured))
    levels = replace(levels, **options, why="given") if options else levels
    non_volatile = keeps_state(measured)
    series = trends(measured, non_volatile=non_volatile, thresholds=levels)
    series = series if len(measured.labels) >= _CYCLES else []
    random = _rows(folder / CYCLES, driven) if (folder / CYCLES).exists() else None
    with style():
        shown = {"compliances": _limits(content), "thresholds": None if non_volatile else levels}
        drawn = {"iv": figures.figure_iv(measured, simulated, **shown, random=random)}
        drawn["residuals"] = figures.figure_residuals(measured, simulated)
        if non_volatile:
            sides = cycle_values(measured), cycle_values(simulated if random is None else random)
            label = "simulated" if random is None else "simulated, cycle by cycle"
            drawn["switching"] = figures.figure_set_reset(*sides, label=label)
            tables: list[Block] = [_set_reset_table(*sides)]
        else:
            shown, tables = _switching(measured, simulated, content["distribution"], levels)
            drawn |= shown
        # A device that stands reversed sees the opposite voltage.
        applied = -measured.applied if content["bench"].get("reversed") else measured.applied
        if functions := functions_of_fit(content):  # correlations of nodes say nothing to anybody
            drawn["functions"] = figure_functions(content, applied, functions)
        else:
            correlation = np.array(content["correlation"])
            drawn["correlation"] = figures.figure_correlation(content["free"], correlation)
        if random is not None:
            drawn["cycles"] = figures.figure_cycles(measured, random)
        if measured.t is not None and is_pulsed(measured.applied):
            drawn["currents"] = figure_currents(measured, simulated)
        if series:
            drawn["trends"] = figures.figure_trends(series)
        names = save_all(drawn, folder)
    paths = {n: folder / f"{n}.png" for n in drawn}
    content = {"uncertainty": {"method": "laplace", "notes": []}} | content  # of memjax 0.1
    blocks, advice = _blocks(content, paths, series, tables), next_measurements(content, measured)
    far = ", ".join(content.get("out_of_reach", []))
    beyond = [f"Beyond the largest voltage of the data, and so not determined: {far}."] * bool(far)
    write_fit_page(content, blocks, folder, advice=advice, series="sweep", notes=beyond)
    return [*names, "report.html"]


def _limits(content: dict) -> dict[int, list[float]]:
    """Current limits [A] at positive and at negative voltage."""
    compliance = content["bench"]["compliance"]
    levels = content.get("compliances", [] if compliance is None else [compliance])
    return levels_by_sign(content["bench"], levels)


def next_measurements(content: dict, measured: mj.Measurement) -> list[str]:
    """What further sweeps would show of what is not determined, as far as the data themselves tell."""
    names, free = content["undetermined"], content["parameters"]
    left = [n for n in names if n in free]
    sentences, largest = [], float(np.max(np.abs(measured.v)))
    if far := content.get("out_of_reach"):
        sentences.append(
            f"Sweeps beyond {largest:.3g} V: {', '.join(far)} lie above what was applied."
        )
    if (other := [n for n in left if n.endswith("_neg")]) and not np.any(measured.v < 0):
        sentences.append(f"Sweeps of negative polarity, for {', '.join(other)}.")
    if np.any(measured.at_compliance) and (on := [n for n in left if n.startswith("r_on")]):
        sentences.append(
            f"A higher current limit, or none: it hides what {', '.join(on)} would be."
        )
    rates = [n for n in left if n not in (far or []) and _is_of_time(free[n]["unit"])]
    if rates and _is_of_one_rate(measured):
        sentences.append(
            "The same sweep ten times faster and slower, or pulses and decays, in one joint fit: how fast the state "
            f"moves is set by {', '.join(rates)}. Sweeps of one rate show combinations of such rates; other rates may "
            "tell them apart."
        )
    few = few_cycles(len(measured.labels))
    sentences += few
    fixed_noise = any("sigma" in n and not p["free"] for n, p in free.items())
    if not few and not content.get("stochastic") and fixed_noise:
        sentences.append("Nothing for ion noise: fit these cycles again with --stochastic.")
    return sentences


def _is_of_one_rate(measured: mj.Measurement) -> bool:
    """Whether all sweeps go through their voltages about as fast, within a factor of three."""
    if measured.t is None:
        return True
    rates = []
    for _, sweep in measured.sweeps():
        time, extent = np.ptp(np.asarray(sweep.t)), np.max(np.abs(sweep.v))
        if time > 0 and extent > 0:
            rates.append(extent / time)
    return not rates or bool(max(rates) < 3 * min(rates))


def _is_of_time(unit: str) -> bool:
    """Whether a unit holds a time, as those of rates and mobilities do; that of noise has its root."""
    return "sqrt" not in unit and "s" in re.split(r"[ ()/]", unit)


def thresholds_of(content: dict) -> Thresholds | None:
    """Thresholds that a ``fit.json`` holds; None in one of memjax 0.1, which has none."""
    return Thresholds(**content["thresholds"]) if "thresholds" in content else None


def _rows(path: Path, driven: str) -> mj.Measurement:
    return figures.measurement_of(read_table(path), driven)


def _voltage_row(title: str, measured: dict, simulated: dict) -> list[Any]:
    """A row under `_HEAD` of median, standard deviation and number of measured and simulated voltages."""
    here, there = measured["median"], simulated.get("median")
    off = "" if None in (here, there) else f"{1e3 * (there - here):+z.1f}"
    # Voltages that are alike differ by their rounding: below 1 nV.
    spread = readable(measured["sd"] and round(measured["sd"], 9), 2)
    return [title, readable(here), spread, measured["n"], readable(there), off]


def _switching(
    measured: mj.Measurement, simulated: mj.Measurement, distribution: dict, levels: Thresholds
) -> tuple[dict[str, Any], list[Block]]:
    """Picture and tables of switching and hold voltages, by thresholds: the picture where anything switches."""
    both, by_current = (measured, simulated), measured.driven == "current"
    read = [switching(x, **levels.options) for x in both]
    picture = {}
    if any(f.switched for f in chain(*read)):
        picture["switching"] = figures.figure_switching(*both, distribution, thresholds=levels)
    # Without thresholds nothing was looked for, which is not that nothing switches.
    sought = (levels.on, levels.hold) != NEVER or by_current
    tables: list[Block] = [_switching_table(*map(summarise, read))] * sought
    return picture, [*tables, *[Note(str(levels))] * (not by_current)]


def _switching_table(measured: dict, simulated: dict) -> Table:
    rows = []
    for word in (w for w in ("positive", "negative") if w in measured):
        m, s = measured[word], simulated.get(word, {})
        for key, title in (("v_th_V", "switching voltage"), ("v_hold_V", "hold voltage")):
            rows.append(_voltage_row(f"{title}, {word}", m[key], s.get(key, {})))
        never = [f"{x['never_switched']} / {x['never_returned']}" if x else "" for x in (m, s)]
        title = f"never switched / returned, {word}"
        rows.append([title, never[0], "", m["excursions"], never[1], ""])
    return Table(_HEAD, rows)


def _set_reset_table(
    measured: Mapping[str, np.ndarray], simulated: Mapping[str, np.ndarray]
) -> Table:
    """Medians and relative spreads of what cycles show, measured and simulated."""
    rows = []
    for name, x in measured.items():
        here, there = (y[np.isfinite(y)] for y in (x, simulated.get(name, np.zeros(0))))
        cells = [f"{figures.CYCLE_WORDS[name]} ({UNITS[name]})"]
        for y in (here, there):
            # What is below 0.001 % is rounding.
            spread = f"{round(100 * np.std(np.log(y), ddof=1), 3):.2g} %" if len(y) > 1 else ""
            cells += [readable(float(np.median(y)) if len(y) else None), spread, str(len(y))]
        rows.append(cells)
    half = ["median", "spread", "n"]
    return Table(["", *(f"{w} {h}" for w in ("measured", "simulated") for h in half)], rows)


def _variability(content: dict) -> Table:
    noise = content["read_noise"]
    rows = [["read noise, relative (SD of ln |I|)", readable(noise["relative"], 3)]]
    rows += [["read noise, additive (A)", readable(noise["floor_A"], 3)]]
    for name, s in (content["cycle_spread"] or {}).items():
        std = f" ± {readable(s['std'], 2)}" if s.get("std") is not None else ""
        of = f"cycle spread of {name} (SD of its logarithm, from {s['from']})"
        rows.append([of, readable(s["sigma_ln"], 3) + std])
    for name in (content.get("stochastic") or {}).get("noise", []):
        p = content["parameters"][name]
        value = f"{readable(p['value'], 3)} ± {readable(p['std'], 2)}"
        rows.append([f"ion noise within a cycle, {name} ({p['unit']})", value])
    for a, b, r in content.get("cycle_correlation") or ():
        rows.append([f"correlation of the cycle spreads of {a} and {b}", readable(r, 2)])
    return Table(["", "value"], rows)


def _randomness(content: dict) -> list[Section]:
    """The calibration by simulation, and how near the simulated cycles come to the measured ones."""
    stochastic = content.get("stochastic")
    if not stochastic:
        return []
    rows = []
    for group in stochastic["comparison"]:
        for name, c in group.items():
            if name in ("label", "joint"):
                continue
            sides = (c[k] for k in ("measured", "simulated"))
            pair = [f"{readable(x['mean'])} ± {readable(x['sd'], 2)}" for x in sides]
            distance = f"{readable(c['w1'], 2)} ({readable(c['floor'], 2)})"
            title = f"{name} ({c['unit']}), {group['label']}"
            rows.append([title, c["measured"]["n"], *pair, distance])
        joint = group["joint"]
        for pair, numbers in joint["correlation"].items():
            title = f"correlation of {pair}, {group['label']}"
            rows.append([title, "", *(readable(x, 2) for x in numbers), ""])
        p = f"p = {readable(joint['p'], 2)}"
        rows.append([f"energy test, {group['label']}", "", "", "", p])
    head = ["", "n", "measured", "simulated", "Wasserstein-1 (floor)"]
    p = ", ".join(readable(x, 2) for x in stochastic["step_p"])
    step = stochastic["step"]
    steps = f"; an energy test against fixed steps of {step:g} s gives p = {p}" if p else ""
    note = f"""Estimator: {stochastic["estimator"]}; {stochastic["draws"]} cycles of each waveform at each
point. Loss {stochastic["loss"]:.4g}, with a standard deviation of {stochastic["loss_noise"]:.2g} under other random
numbers. The simulated cycles above have other random numbers and adaptive steps{steps}. Floor: mean distance of random
halves of the measured values."""
    table = Table(head, rows, title="Distributions and correlations")
    return [Section("Calibrated by simulation", [table, Note(note)])]


def _beside(pictures: list[Picture], content: dict) -> list[Section]:
    """Measured cycles beside simulated ones, and what is random in these; nothing where none were simulated."""
    if not pictures:
        return []
    random = content.get("stochastic") or {"noise": []}
    noise = "ion noise and " if random["noise"] else "no noise within a cycle, but "
    text = f"Simulated cycles have {noise}the spread from cycle to cycle; read noise is not added."
    return [Section("Cycles, measured and simulated", [*pictures, Note(text)])]


def _cycles(series: list[Series], pictures: list[Picture]) -> list[Section]:
    """Every quantity of every cycle, and whether it drifts; nothing of too few cycles."""
    if not series:
        return []
    head = ["", "unit", "polarity", "n", "median", "trend over the cycles"]
    rows = []
    for s in series:
        known = s.values[np.isfinite(s.values)]
        word = "positive" if s.polarity > 0 else "negative"
        rows.append([s.name, s.unit, word, len(known), readable(float(np.median(known))), str(s)])
    note = Note(f"Trends by Kendall's rank correlation, called one where p is below {SURE:g}.")
    table = Table(head, rows, title="Quantities and trends")
    return [Section("Cycle by cycle", [*pictures, table, note])]


def _blocks(
    content: dict, paths: dict[str, Path], series: list[Series], tables: list[Block]
) -> list[Block]:
    """What the page shows between the summary and the remarks."""

    def drawn(name: str, alt: str) -> list[Picture]:
        return [Picture(paths[name], alt)] if name in paths else []

    sentences = content.get("identifiability", {}).get("sentences", [])
    determined = Section("What the data determine", [Bullets(sentences)])
    simulated = _SIMULATED * bool(content.get("stochastic"))
    shown = bool(content["cycle_spread"]) and not content.get("cycle_correlation")
    return [
        *[Text(_TRUTH)] * bool(content["synthetic_truth"]),
        Section("Measured and simulated", [
            *drawn("iv", "current against voltage"),
            *_beside(drawn("cycles", "measured and simulated cycles"), content),
            *drawn("currents", "current against time"),
            *tables,
            *drawn("switching", "switching and hold voltages"),
        ]),
        *_cycles(series, drawn("trends", "cycle by cycle")),
        *[Section("Learned functions", [
            *drawn("functions", "learned functions"), Note(_FUNCTIONS),
            *[Text(f"{x[0].upper()}{x[1:]}.") for x in [content.get("resemblance")] if x],
            *[Bullets(x) for x in [content.get("corrections")] if x],
        ])]
        * ("functions" in paths),
        parameters_section(
            content, determined, *drawn("correlation", "correlation of parameters"), more=simulated
        ),
        Section("Residuals", drawn("residuals", "residuals")),
        Section("Noise and cycle-to-cycle spread", [
            _variability(content),
            *_randomness(content),
            *[Note(_ONE_PER_EVENT)] * shown,
        ]),
    ]  # fmt: skip
