"""Why a model was chosen, in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..choice.comparison import SURE, Comparison, best
from ..sweeps.resemblance import resemblance_of
from .shortlist import Shortlist

LEARNED = "hybrid"
"""The model of learned functions, which is fitted where every other one is poor."""

_WORDS = ("good", "usable", "poor")
"""Verdicts, the best first."""

_CRITERIA = ("score", "aic", "loss")
"""What decides, the first that two models have."""

_POORLY = "; it describes the data poorly all the same"
_OFFER = ": learned functions may do better, --model hybrid"

_MOST = 4
"""Names of a group that are listed; of more the number is said."""


def winner(comparison: Comparison) -> tuple[str | None, str]:
    """The best model of a comparison and the key that decided; None where no model is fitted.

    Parameters
    ----------
    comparison : Comparison
        Models of the same data.

    Returns
    -------
    name : str or None
    key : {"score", "aic", "loss", "verdict", "held_residual", "residual"}
        The held-out score where there is one, else AIC, else the loss. Where learned functions describe the data better
        than all models of physics: by their verdict, or by the median residual of held-out sweeps, or of all.
    """
    rows = [r for r in comparison.rows if r["model"] != LEARNED]
    key = next((k for k in _CRITERIA if sum(r[k] is not None for r in rows) > 1), "loss")
    first = best(rows, key)
    learned = next((r for r in comparison.rows if r["model"] == LEARNED), {})
    if learned.get("verdict") and (reason := _better_by(learned, first)):
        return LEARNED, reason
    return first.get("model"), key


def calls_for_learned(comparison: Comparison) -> bool:
    """Whether the best of all models of physics describes the data poorly, and learned functions were not fitted."""
    name, _ = winner(comparison)
    row = next((r for r in comparison.rows if r["model"] == name), {})
    return row.get("verdict") == "poor" and all(r["model"] != LEARNED for r in comparison.rows)


def _better_by(learned: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """What makes learned functions the choice, a key of the rows; "" where nothing does.

    Physics is chosen where its verdict is no worse: its parameters say more. Losses and scores are no measure, since
    neither counts a point by what was granted to the other.
    """
    if not first:
        return "verdict"
    ranks = [_WORDS.index(r["verdict"]) if r["verdict"] in _WORDS else 0 for r in (learned, first)]
    if ranks[0] < ranks[1]:
        return "verdict"
    if ranks[0] > ranks[1] or first["verdict"] != "poor":
        return ""
    keys = ("held_residual", "residual")
    key = next((k for k in keys if None not in (learned[k], first[k])), "")
    return key if key and learned[key] < first[key] else ""


def explain(shortlist: Shortlist, comparison: Comparison, resemblance: str = "") -> str:
    """Why a model was chosen: what the data show, who is excluded and why, by how much it is better.

    Parameters
    ----------
    shortlist : Shortlist
        The models that were fitted.
    comparison : Comparison
        Of their fits.
    resemblance : str
        Which laws learned functions resemble, in a sentence; "" where none were learned.
    """
    name, key = winner(comparison)
    able = len(shortlist.losses)
    count = f"{able} of {able + len(shortlist.objections)} models of physics can describe"
    excluded = _excluded(shortlist.objections)
    data = f"the device is {shortlist.features}, which {count}{excluded}"
    if name is None:
        return f"no model is chosen: {data}"
    poor = next(r for r in comparison.rows if r["model"] == name)["verdict"] == "poor"
    offered = poor and all(r["model"] != LEARNED for r in comparison.rows)
    better = (
        _learned_better(comparison.rows, key)
        if name == LEARNED
        else _better([r for r in comparison.rows if r["model"] != LEARNED], name, key)
    )
    hint = f"; {resemblance}" if resemblance else ""
    return f"{name} is chosen{_though(shortlist, name)}: {data}; {better}{_POORLY * poor}{_OFFER * offered}{hint}"


def _learned_better(rows: Sequence[Mapping[str, Any]], key: str) -> str:
    """By what learned functions are better than each model of physics."""
    learned = next(r for r in rows if r["model"] == LEARNED)
    others = [r for r in rows if r["model"] != LEARNED and not r["failure"]]
    names = ", ".join(r["model"] for r in others)
    if not others:
        return "it is the only one that was fitted"
    if key == "verdict":
        return f"every model of physics is poor ({names}), and learned functions are {learned['verdict']}"
    what = "held-out sweeps" if key == "held_residual" else "the data"
    near = min((r[key] for r in others if r[key] is not None), default=float("nan"))
    return (
        f"every model of physics is poor ({names}), and learned functions miss {what} by the least, {learned[key]:.2g} "
        f"{learned['unit']} against {near:.2g}"
    )


def hint_of(fits: Mapping[str, Any]) -> str:
    """Which laws the functions of a choice resemble, where some were learned; else ""."""
    fit = fits.get(LEARNED, "")
    return "" if isinstance(fit, str) else resemblance_of(fit)


def _though(shortlist: Shortlist, name: str) -> str:
    """What speaks against the chosen model, too."""
    every = {**shortlist.reservations, **shortlist.objections}
    return f", though {' and '.join(every[name])}" if name in every else ""


def _excluded(objections: Mapping[str, Sequence[str]]) -> str:
    """Models that are out, by the first reason."""
    groups: dict[str, list[str]] = {}
    for name, reasons in objections.items():
        groups.setdefault(reasons[0], []).append(name)
    words = [f"{_group(names)} {reason.removeprefix('it ')}" for reason, names in groups.items()]
    return f" (excluded: {'; '.join(words)})" if words else ""


def _group(names: Sequence[str]) -> str:
    """Names as the subject of a sentence in the singular."""
    if len(names) == 1:
        return f"{names[0]}, which"
    return f"{', '.join(names) if len(names) <= _MOST else f'{len(names)} models'}, each of which"


def _better(rows: Sequence[Mapping[str, Any]], name: str, key: str) -> str:
    """By how much the best model is better than the next one, by the number that decides."""
    others = [r for r in rows if r["model"] != name and r[key] is not None]
    first = next(r for r in rows if r["model"] == name)
    if not others:
        return "it is the only one that was fitted"
    second = min(others, key=lambda r: r[key])
    what, other = f"of {', '.join(r['model'] for r in rows if r[key] is not None)}", second["model"]
    if key == "aic":
        return f"{what} its AIC is the least, by {second['delta_aic']:.3g} to {other}"
    if key == "loss":
        return f"{what} its loss is the least, {first['loss']:.4g} against {second['loss']:.4g} of {other}"
    text = (
        f"{what} it misses held-out sweeps by the least, {first['score']:.3g} sigma against {second['score']:.3g} "
        f"of {other} ({second['behind']:.1f} standard errors"
    )
    return text + (")" if second["behind"] >= SURE else ", which does not tell them apart)")
