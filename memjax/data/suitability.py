"""Which models can describe a device at all, by what its sweeps show and what the models say of themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..runtime.flags import check_flags
from .features import ONE_WAY, RECTIFYING, Features

_SIDES = {(1,): "positive", (-1,): "negative", (1, -1): "either"}


@dataclass(frozen=True, kw_only=True)
class Traits:
    """Traits that a model declares, see `memjax.AbstractDevice`.

    Parameters
    ----------
    volatile : bool
        Whether it forgets its state without a voltage.
    sets_at : tuple of int or None
        Signs of the voltage at which its conductance rises; None where that is not declared.
    resets_at : tuple of int
        Signs of the voltage at which it falls.
    has_sides : bool
        Whether it may set at one of both polarities alone.
    rectifies : bool or None
        Whether a state may conduct differently at both polarities; None where that is not declared.
    is_one_way : bool
        Whether no current flows at negative voltage.
    """

    volatile: bool
    sets_at: tuple[int, ...] | None = None
    resets_at: tuple[int, ...] = ()
    has_sides: bool = False
    rectifies: bool | None = None
    is_one_way: bool = False

    @classmethod
    def of(cls, device: Any) -> "Traits":
        """The traits of a device, or of its class."""
        return cls(
            volatile=device.volatile,
            sets_at=device.sets_at,
            resets_at=device.resets_at,
            has_sides=device.has_sides,
            rectifies=device.rectifies,
            is_one_way=device.is_one_way,
        )

    def to_json(self) -> dict[str, Any]:
        """As `memjax models --json` prints them."""
        return {n: list(x) if isinstance(x, tuple) else x for n, x in vars(self).items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Traits":
        """The traits that `memjax models --json` has."""
        values: dict[str, Any] = {
            n: tuple(x) if isinstance(x, list) else x for n, x in content.items()
        }
        return cls(**values)


class Suitability(NamedTuple):
    """Models that can describe a device, and why others cannot.

    Parameters
    ----------
    models : tuple of str
        Names of those that can, in the order of the table.
    reservations : dict of str to tuple of str
        Why some of them are the second choice, by name.
    objections : dict of str to tuple of str
        Why the others cannot, by name.
    nearest : tuple of str
        Names of all, nearest first: those that keep or forget their state as the device does, then by objections.
    """

    models: tuple[str, ...]
    reservations: dict[str, tuple[str, ...]]
    objections: dict[str, tuple[str, ...]]
    nearest: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As ``memjax read --json`` prints it."""
        names = {"models": list(self.models), "nearest": list(self.nearest)}
        reasons = {"reservations": self.reservations, "objections": self.objections}
        return names | {
            k: {n: list(x) for n, x in by_model.items()} for k, by_model in reasons.items()
        }


def objections(features: Features, traits: Traits, *, reversed: bool = False) -> tuple[str, ...]:
    """Return the reasons why a model cannot describe a device; empty if nothing speaks against it.

    Parameters
    ----------
    features : Features
        What the sweeps show.
    traits : Traits
        What the model says of itself.
    reversed : bool
        Whether the device stands with its terminals swapped.

    Notes
    -----
    Whether a device switches abruptly or gradually excludes no model: rates decide. A model that keeps its state may
    stand reversed, which a fit finds by itself.
    """
    check_flags({"reversed": reversed}, where="objections")
    sign = -1 if reversed else 1
    sets_at, resets_at, rests_at = (
        tuple(sorted((sign * s for s in signs), reverse=True))
        for signs in (features.sets_at, features.resets_at, features.rests_at)
    )
    reasons = []
    if features.volatile is True and not traits.volatile:
        reasons.append("it keeps its state, which the data forget")
    if traits.volatile and features.carries:
        reasons.append("it begins each sweep at rest, the data where the sweep before ended")
    elif traits.volatile and features.volatile is False and resets_at and _relaxes(traits):
        reasons.append("it relaxes alone, the data reset")
    # To what a model lacks the memory for, its polarities add nothing.
    if traits.sets_at is not None and not reasons:
        judge = _forgetting if traits.volatile else _keeping
        reasons += judge(traits, sets_at, resets_at, rests_at)
    both = features.rectification is not None or len({*sets_at, *resets_at, *rests_at}) > 1
    if traits.is_one_way and (
        sets_at == (-1,) or (both and abs(features.rectification or 0.0) < ONE_WAY)
    ):
        reasons.append("it conducts at positive voltage alone, the device at negative too")
    return tuple(reasons)


