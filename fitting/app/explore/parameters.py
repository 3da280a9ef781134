"""Parameters as a page shows them: value, unit, bounds, the range of a slider; and the device at what sliders say."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import memjax as mj
from memjax.core.fields import ParameterSpec, parameter_specs, setting_specs, stored
from memjax.core.params import get, replace
from memjax.core.transforms import Log, LogLogit, from_spec
from memjax.errors import MemjaxError, ModelError, StimulusError
from memjax.io.request import bench_names
from memjax.runtime.documents import is_finite_number

_DECADES = 2.0
"""Decades of a logarithmic slider on either side of its first value, where bounds span more than twice as many."""

_WIDE = 100.0
"""Range from which on a linear slider does not show all of it, as a multiple of the value, or of 1."""


def is_logarithmic(spec: ParameterSpec) -> bool:
    """Whether fits move the parameter by factors; its slider then does the same."""
    return isinstance(from_spec(spec), Log | LogLogit) and spec.bounds[0] >= 0


def slider_range(spec: ParameterSpec, value: float) -> tuple[float, float]:
    """Ends of a slider within the bounds [unit]; of a logarithmic one, the lowest end is above zero."""
    low, high = spec.bounds
    if is_logarithmic(spec):
        middle = abs(value) or abs(spec.default or 0.0) or min(max(1.0, low), high)
        if low > 0 and math.log10(high / low) <= 2 * _DECADES:
            return low, high
        return max(low, middle / 10**_DECADES), min(high, middle * 10**_DECADES)
    if high - low <= _WIDE * max(abs(value), 1.0):
        return low, high
    reach = 2 * abs(value) or 1.0
    return max(low, value - reach), min(high, value + reach)


def parameter_rows(device: Any, free: Collection[str] = ()) -> list[dict]:
    """Parameters and settings of a device or circuit, one entry for each row of sliders.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the values at which sliders begin.
    free : collection of str
        Parameters that a fit moves.

    Returns
    -------
    list of dict
        Infinite bounds are None. `own` is false of a parameter that follows another one.
    """
    rows = []
    for name, spec in parameter_specs(device).items():
        value = number(device, name)
        low, high = slider_range(spec, value)
        bounds = [x if math.isfinite(x) else None for x in spec.bounds]
        row = {"name": name, "unit": spec.unit, "doc": spec.doc, "bounds": bounds, "value": value}
        row |= {"default": spec.default, "noise": spec.noise, "follows": spec.follows}
        row |= {"range": [low, high], "logarithmic": is_logarithmic(spec), "allowed": None}
        row |= {"zero": spec.bounds[0] == 0, "free": name in free}
        rows.append(row | {"own": stored(device, name) is not None or spec.follows is None})
    for name, spec in setting_specs(device).items():
        setting = {"name": name, "doc": spec.doc, "allowed": list(spec.allowed), "unit": "1"}
        rows.append(setting | {"value": stored(device, name), "noise": False, "free": False})
    return rows


def page_of(
    model: str, device: Any, env: mj.Environment, *, bench: mj.Bench | None = None, free: Collection[str] = ()
) -> dict:  # fmt: skip
    """What every page shows of a model and of what stands around it; `free` as of `parameter_rows`."""
    states = device.specs if isinstance(device, mj.Circuit) else device.states
    around = {k: x for k, x in bench_names(bench).items() if x != "None"} if bench else {}
    return {
        "model": model,
        "parameters": parameter_rows(device, free),
        "states": [{"name": s.name, "unit": s.unit, "doc": s.doc} for s in states],
        "presets": presets_of(model),
        "bench": around | {"temperature": f"{float(env.temperature):g}"},
    }


def number(device: Any, name: str) -> float:
    """Value of a parameter [unit], or of the one that it follows; 0 of a noise that is not there."""
    value = get(device, name)
    return 0.0 if value is None else float(value)  # pyright: ignore[reportArgumentType]


def device_at(device: Any, values: Any) -> Any:
    """The device at values of a page [SI]; parameters that follow others have the values of these where none is given.

    Raises
    ------
    ModelError, BoundsError
        For what is no number, unknown, or out of bounds.
    """
    if not isinstance(values, Mapping):
        raise ModelError("no values by name", where="the page", allowed="an object of numbers [SI]")
    return replace(device, values, where="the page")


def with_all_values(device: Any) -> Any:
    """The same device, whose followers and absent noises have numbers: one program for all values of sliders."""
    specs = parameter_specs(device)
    absent = {n: number(device, n) for n in specs if stored(device, n) is None}
    return replace(device, absent, check=False)


def message(error: MemjaxError) -> str:
    """An error as a page shows it: its lines."""
    return "\n".join(error.lines)


def presets_of(model: str) -> list[dict]:
    """Published sets of a model: name, title, values."""
    every = [mj.presets.load(name) for name in mj.presets.names(model)]
    return [{"name": i.name, "title": i.title, "values": v, "bench": i.bench} for _, v, i in every]


def drive_row(name: str, doc: str, unit: str, value: float) -> dict:
    """A row of sliders for a number of the drive that is above zero [unit]; a tenth to ten times its first value."""
    row = {"name": name, "doc": doc, "unit": unit, "value": value, "default": value}
    return row | {"range": [value / 10, value * 10], "logarithmic": True, "bounds": [0.0, None]}


def drive_values(rows: list[dict], drive: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of the drive as a page says them.

    Raises
    ------
    StimulusError
        For one that is not above zero.
    """
    values = {row["name"]: drive.get(row["name"], row["value"]) for row in rows}
    for row in rows:
        x = values[row["name"]]
        if not (is_finite_number(x) and x > 0):
            allowed = f"a finite number > 0 {row['unit']}"
            raise StimulusError(f"{row['name']} = {x!r}", where="the page", allowed=allowed)
    return {n: float(x) for n, x in values.items()}
