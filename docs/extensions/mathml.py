"""Equations as MathML, which browsers draw themselves: no script, and nothing from the net."""

import re

from docutils import nodes
from latex2mathml.converter import convert


def _write(writer, node: nodes.Element, display: str) -> None:
    text = node.astext().replace("{aligned}", "{align*}")
    if display == "block" and ("\\\\" in text or "&" in text) and "\\begin{" not in text:
        text = rf"\begin{{align*}}{text}\end{{align*}}"
    # A blank line ends a display, as in Sphinx's own renderers.
    parts = [p for p in re.split(r"\n\s*\n", text) if p.strip()] if display == "block" else [text]
    for part in parts:
        math = convert(part.strip(), display=display)
        writer.body.append(f'<div class="math">{math}</div>' if display == "block" else math)


def inline(writer, node):
    """A formula in a line of text."""
    _write(writer, node, "inline")
    raise nodes.SkipNode


def block(writer, node):
    """A formula of its own line."""
    _write(writer, node, "block")
    raise nodes.SkipNode


def setup(app):
    """Register the renderer and choose it."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
