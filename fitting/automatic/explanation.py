"""Why a model was chosen, in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..choice.comparison import SURE, Comparison, best
from .shortlist import Shortlist

_CRITERIA = ("score", "aic", "loss")
"""What decides, the first that two models have."""

_POORLY = (
    "; it describes the data poorly all the same: learned functions may do better, --model hybrid"
)

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
    key : {"score", "aic", "loss"}
        The held-out score where there is one, else AIC, else the loss.
    """
    key = next((k for k in _CRITERIA if sum(r[k] is not None for r in comparison.rows) > 1), "loss")
    return best(comparison.rows, key).get("model"), key


def explain(shortlist: Shortlist, comparison: Comparison) -> str:
    """Why a model was chosen: what the data show, who is excluded and why, by how much it is better.

    Parameters
    ----------
    shortlist : Shortlist
        The models that were fitted.
    comparison : Comparison
        Of their fits.
    """
    name, key = winner(comparison)
    able = len(shortlist.losses) + len(shortlist.untried)
    count = f"{able} of {able + len(shortlist.objections)} models can describe"
    idle = f", {', '.join(shortlist.untried)} untried since slow" if shortlist.untried else ""
    excluded = _excluded(shortlist.objections)
    data = f"the device is {shortlist.features}, which {count}{idle}{excluded}"
    if name is None:
        return f"no model is chosen: {data}"
    poor = next(r for r in comparison.rows if r["model"] == name)["verdict"] == "poor"
    return (
        f"{name} is chosen{_though(shortlist, name)}: {data}; {_better(comparison.rows, name, key)}"
        f"{_POORLY * poor}"
    )


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
        return "it is the only one that could be fitted"
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
