"""The command line ``memjax fit`` that does what a page shows: the words of options, and of choices on the page."""

from collections.abc import Mapping
from typing import Any

from memjax.core.fields import parameter_specs, setting_specs, stored
from memjax.errors import ModelError

from ..config import words_of
from .parameters import device_at, number

_OF_PAGE = ("point_time", "series_resistance", "parallel_resistance", "parallel_capacitance", "temperature", "shunt",
            "area", "points", "model_sigma", "on_threshold", "hold_threshold", "preset", "reader", "exclude",
            "reversed", "skip_forming", "compliance", "compliance_negative", "columns", "sweeps")  # fmt: skip
"""Options of reading, bench and thresholds that a page hands on to ``memjax fit``."""


def option_words(options: Any) -> list[str]:
    """Words of the options of reading, bench and thresholds that were given, as ``memjax fit`` takes them."""
    words = words_of({n: getattr(options, n, None) for n in _OF_PAGE})
    return words + ["--sign", "-1"] * (getattr(options, "sign", 1) == -1)


def choice_words(device: Any, choice: Mapping[str, Any], guess: Any) -> list[str]:
    """Words of what a page says of parameters: free ones with their starts, the others fixed, bounds.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        The model; what follows another parameter and has no value of its own is left to it.
    choice : mapping
        `values` [SI], `free`, `bounds` by name, and `stochastic`, `seed`.
    guess : AbstractDevice or Circuit
        What a fit takes for a value that is neither free nor fixed.

    Raises
    ------
    ModelError, BoundsError
        For unknown names and values that cannot be.
    """
    free, bounds = list(choice.get("free", ())), dict(choice.get("bounds", {}))
    here = device_at(device, choice.get("values", {}))
    specs, words = parameter_specs(here), []
    unknown = [n for n in (*free, *bounds) if n not in specs]
    settings = [n for n in setting_specs(here) if n in choice.get("values", {})]
    if unknown or settings:
        what = f"{', '.join(map(str, unknown or settings))} in a fit"
        raise ModelError(what, where="the page", allowed="parameters of numbers")
    fixed = [n for n in specs if n not in free and _is_fixed(here, guess, n)]
    if free:
        words += ["--free", *free]
        words += ["--start", *(f"{n}={number(here, n):.6g}" for n in free if not specs[n].noise)]
    if fixed:
        words += ["--fix", *(f"{n}={number(here, n):.6g}" for n in fixed)]
    if bounds:
        ranges = (f"{n}={float(a):.6g},{float(b):.6g}" for n, (a, b) in bounds.items())
        words += ["--bounds", *ranges]
    if choice.get("stochastic"):
        words += ["--stochastic"]
    seed = int(choice.get("seed", 0))
    return words + ["--seed", str(seed)] * bool(seed)


def _is_fixed(device: Any, guess: Any, name: str) -> bool:
    """Whether a parameter that is not free has to be named: followers and what a fit leaves alone need not be."""
    spec, value = parameter_specs(device)[name], stored(device, name)
    if value is None:
        return False
    default = number(device, name) == spec.default
    return not default or not (spec.noise or number(guess, name) == spec.default)
