"""What a solve watches between its rows: crossings of levels, and integrals over time."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.dtypes
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..errors import BoundsError, GradientError, ModelError, SolveError
from ..runtime.arguments import as_integer, check_known, holds, number
from ..runtime.flags import as_flag, check_flags

Number = float | int | Float[Array, ""]
"""A number, or one that is traced."""

_number = functools.partial(number, unit="unit of the signal", where="Event")
_time = functools.partial(number, unit="s", where="Event", infinite=True)


def _as_size(x):
    """How many crossings are kept."""
    return as_integer("size", x, where="Event", lowest=1)


DIRECTIONS = {"rising": 1, "falling": -1}
"""Sign of the slope of a signal that crosses in each direction."""


class Event(eqx.Module):
    """Times at which a signal crosses a level, to be found during a solve.

    Parameters
    ----------
    signal : str
        ``v``, ``i`` (at the instrument), ``v_device``, ``i_device``, ``power``, a state, or a component of a vector
        state (``x[2]``); of a circuit also each node (``gate.v``) and ``power:ELEMENT``.
    level : float
        Level, in the unit of the signal.
    direction : {"rising", "falling"}
        In which direction it is crossed.
    rearm : float, optional
        Level on the near side of `level` that the signal has to pass before the next crossing counts (hysteresis);
        `level` itself by default.
    size : int
        How many crossings of each sweep are kept; all are counted.
    modulus : bool
        Whether the absolute value of the signal is meant, as for the current of a bipolar device.
    start, stop : float
        Window [s] within the sweep. Best at corners of the stimulus, on which steps land.

    Raises
    ------
    BoundsError
        For a direction that is none, a size below 1, or a re-arming level beyond the level.
    """

    signal: str = eqx.field(static=True)
    level: Number = _number()
    direction: str = eqx.field(static=True, default="rising")
    rearm: Number | None = _number(optional=True, default=None)
    size: int = eqx.field(static=True, default=1, converter=_as_size)
    modulus: bool = eqx.field(static=True, default=False, converter=as_flag)
    start: Number = number(unit="s", where="Event", default=0.0)
    stop: Number = _time(default=np.inf)

    def __check_init__(self):
        where = f"Event({self.signal!r})"
        check_flags({"modulus": self.modulus}, where=where)
        if self.direction not in DIRECTIONS:
            raise BoundsError(
                f"direction = {self.direction!r}", where=where, allowed=", ".join(DIRECTIONS)
            )
        check_known(self)
        if not holds(np.less, self.start, self.stop):
            raise BoundsError(
                f"window {self.start} to {self.stop} s", where=where, allowed="start < stop"
            )
        if not holds(lambda r, level: self.sign * r <= self.sign * level, self.rearm, self.level):
            side = "at or below" if self.sign == 1 else "at or above"
            raise BoundsError(
                f"rearm = {self.rearm} for level = {self.level}",
                where=where,
                allowed=f"rearm {side} level",
            )

    @property
    def sign(self) -> int:
        """1 for a rising signal, -1 for a falling one."""
        return DIRECTIONS[self.direction]


class Integral(eqx.Module):
    """Integral of a signal over time from the start of each sweep, carried by the solve.

    Parameters
    ----------
    signal : str
        As for `Event`: ``i`` gives the charge [C], ``power`` the energy that the source delivers [J],
        ``power:ELEMENT`` the energy that an element takes up.
    modulus : bool
        Whether its absolute value is integrated.
    """

    signal: str = eqx.field(static=True)
    modulus: bool = eqx.field(static=True, default=False, converter=as_flag)

    def __check_init__(self):
        check_flags({"modulus": self.modulus}, where=f"Integral({self.signal!r})")


class TimeAbove(eqx.Module):
    """Time for which a signal is above a level, from its crossings [s].

    Parameters
    ----------
    signal, level, modulus
        As for `Event`.
    size : int
        Stretches above the level that there is room for; with more of them the time is NaN.
    """

    signal: str = eqx.field(static=True)
    level: Number = _number()
    modulus: bool = eqx.field(static=True, default=False, converter=as_flag)
    size: int = eqx.field(static=True, default=16, converter=_as_size)

    def __check_init__(self):
        check_flags({"modulus": self.modulus}, where=f"TimeAbove({self.signal!r})")
        check_known(self)

    def crossings(self) -> tuple[Event, Event]:
        """The rising and the falling crossing, which begin and end each stretch."""
        options: dict[str, Any] = dict(modulus=self.modulus, size=self.size)
        return (
            Event(self.signal, self.level, **options),
            Event(self.signal, self.level, direction="falling", **options),
        )


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True, eq=False, repr=False)
class Crossing:
    r"""Crossings of one event in every member and sweep of a trace.

    Parameters
    ----------
    t : Float[Array, "members sweeps size"]
        Times within the sweep [s], increasing; infinite beyond the last one.
    v, i : Float[Array, "members sweeps size"]
        Voltage [V] and current [A] at the instrument at these times; NaN beyond the last one.
    state : dict of str to Float[Array, "members sweeps size ..."]
        States at these times [SI].
    count : Int[Array, "members sweeps"]
        How many crossings there were; where it exceeds the size, the last ones are not in `t`.
    tangential : Bool[Array, "members sweeps size"]
        Where the signal only touches the level, as far as the solve can tell: the time has no derivative, and gives
        NaN when it is differentiated.
    jump : Bool[Array, "members sweeps size"]
        Where the signal jumps across the level, at a jump of the stimulus or of the state: the time is that of the
        jump and does not move with the parameters of the device.
    roughness : Float[Array, "members sweeps size"]
        How uncertain the derivative of a time is along a noisy path, relative to itself: what noise adds to the slope
        of the signal over the step of the crossing (standard deviation), over that slope. 0 without noise, and where
        noise reaches the signal only by way of other states; NaN beyond the last one.

    Notes
    -----
    With the signal :math:`g(t, y, u, \theta)` the time t* solves :math:`g = level`, and its derivative is that of the
    implicit function,

    .. math:: \frac{dt^*}{d\theta} = -\frac{dg/d\theta|_{t^*}}{dg/dt|_{t^*}},

    in forward and reverse mode. Values at the crossing move with it: that of `v` is dV/dt dt*/dtheta for a swept
    voltage, so that a switching voltage in volts can be differentiated. They hold as long as no crossing comes or
    goes, and are NaN where the device crosses the level in less time than the clock of the solve tells apart
    (4e-15 of its length): there the time is right to that, and how it moves is not known. The benchmark case
    `derivatives` compares them with secants. They are known to be wrong, for integrals too, where the solve itself
    is not accurate enough: for the preset `drift/zhuo2022-selector` of `DriftMemristor` once its current limit
    acts (it acts within 2e-8 of the length), and at the default tolerances for an abrupt switch that is not ohmic
    (`AndThresholdSwitch`) behind a compliance, which wants ``mj.Stiff(rtol=1e-8, atol=1e-10)``.

    The first time at which a path with noise of its own passes a level has no derivative: it moves in jumps, as other
    fluctuations are the first to reach it. What is given is that of the straight line between two steps. It is exact
    for that numerical path, and changes without end as steps become shorter; from a `roughness` of about 0.1 on it says
    nothing of the device.

    `jax.jacfwd` wants a function that returns the numbers whose derivatives are asked for: `count`, `tangential` and
    `jump` have none.
    """

    t: Float[Array, "members sweeps size"]
    v: Float[Array, "members sweeps size"]
    i: Float[Array, "members sweeps size"]
    state: dict[str, Float[Array, "members sweeps size ..."]]
    count: Int[Array, "members sweeps"]
    tangential: Bool[Array, "members sweeps size"]
    jump: Bool[Array, "members sweeps size"]
    roughness: Float[Array, "members sweeps size"]

    def __repr__(self) -> str:
        return f"Crossing({eqx.tree_pformat(dict(vars(self)))})"

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], None]:
        """Fields by name, as JAX takes an object apart.

        Raises
        ------
        GradientError
            If it is a Jacobian: columns beside the numbers of crossings, which have no derivative.
        """
        # JAX itself ends in an error about bytes.
        if getattr(self.count, "dtype", None) == jax.dtypes.float0 and np.ndim(self.count) > 2:
            raise GradientError(
                "a Jacobian of a whole Crossing",
                where="jacfwd",
                allowed="of its t, v, i and state: count, tangential and jump have no derivative",
                fix="differentiate a function that returns trace.events[NAME].t",
            )
        return [(jax.tree_util.GetAttrKey(n), x) for n, x in vars(self).items()], None

    @classmethod
    def tree_unflatten(cls, _: None, leaves: Iterable[Any]) -> "Crossing":
        """The object that these fields make."""
        return cls(*leaves)

    def complete(self) -> "Crossing":
        """The crossings themselves, if there was room for all of them.

        Raises
        ------
        SolveError
            It says what size is needed.
        """
        if isinstance(self.count, jax.core.Tracer):  # not known yet
            return self
        largest = np.max(self.count, initial=0)
        if largest > self.t.shape[-1]:
            raise SolveError(
                f"{largest} crossings where there is room for {self.t.shape[-1]}",
                where="events",
                fix=f"Event(..., size={largest})",
            )
        return self


class EventGroup(eqx.Module):
    """Events of one signal that differ in numbers only, so that one program finds them all.

    Parameters
    ----------
    names : tuple of str
        Of the events.
    signal, modulus, size
        As for `Event`.
    sign, level, rearm, start, stop : Float[Array, "events"]
        Of each event; the sign is 1 where the signal rises.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    signal: str = eqx.field(static=True)
    modulus: bool = eqx.field(static=True)
    size: int = eqx.field(static=True)
    sign: Float[Array, " events"]
    level: Float[Array, " events"]
    rearm: Float[Array, " events"]
    start: Float[Array, " events"]
    stop: Float[Array, " events"]


