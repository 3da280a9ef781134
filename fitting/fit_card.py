"""A fit as HTML for a notebook."""

from typing import Any

from memjax.core.html import card, fold, inline_picture

from .html import bullets, parameters_table


def card_of(fit: Any) -> str:
    """Return the picture of a fit, its parameters with units, and what is to be known of them, as HTML."""
    rows = {r["name"]: r for r in fit.table()}
    uncertainty = {"level": 0.9, "intervals": fit.intervals(0.9)}
    sides = {}
    for title, free in (("Parameters", True), ("Fixed parameters", False)):
        shown = {n: r for n, r in rows.items() if r["free"] is free}
        content = {"synthetic_truth": False, "parameters": shown, "uncertainty": uncertainty}
        sides[title] = fold(title, parameters_table(content), count=len(shown), long=12 * free)
    names: dict[str, list[str]] = {}
    for n, text in fit.reasons.items():
        names.setdefault(text, []).append(n)
    why = [f"not determined: {', '.join(same)} ({text})" for text, same in names.items()]
    remarks = bullets([*fit.warnings, *fit.notes, *why])
    worth = "" if fit.verdict is None else f"{fit.verdict}, "
    text = f"{worth}loss {fit.loss:.4g}, {len(fit.free)} free parameters"
    picture = inline_picture(lambda: fit.plot(cycles=False))
    return card(f"Fit of {fit.model}", text, picture, *sides.values(), remarks)
