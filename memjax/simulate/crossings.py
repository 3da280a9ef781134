"""What `simulate` watches, sweep by sweep, and how it is named in a trace."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.system import AbstractSystem
from ..core.watch import Crossing, Event, Integral, TimeAbove, Watch, above_names, make_watch
from ..errors import StimulusError
from .signals import check_signals

_DEFAULT_INTEGRALS = {"charge": Integral("i"), "energy": Integral("power")}
"""Integrals that have a name of their own."""

Integrals = Mapping[str, Integral | TimeAbove] | Sequence[str]


def by_name(integrals: Integrals) -> dict[str, Integral | TimeAbove]:
    """Integrals by name; the names ``charge`` and ``energy`` alone stand for their definitions.

    Raises
    ------
    StimulusError
        For a name that stands for no integral.
    """
    if isinstance(integrals, Mapping):
        return dict(integrals)
    names = [integrals] if isinstance(integrals, str) else list(integrals)
    unknown = [n for n in names if n not in _DEFAULT_INTEGRALS]
    if unknown:
        raise StimulusError(
            f"integrals {unknown}",
            where="simulate",
            allowed=", ".join(_DEFAULT_INTEGRALS),
            fix='or a mapping: {"name": mj.Integral("signal")}',
        )
    return {n: _DEFAULT_INTEGRALS[n] for n in names}


def sweep_watches(
    system: AbstractSystem,
    events: Mapping[str, Event] | Sequence[Mapping[str, Event]],
    integrals: Integrals,
    sweeps: int,
) -> Watch | None:
    """Return what is watched in each sweep, stacked; None if nothing is.

    Raises
    ------
    StimulusError, ModelError
        For a wrong number of mappings, or a signal that the system does not have.
    """
    per_sweep = [events] * sweeps if isinstance(events, Mapping) else list(events)
    if len(per_sweep) != sweeps or any(set(e) != set(per_sweep[0]) for e in per_sweep):
        raise StimulusError(
            f"{len(per_sweep)} mappings of events for {sweeps} sweeps",
            where="simulate",
            allowed="one for all sweeps, or one for each with equal names",
        )
    watches = [make_watch(e, by_name(integrals)) for e in per_sweep]
    if not watches[0].signals:
        return None
    check_signals(system, watches[0].signals)
    if len({str(jax.tree.structure(w)) for w in watches}) > 1:
        raise StimulusError(
            "events of one name that differ in more than numbers",
            where="simulate",
            allowed="equal signal, direction, size and modulus in all sweeps",
        )
    return jax.tree.map(lambda *x: jnp.stack(x), *watches)


def public_crossings(
    crossings: dict[str, dict[str, Any]], integrals: Integrals
) -> dict[str, Crossing]:
    """Events as a trace has them, without those of which times above a level are made."""
    internal = {n for name in by_name(integrals) for n in above_names(name)}
    fields = ("t", "v", "i", "state", "count", "tangential", "jump", "roughness")
    return {
        n: Crossing(**{k: x[k] for k in fields}) for n, x in crossings.items() if n not in internal
    }


def named_integrals(
    integrals: Integrals,
    values: Float[Array, "members rows integrals"] | None,
    crossings: dict[str, dict[str, Any]],
    t: Float[Array, " rows"],
    sweep,
) -> dict[str, Float[Array, "members rows"]]:
    """Integrals from the start of its sweep to each row, by name.

    Parameters
    ----------
    integrals
        See `memjax.simulate`.
    values : Float[Array, "members rows integrals"] or None
        Those that the solve carried, in order.
    crossings : dict
        Events of every member and sweep.
    t, sweep : Float[Array, "rows"], Int[np.ndarray, "rows"]
        Times within the sweep [s], and the number of the sweep of each row.

    Returns
    -------
    dict of Float[Array, "members rows"]
        Integrals by name, in the unit of the integrand times seconds; times above a level [s].
    """
    specs, series = by_name(integrals), {}
    # The solve carries them in the order of a pytree, in which JAX sorts the keys of a dictionary.
    position = {
        n: k for k, n in enumerate(sorted(n for n, x in specs.items() if isinstance(x, Integral)))
    }
    for name, x in specs.items():
        if isinstance(x, TimeAbove):
            rise, fall = (crossings[n] for n in above_names(name))
            series[name] = _time_above(rise, fall, x.size, t, sweep)
        elif values is not None:
            series[name] = values[..., position[name]]
    return series


def _time_above(rise: dict, fall: dict, size: int, t, sweep) -> Float[Array, "members rows"]:
    """Time above a level up to each row, out of the crossings that begin and end its stretches."""
    # It starts above where its first crossing is a fall, or where it is armed for one to the end.
    first = jnp.where(fall["count"] > 0, fall["t"][..., 0] < rise["t"][..., 0], fall["armed"])
    starts_above = first & ((fall["count"] > 0) | (rise["count"] == 0))
    next_rises = jnp.concatenate([jnp.zeros_like(rise["t"][..., :1]), rise["t"]], axis=-1)
    never = jnp.full_like(rise["t"][..., :1], jnp.inf)
    rises = jnp.concatenate([rise["t"], never], axis=-1)
    begins = jnp.where(starts_above[..., None], next_rises, rises)[:, sweep]
    ends = jnp.concatenate([fall["t"], never], axis=-1)[:, sweep]

    def before_row(x):
        return jnp.minimum(x, t[None, :, None])

    # Crossings beyond the room are not known: no number is better than one that is too small.
    full = (jnp.maximum(rise["count"], fall["count"]) > size)[:, sweep]
    return jnp.where(full, jnp.nan, jnp.sum(before_row(ends) - before_row(begins), axis=-1))
