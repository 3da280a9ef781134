"""A fit as HTML for a notebook, and in lines of words."""

from collections.abc import Mapping
from typing import Any

from memjax.core.html import bullet_list, card, inline_picture

from .page.fit_blocks import parameter_table
from .page.render import render


def card_of(fit: Any) -> str:
    """Return the picture of a fit, its parameters with units, and what is to be known of them, as HTML."""
    rows = {r["name"]: r for r in fit.table()}
    uncertainty = {"level": 0.9, "intervals": fit.intervals(0.9)}
    tables = []
    for title, free in (("Parameters", True), ("Fixed parameters", False)):
        shown = {n: r for n, r in rows.items() if r["free"] is free}
        content = {"synthetic_truth": False, "parameters": shown, "uncertainty": uncertainty}
        tables.append(parameter_table(content, title=title, long=12 * free))
    names: dict[str, list[str]] = {}
    for n, text in fit.reasons.items():
        names.setdefault(text, []).append(n)
    why = [f"not determined: {', '.join(same)} ({text})" for text, same in names.items()]
    remarks = bullet_list([*fit.warnings, *fit.notes, *why])
    worth = "" if fit.verdict is None else f"{fit.verdict}, "
    text = f"{worth}loss {fit.loss:.4g}, {len(fit.free)} free parameters"
    picture = inline_picture(lambda: fit.plot(cycles=False))
    return card(f"Fit of {fit.model}", text, picture, render(*tables), remarks)


def in_words(fit: Any, heading: str, units: Mapping[str, str]) -> str:
    """The heading with the verdict's word and the loss, and a line for each parameter that was calibrated."""
    std, undetermined = fit.std, fit.undetermined
    word = "" if fit.verdict is None else f"{fit.verdict.word}, "
    lines = [f"{heading}, {word}loss {fit.loss:.4g})"]
    for n, x in fit.values.items():
        error = f" +- {std[n]:.2g}" if n in std else ""
        remark = ", not determined" if n in undetermined else ""
        lines.append(f"  {n} = {x:.4g}{error} {units[n]}{remark}")
    return "\n".join(lines)
