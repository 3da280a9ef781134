"""Models and results as HTML for a notebook: tables with units, and a small picture where matplotlib draws one."""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .fields import StateSpec

_LONG = 16
"""Rows from which on a table is folded."""

_TEXT = 24
"""Characters of a cell above which its column is one of text."""

_DPI = 64
"""Resolution of the pictures that stand in a notebook beside tables."""


def pictures() -> Any:
    """The module that draws: `memjax.plot`, by the entry point with which a room that lies above is offered."""
    (point,) = entry_points(group="memjax.pictures", name="plot")
    return point.load()


def html_table(rows: Sequence[Sequence[Any]], head: Sequence[str]) -> str:
    """An HTML table; the cells are escaped, and those of columns of text have the class "t".

    A table without names of columns has no head, and all its cells are text.

    Parameters
    ----------
    rows : sequence of sequences
        Cells, as `str` writes them.
    head : sequence of str
        Names of the columns.
    """
    texts = {
        k for row in rows for k, c in enumerate(row) if (k and len(str(c)) > _TEXT) or not head
    }

    def line(row: Sequence[Any], tag: str) -> str:
        starts = (f'<{tag} class="t">' if k in texts else f"<{tag}>" for k in range(len(row)))
        cells = (f"{s}{html.escape(str(c))}</{tag}>" for s, c in zip(starts, row, strict=True))
        return f"<tr>{''.join(cells)}</tr>"

    top = line(head, "th") if head else ""
    return f"<table>{top}{''.join(line(row, 'td') for row in rows)}</table>"


def bullet_list(sentences: Sequence[str], *, kind: str = "") -> str:
    """A list of sentences, of a class of the page's style; "none" where there are none."""
    items = "".join(f"<li>{html.escape(x)}</li>" for x in sentences) or "<li>none</li>"
    return f'<ul class="{kind}">{items}</ul>' if kind else f"<ul>{items}</ul>"


def fold(title: str, body: str, *, count: int, long: int = _LONG) -> str:
    """A titled part of a page, folded where it has more than `long` rows."""
    if count <= long:
        return f"<p><b>{html.escape(title)}</b></p>{body}"
    summary = f"<summary><b>{html.escape(title)}</b> ({count})</summary>"
    return f"<details>{summary}{body}</details>"


def image(png: bytes, alt: str = "", *, link: str | None = None) -> str:
    """A picture, its bytes in the page; it leads to `link` where there is one."""
    data = base64.b64encode(png).decode()
    look = f'alt="{html.escape(alt)}" style="max-width:100%"'
    shown = f'<img {look} src="data:image/png;base64,{data}">'
    return (
        f"<p>{shown}</p>" if link is None else f'<p><a href="{html.escape(link)}">{shown}</a></p>'
    )


def inline_picture(draw: Callable[[], Any]) -> str:
    """Return the figure that `draw` gives as an image in the page; an empty text if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return ""
    return image(pictures().png(draw(), dpi=_DPI))


def card(title: str, text: str, *parts: str) -> str:
    """A heading, a sentence below it, and parts that are HTML."""
    return f"<div><p><b>{html.escape(title)}</b><br>{html.escape(text)}</p>{''.join(parts)}</div>"


def text_card(text: str, *parts: str) -> str:
    """A card of an object's text, ``Kind(what is to be known)``: its kind is the heading."""
    kind, _, description = text.partition("(")
    return card(kind, description.removesuffix(")"), *parts)


def or_text(build: Callable[[], str]) -> str | None:
    """Return what `build` gives; None, and with it the text, for a tree in the form of a model that is none.

    Transformations make such trees of axes, masks and shapes, and a notebook asks each object how to show it.
    """
    try:
        return build()
    except Exception:  # a repr never fails
        return None


def _number(value: Any) -> str:
    """A value for reading: its shape where it is an array."""
    if value is None or isinstance(value, str):
        return str(value)
    if np.ndim(value):
        return f"{' x '.join(map(str, np.shape(value)))} values"
    return f"{float(np.asarray(value)):.4g}"


def extent_table(columns: Mapping[str, tuple[Any, str]]) -> str:
    """Smallest and largest value of quantities, by name their numbers and unit."""
    rows = [[name, *span(x), _unit(unit)] for name, (x, unit) in columns.items()]
    return html_table(rows, ["", "smallest", "largest", "unit"])


def span(values: Any) -> tuple[str, str]:
    """Smallest and largest finite number, for reading."""
    x = np.asarray(values, float)
    x = x[np.isfinite(x)]
    return (f"{np.min(x):.4g}", f"{np.max(x):.4g}") if x.size else ("", "")


def _unit(unit: str) -> str:
    """A unit for a cell: nothing of a plain number."""
    return "" if unit == "1" else unit


def parameters_html(model: Any) -> str:
    """Parameters and settings of a device or circuit: value, unit, default and meaning."""
    from .fields import parameter_specs, setting_specs, stored

    rows = []
    for name, spec in (parameter_specs(model) | setting_specs(model)).items():
        value, follows = stored(model, name), getattr(spec, "follows", None)
        default = spec.default if follows is None else f"as {follows}"
        shown = f"as {follows}" if value is None and follows is not None else _number(value)
        unit = _unit(getattr(spec, "unit", "1"))
        default = default if isinstance(default, str) else _number(default)
        rows.append([name, shown, unit, default, spec.doc])
    head = ["parameter", "value", "unit", "default", "meaning"]
    return fold("Parameters", html_table(rows, head), count=len(rows))


def states_html(states: "Sequence[StateSpec]") -> str:
    """States of a device or circuit: unit, range and meaning."""
    rows = [[s.name, _unit(s.unit), *map(_number, s.bounds), s.doc] for s in states]
    head = ["state", "unit", "from", "to", "meaning"]
    return fold("States", html_table(rows, head), count=len(rows)) if rows else ""


def device_html(device: Any) -> str | None:
    """A device: its parameters and states."""
    text = f"{getattr(device, 'name', '')}: {'volatile' if device.volatile else 'non-volatile'}"
    return or_text(
        lambda: card(
            type(device).__name__, text, parameters_html(device), states_html(device.states)
        )
    )
