"""Models of the same data side by side."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memjax.errors import DataError, MemjaxError

from ..residuals import Residuals
from ..result import AbstractFit
from .criteria import criteria, scores

AS_GOOD, FAR = 2.0, 10.0
"""Differences of AIC up to which a model is as good as the best, and above which nothing speaks for it."""

SURE = 2.0
"""Standard errors from which on two held-out scores are told apart."""

KEYS = (
    "model", "free", "points", "loss", "residual", "unit", "aic", "aicc", "bic", "delta_aic", "support", "score",
    "held_residual", "behind", "verdict", "failure", "held_failure",
)  # fmt: skip
"""Keys of `Comparison.rows`."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models of the same data side by side.

    Parameters
    ----------
    rows : list of dict
        Of each model, None where something is not known: `model`; `free` parameters; `points`; `loss`; `residual`, the
        median modulus of those of curves [`unit`]; `aic`, `aicc`, `bic`; `delta_aic` over the least, and what it means
        (`support`); `score`, root mean square of the residuals of data that a fit of the others has not seen [sigma],
        their median modulus `held_residual` [`unit`], and `behind`, the mean difference of their squares to the best
        over its standard error, for noise as the best leaves it; `verdict`; `failure` and `held_failure`, why there is
        no fit, and no score.
    independent : float or None
        Number of independent residuals.
    no_criteria : str
        Why there are no criteria of information; "" where there are.
    notes : tuple of str
        What is to be known beside the numbers.
    """

    rows: list[dict[str, Any]]
    independent: float | None
    no_criteria: str
    notes: tuple[str, ...]


def best(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """The row whose number of that name is least; an empty one where none has it."""
    return min((r for r in rows if r[key] is not None), key=lambda r: r[key], default={})


def compare_models(
    fits: Mapping[str, AbstractFit | str],
    halves: Mapping[str, AbstractFit | str] | None = None,
    held_out: Any = None,
) -> Comparison:
    """Compare fits of several models to the same data; a row for each model, and notes.

    Parameters
    ----------
    fits : mapping of str to AbstractFit or str
        Of all data, by model; in words why there is none.
    halves : mapping of str to AbstractFit or str, optional
        Of a part of the data, for the held-out score.
    held_out : Any, optional
        The other part, as `AbstractFit.residuals` takes it: measurements of sweeps, a record of pulses or a decay.

    Raises
    ------
    DataError
        For fewer than two models.

    Notes
    -----
    AIC is n ln(S / n) + 2 k, with the sum S of the squared residuals of the data as they are minimised, and k the free
    parameters and a variance that is estimated for each model: what was granted to the models cancels. Neighbouring
    residuals are correlated by rho, so that N of them count as n = N (1 - rho) / (1 + rho), of the model of least S for
    all. There are no criteria where fits do not weigh the same rows alike, residuals have no likelihood, or n is
    hardly above k. Held-out scores are those of rows that weigh the same in all models.
    """
    if len(fits) < 2:
        raise DataError(f"{len(fits)} model(s)", where="a choice among models", allowed="2 or more")
    left = {n: residuals_of(fit) for n, fit in fits.items()}
    return compare_residuals(
        fits, left, {n: residuals_of(fit, held_out) for n, fit in (halves or {}).items()}
    )


def compare_residuals(
    fits: Mapping[str, AbstractFit | str],
    residuals: Mapping[str, Residuals | str],
    held_out: Mapping[str, Residuals | str],
) -> Comparison:
    """As `compare_models`, of residuals that are known; nothing is simulated.

    Parameters
    ----------
    fits : mapping of str to AbstractFit or str
        As of `compare_models`.
    residuals, held_out : mapping of str to Residuals or str
        Of all data and of the part that is held out, see `residuals_of`.
    """
    left, failed = _known(residuals)
    free = {n: len(fit.free) for n, fit in fits.items() if isinstance(fit, AbstractFit)}
    by_model, count, reason = criteria(left, free)
    scored, unscored = _known(held_out)
    held, unlike = scores(scored) if scored else ({}, 0)
    rows = []
    for name, fit in fits.items():
        row = {"model": name, "failure": failed.get(name), "held_failure": unscored.get(name)}
        if name in left:
            verdict, x = getattr(fit, "verdict", None), left[name]
            row |= {"verdict": verdict and verdict.word, "unit": x.unit}
            row |= {"points": x.points, "residual": x.typical}
            row |= {"loss": float(fit.loss), "free": free[name]}  # pyright: ignore[reportAttributeAccessIssue]
        row |= by_model.get(name, {}) | held.get(name, {})
        row["support"] = _support(row.get("delta_aic"))
        rows.append({key: row.get(key) for key in KEYS})
    broken = [n for n, fit in fits.items() if not isinstance(fit, str) and fit.interrupted]
    stopped = [
        f"the search of {n} was interrupted: its row is of the best point so far" for n in broken
    ]
    notes = (*stopped, *_without_criteria(left, reason), *_notes(rows, count, reason, unlike))
    return Comparison(rows=rows, independent=count, no_criteria=reason, notes=notes)


def _support(delta: float | None) -> str | None:
    """What a difference of AIC means, in a word."""
    if delta is None:
        return None
    words = {0.0: "best", AS_GOOD: "as good", FAR: "weaker", np.inf: "none"}
    return next(word for most, word in words.items() if delta <= most)


def residuals_of(fit: AbstractFit | str, *data: Any) -> Residuals | str:
    """Residuals of a fit of its own or other data, or why there are none."""
    if isinstance(fit, str):
        return fit
    try:
        return fit.residuals(*data)
    except MemjaxError as error:
        return str(error)


def _known(
    every: Mapping[str, Residuals | str],
) -> tuple[dict[str, Residuals], dict[str, str]]:
    """Residuals, and why others are none."""
    left = {n: x for n, x in every.items() if not isinstance(x, str)}
    return left, {n: x for n, x in every.items() if isinstance(x, str)}


def _without_criteria(left: Mapping[str, Residuals], reason: str) -> Iterator[str]:
    """Models without criteria of information where others have some, or why there are none."""
    reasons = {n: x.no_likelihood for n, x in left.items() if x.no_likelihood}
    for text in dict.fromkeys(reasons.values()):
        if text != reason:
            names = ", ".join(n for n, x in reasons.items() if x == text)
            yield f"no AIC, AICc or BIC of {names}: {text}"


def _notes(rows: list[dict], count: float | None, reason: str, unlike: int) -> Iterator[str]:
    """What is to be known beside the numbers."""
    fitted = [r for r in rows if r["loss"] is not None]
    if reason:
        yield f"no AIC, AICc or BIC: {reason}"
    elif count is not None:
        yield (
            f"AIC counts {count:.0f} independent residuals of {fitted[0]['points']}, and every free parameter, also "
            f"those that the data do not determine; over the least: up to {AS_GOOD:g} as good, above {FAR:g} no support"
        )
    for text in dict.fromkeys(r["held_failure"] for r in fitted if r["held_failure"]):
        yield f"no held-out score: {text}"
    if unlike:
        yield f"{unlike} rows do not weigh alike in all models: held-out scores are of the others"
    first, by_aic = best(rows, "score"), best(rows, "aic")
    near = [r["model"] for r in rows if r is not first and (r["behind"] or 0) < SURE and r["score"]]
    if near:
        yield f"held-out scores do not tell apart {first['model']} and {', '.join(near)}"
    if first and by_aic and first is not by_aic and (first["delta_aic"] or 0) > AS_GOOD:
        text = f"AIC prefers {by_aic['model']}, the held-out score {first['model']}"
        yield f"{text}: the score asks for no likelihood, only that what comes is like what was"
    if fitted and all(r["verdict"] == "poor" for r in fitted):
        yield "no model describes the data: the best of these is poor, too"
