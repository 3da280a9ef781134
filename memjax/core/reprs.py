"""Models as text for a terminal: their kind, and the parameters that differ from the defaults."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

WIDTH = 98
"""Columns that a line of text may have."""

_SHORT, _LIMIT = 3, 6
"""Parameters that are shown in any case where there are no more; those that are shown where more differ."""


def _is_traced(value: Any) -> bool:
    """Whether a number is not known yet."""
    from jax.core import Tracer

    return isinstance(value, Tracer)


def quantity(value: Any, unit: str) -> str:
    """A number with its unit; an array is given by its shape, and a number that is not known yet as "traced"."""
    unit = "" if unit == "1" else f" {unit}"
    if value is None or isinstance(value, str):
        return str(value)
    if np.ndim(value):
        return f"{'x'.join(map(str, np.shape(value)))} values{unit}"
    if _is_traced(value):
        return f"traced{unit}"
    return f"{float(np.asarray(value)):.4g}{unit}"


def _is_default(value: Any, default: Any) -> bool:
    """Whether a field holds its default."""
    if value is None or default is None or isinstance(value, str):
        return value is default or value == default
    comparable = np.ndim(value) == 0 and not _is_traced(value)
    return comparable and bool(np.asarray(value) == np.asarray(default, np.asarray(value).dtype))


def parameters_text(model: Any) -> str:
    """Parameters and settings that differ from the defaults, the first few; all of an element that has few."""
    from .fields import parameter_specs, setting_specs

    specs = parameter_specs(model) | setting_specs(model)
    text = {
        n: f"{n}={quantity(getattr(model, n), getattr(s, 'unit', '1'))}" for n, s in specs.items()
    }
    non_default = [n for n, s in specs.items() if not _is_default(getattr(model, n), s.default)]
    names = list(text) if len(text) <= _SHORT else non_default[:_LIMIT]
    remainder = f"and {len(non_default) - _LIMIT} more" if len(non_default) > _LIMIT else ""
    return (
        ", ".join([*(text[n] for n in names), *([remainder] if remainder else [])])
        or "default parameters"
    )


def of_tree(model: Any, text: Callable[[], str]) -> str:
    """The text of a model, wrapped; equinox's text of the tree where its fields are not numbers.

    Notes
    -----
    Transformations make trees of anything (axes, masks, shapes) in the form of a model, and print them in messages.
    """
    try:
        lines = text().split("\n")
    except Exception:  # a repr never fails
        from equinox import tree_pformat

        return tree_pformat(model)
    return "\n".join(
        textwrap.fill(
            line, WIDTH, subsequent_indent=" " * 4, break_on_hyphens=False, drop_whitespace=True
        )
        for line in lines
    )


def device_text(device: Any) -> str:
    """A device in a line: parameters that differ from its defaults [SI], and its states."""
    states = ", ".join(s.name for s in device.states) or "none"
    return of_tree(
        device, lambda: f"{type(device).__name__}({parameters_text(device)}; states {states})"
    )


def element_text(element: Any) -> str:
    """An element that has no states in a line: its parameters [SI]."""
    return of_tree(element, lambda: f"{type(element).__name__}({parameters_text(element)})")


def netlist_text(
    name: str, elements: Mapping[str, Any], nets: tuple[tuple[str, ...], ...], summary: str
) -> str:
    """A circuit: an element a line, with its nodes and its parameters, and what closes it."""
    width = max(map(len, elements), default=0)
    rows = [
        f"  {n:{width}}  {type(e).__name__} {'-'.join(net)}: {parameters_text(e)}"
        for (n, e), net in zip(elements.items(), nets, strict=True)
    ]
    return "\n".join([f"{name}(", *rows, f"  {summary})"])