def _relaxes(traits: Traits) -> bool:
    """Whether a model that says what voltages do lets none reset it."""
    return traits.sets_at is not None and not traits.resets_at


def _forgetting(traits: Traits, sets_at: tuple, resets_at: tuple, rests_at: tuple) -> list[str]:
    """Return the reasons why a volatile model cannot set where the data do."""
    del resets_at
    able = traits.sets_at or ()
    if not set(sets_at) <= set(able):
        return [f"it sets at {_SIDES[able]} voltage, the device at {_SIDES[sets_at]}"]
    if set(rests_at) & set(able) and not traits.has_sides:
        return [f"it sets at {_SIDES[able]} voltage alike, the device at {_SIDES[sets_at]} alone"]
    return []


def _keeping(traits: Traits, sets_at: tuple, resets_at: tuple, rests_at: tuple) -> list[str]:
    """Return the reasons why a model that keeps its state cannot set and reset where the data do."""
    del rests_at
    # It may stand reversed: which of both polarities sets says nothing.
    alike = set(sets_at) & set(resets_at)
    if len(traits.sets_at or ()) != 1 or not (max(len(sets_at), len(resets_at)) > 1 or alike):
        return []
    other = "does both at one" if alike else "does not"
    return [f"it sets at one polarity and resets at the other, the device {other}"]


def reservations(features: Features, traits: Traits) -> tuple[str, ...]:
    """Return the reasons why a model that can describe a device is the second choice; empty if it is the first.

    Parameters
    ----------
    features : Features
        What the sweeps show.
    traits : Traits
        What the model says of itself.

    Notes
    -----
    A model that forgets its state may do so slowly, and draw a loop of set and reset within a sweep. One that conducts
    alike at both polarities lies between the branches of a device that rectifies, unless its state moves there.
    """
    reasons = []
    if traits.volatile and features.volatile is False:
        reasons.append("it forgets its state in time, which the data keep over a sweep")
    difference = abs(features.rectification or 0.0)
    if difference >= RECTIFYING and traits.rectifies is False:
        reasons.append(
            f"it conducts alike at both polarities, the data {difference:.1f} decades apart"
        )
    return tuple(reasons)


def suitable(
    features: Features, table: Mapping[str, Traits], *, reversed: bool = False
) -> Suitability:
    """Models that can describe what sweeps show, and why the others cannot.

    Parameters
    ----------
    features : Features
        What the sweeps show.
    table : mapping of str to Traits
        Models by name.
    reversed : bool
        Whether the device stands with its terminals swapped.

    Returns
    -------
    Suitability
        Models that can, why some of these are the second choice, and why others cannot.
    """
    check_flags({"reversed": reversed}, where="suitable")
    against = {n: objections(features, traits, reversed=reversed) for n, traits in table.items()}

    def distance(name: str) -> tuple[bool, int]:
        """How far a model is from the device: whether its memory is another one, and the number of objections."""
        other = features.volatile is (not table[name].volatile)
        return other, len(against[name])

    able = tuple(n for n, reasons in against.items() if not reasons)
    second = {n: reservations(features, table[n]) for n in able}
    return Suitability(
        models=able,
        reservations={n: reasons for n, reasons in second.items() if reasons},
        objections={n: reasons for n, reasons in against.items() if reasons},
        nearest=tuple(sorted(against, key=distance)),
    )