class Watch(eqx.Module):
    """Events and integrals of one sweep.

    Parameters
    ----------
    events : dict of str to Event
        By name.
    integrals : dict of str to Integral
        By name.
    """

    events: dict[str, Event]
    integrals: dict[str, Integral]

    def groups(self) -> list[EventGroup]:
        """The events by signal, modulus and size."""
        alike: dict[tuple, list[str]] = {}
        for name, e in self.events.items():
            alike.setdefault((e.signal, e.modulus, e.size), []).append(name)
        return [self._group(names) for names in alike.values()]

    def _group(self, names: list[str]) -> EventGroup:
        """One of `groups`."""
        events = [self.events[n] for n in names]
        first, level = events[0], jnp.stack([jnp.asarray(e.level) for e in events])
        numbers: Any = (
            jnp.stack([jnp.asarray(getattr(e, field)) for e in events])
            for field in ("rearm", "start", "stop")
        )
        sign = jnp.asarray([e.sign for e in events], level.dtype)
        return EventGroup(
            tuple(names), first.signal, first.modulus, first.size, sign, level, *numbers
        )

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of all signals, each once."""
        items = [*self.events.values(), *self.integrals.values()]
        return tuple(dict.fromkeys(x.signal for x in items))


def make_watch(events: Mapping[str, Event], integrals: Mapping[str, Integral | TimeAbove]) -> Watch:
    """Return what a sweep watches; times above a level become the crossings that they are made of.

    Raises
    ------
    ModelError
        For what is no event or no integral.
    """
    all_events = dict(events)
    for name, x in integrals.items():
        if isinstance(x, TimeAbove):
            all_events |= dict(zip(above_names(name), x.crossings(), strict=True))
    plain = {n: x for n, x in integrals.items() if not isinstance(x, TimeAbove)}
    for kind, allowed, mapping in (("event", Event, all_events), ("integral", Integral, plain)):
        for name, x in mapping.items():
            if not isinstance(x, allowed):
                raise ModelError(
                    f"{kind} {name!r} is a {type(x).__name__}",
                    where=f"{kind}s of simulate",
                    allowed="mj.Event" if kind == "event" else "mj.Integral, mj.TimeAbove",
                )

    def numbers(x):
        return jnp.asarray(x, jnp.result_type(float))

    return Watch({n: _as_arrays(x, numbers) for n, x in all_events.items()}, plain)


def _as_arrays(event: Event, numbers: Any) -> Event:
    """An event whose numbers are arrays, so that those of several sweeps can be stacked."""
    rearm = event.level if event.rearm is None else event.rearm
    values = [numbers(x) for x in (event.level, rearm, event.start, event.stop)]

    def pick(e):
        return [e.level, e.rearm, e.start, e.stop]

    return eqx.tree_at(pick, event, values, is_leaf=lambda x: x is None)


def above_names(name: str) -> tuple[str, str]:
    """Names of the rising and of the falling crossing of which a `TimeAbove` is made."""
    return f"{name}/rise", f"{name}/fall"
