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


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is said of one model.

    Parameters
    ----------
    model : str
        Its name.
    free, points : int or None
        Numbers of free parameters and of data.
    loss : float or None
        Half the sum of squared residuals, those of the prior among them.
    residual : float or None
        Median modulus of the residuals of curves [unit].
    unit : str
        In which these are read.
    aic, aicc, bic, delta_aic : float or None
        Criteria of information, and AIC over the least of all; None where the likelihood allows none.
    score : float or None
        Root mean square of the residuals of data that a fit of the others has not seen [sigma].
    held_residual : float or None
        Their median modulus [unit].
    behind : float or None
        Mean difference of squared held-out residuals to the best, over its standard error.
    verdict : str
        Of the fit, where its kind gives one.
    failure, held_failure : str
        Why there is no fit; why there is no score.
    """

    model: str
    free: int | None = None
    points: int | None = None
    loss: float | None = None
    residual: float | None = None
    unit: str = ""
    aic: float | None = None
    aicc: float | None = None
    bic: float | None = None
    delta_aic: float | None = None
    score: float | None = None
    held_residual: float | None = None
    behind: float | None = None
    verdict: str = ""
    failure: str = ""
    held_failure: str = ""

    @property
    def support(self) -> str:
        """What the difference of AIC means, in a word."""
        if self.delta_aic is None:
            return ""
        if self.delta_aic == 0:
            return "best"
        return (
            "as good"
            if self.delta_aic <= AS_GOOD
            else "weaker"
            if self.delta_aic <= FAR
            else "none"
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models of the same data side by side.

    Parameters
    ----------
    rows : tuple of Row
        Of each model, in the order given.
    independent : float or None
        Number of independent residuals, where it is known.
    no_criteria : str
        Why there are no criteria of information; "" where there are.
    notes : tuple of str
        What is to be known beside the numbers.
    """

    rows: tuple[Row, ...]
    independent: float | None
    no_criteria: str
    notes: tuple[str, ...] = ()

    def best(self, name: str) -> Row | None:
        """The row whose number of that name is least; None where no row has it."""
        known = [r for r in self.rows if getattr(r, name) is not None]
        return min(known, key=lambda r: getattr(r, name), default=None)


def compare_models(
    fits: Mapping[str, AbstractFit | str],
    halves: Mapping[str, AbstractFit | str] | None = None,
    held_out: Any = None,
) -> Comparison:
    """Compare fits of several models to the same data.

    Parameters
    ----------
    fits : mapping of str to AbstractFit or str
        Of all data, by model; in words why there is none.
    halves : mapping of str to AbstractFit or str, optional
        Of a part of the data, for the held-out score.
    held_out : Any, optional
        The other part, as `AbstractFit.residuals` takes it: measurements of sweeps, a record of pulses or a decay.

    Returns
    -------
    Comparison

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
    rows: dict[str, dict[str, Any]] = {n: _said(n, fit) for n, fit in fits.items()}
    left, failed = _residuals(fits)
    found, count, reason = criteria(left, {n: rows[n]["free"] for n in left})
    scored, no_score = _residuals(halves or {}, held_out)
    held, unlike = scores(scored) if scored else ({}, 0)
    for name, row in rows.items():
        row |= found.get(name, {}) | held.get(name, {})
        row |= {"held_failure": no_score[name]} if name in no_score else {}
        if name in left:
            x = left[name]
            row |= {"points": x.points, "unit": x.unit}
            row |= {"residual": x.typical} if np.isfinite(x.typical) else {}
        row["failure"] = failed.get(name, "")
    made = tuple(Row(**row) for row in rows.values())
    draft = Comparison(rows=made, independent=count, no_criteria=reason)
    return Comparison(**vars(draft) | {"notes": tuple(_notes(draft, unlike))})


def _said(name: str, fit: AbstractFit | str) -> dict[str, Any]:
    """What a fit says of itself."""
    if isinstance(fit, str):
        return {"model": name}
    verdict = getattr(fit, "verdict", None)
    word = verdict.word if verdict else ""
    return {"model": name, "free": len(fit.free), "loss": float(fit.loss), "verdict": word}


def _residuals(
    fits: Mapping[str, AbstractFit | str], *data: Any
) -> tuple[dict[str, Residuals], dict[str, str]]:
    """Residuals of fits of their own or other data, and why others have none."""
    found, failed = {}, {}
    for name, fit in fits.items():
        try:
            if isinstance(fit, str):
                failed[name] = fit
            else:
                found[name] = fit.residuals(*data)
        except MemjaxError as error:
            failed[name] = str(error)
    return found, failed


def _notes(draft: Comparison, unlike: int) -> Iterator[str]:
    """What is to be known beside the numbers."""
    fitted = [r for r in draft.rows if r.loss is not None]
    if draft.no_criteria:
        yield f"no AIC, AICc or BIC: {draft.no_criteria}"
    elif draft.independent is not None:
        yield (
            f"AIC counts {draft.independent:.0f} independent residuals of {fitted[0].points}, and all free parameters, "
            f"also those that the data do not determine; over the least: up to {AS_GOOD:g} as good, above {FAR:g} none"
        )
    reasons = dict.fromkeys(r.held_failure for r in fitted if r.held_failure)
    yield from (f"no held-out score: {reason}" for reason in reasons)
    if unlike:
        yield f"{unlike} rows do not weigh alike in all models: held-out scores are of the others"
    first, by_aic = draft.best("score"), draft.best("aic")
    if first is not None:
        near = [
            r.model for r in fitted if r is not first and r.behind is not None and r.behind < SURE
        ]
        if near:
            yield f"held-out scores do not tell apart {first.model} and {', '.join(near)}"
    if first and by_aic and first.model != by_aic.model and (first.delta_aic or 0.0) > AS_GOOD:
        text = f"AIC prefers {by_aic.model}, the held-out score {first.model}"
        yield f"{text}: trust the score, which asks for nothing but that what comes is like what was"
    if fitted and all(r.verdict == "poor" for r in fitted):
        yield "no model describes the data: the best of these is poor, too"


__all__ = ["AS_GOOD", "FAR", "SURE", "Comparison", "Row", "compare_models"]
