"""Switching, holding, delay, relaxation and spikes: from the events of a simulation, or from the rows of a measurement.

Notes
-----
A simulation knows its events to the accuracy of the solver, whatever its rows, and they can be differentiated; a
measurement has rows and nothing else. Each function here takes either: of a `Trace` it reads the events that
`switching_events`, `pulse_events` or `spike_events` asked `memjax.simulate` for, of anything else what was sampled.
"""

from collections.abc import Sequence
from typing import Any

import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.result import Trace
from ..core.watch import Crossing, Event
from ..errors import BoundsError, StimulusError
from ..stimulus import AbstractStimulus
from .pulse_response import ON_CURRENT, find_pulses, pulse_responses
from .spikes import detect
from .switching import HOLD_THRESHOLD, ON_THRESHOLD, excursions, switching

_GRID = 2001
"""Times at which a stimulus without corners is looked at."""


def _waveform(stimulus: AbstractStimulus) -> tuple[np.ndarray, np.ndarray]:
    """Times [s] and values of a stimulus: at its corners, just inside them, and between."""
    if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(stimulus)):
        raise StimulusError(
            "a stimulus with traced numbers",
            where="events",
            allowed="known numbers",
            fix="make the events of a stimulus with numbers, and simulate the traced one with them",
        )
    end, corners = float(stimulus.duration), np.asarray(stimulus.breakpoints(), float)
    t = np.unique(np.concatenate([np.linspace(0.0, end, _GRID), corners]))
    t = t[(t >= 0) & (t <= end)]
    with jax.ensure_compile_time_eval():  # known numbers, under transformations too
        return t, np.asarray(jax.vmap(stimulus)(jnp.asarray(t)))


def switching_events(
    stimulus: AbstractStimulus,
    *,
    on_threshold: float = ON_THRESHOLD,
    hold_threshold: float = HOLD_THRESHOLD,
) -> dict[str, Event]:
    r"""Events of switching and holding in each excursion of a sweep to one polarity.

    Parameters
    ----------
    stimulus : AbstractStimulus
        The sweep.
    on_threshold, hold_threshold : float
        Currents [A] that mean on and off.

    Returns
    -------
    dict of str to Event
        For excursion k: ``on/k``, where \|i\| rises through the on-threshold on the rising branch; ``release/k`` and
        ``hold/k``, where it falls through the on- and the hold-threshold on the falling branch.

    Raises
    ------
    StimulusError
        For a stimulus without an excursion, or one whose times are traced.
    """
    t, v = _waveform(stimulus)
    parts = excursions(v)
    if not parts:
        raise StimulusError("a stimulus of 0 V", where="switching_events", allowed="a sweep")
    events = {}
    for k, part in enumerate(parts):
        begin, end = float(t[part][0]), float(t[part][-1])
        # The rising branch ends at the largest voltage, and the falling one begins there.
        peak = float(t[part][np.argmax(np.abs(v[part]))])
        falls: dict[str, Any] = dict(modulus=True, direction="falling", start=peak, stop=end)
        events[f"on/{k}"] = Event("i", on_threshold, modulus=True, start=begin, stop=peak)
        events[f"release/{k}"] = Event("i", on_threshold, **falls)
        events[f"hold/{k}"] = Event("i", hold_threshold, **falls)
    return events


def pulse_events(
    stimulus: AbstractStimulus, *, on_threshold: float = ON_CURRENT
) -> dict[str, Event]:
    r"""Events of answer and relaxation for each pulse of a stimulus.

    Parameters
    ----------
    stimulus : AbstractStimulus
        The pulses.
    on_threshold : float
        Current [A] above which a device counts as on.

    Returns
    -------
    dict of str to Event
        For pulse k: ``onset/k`` and ``end/k``, at which the voltage passes half of its height; ``answer/k``, where
        \|i\| rises through the threshold; ``relaxed/k``, where it falls below it after the pulse.
    """
    t, v = _waveform(stimulus)
    events = {}
    for k, pulse in enumerate(find_pulses(t, v)):
        inside = (t >= pulse.onset) & (t <= pulse.end)
        outside = float(np.median(v[~inside])) if np.any(~inside) else 0.0
        half, rising = 0.5 * (pulse.amplitude + outside), pulse.amplitude > outside
        begin = max(0.0, pulse.onset - 0.5 * (pulse.end - pulse.onset))
        middle, stop = 0.5 * (pulse.onset + pulse.end), float(pulse.stop)
        ways = ("rising", "falling") if rising else ("falling", "rising")
        events[f"onset/{k}"] = Event("v", half, direction=ways[0], start=begin, stop=middle)
        events[f"end/{k}"] = Event("v", half, direction=ways[1], start=middle, stop=stop)
        events[f"answer/{k}"] = Event("i", on_threshold, modulus=True, start=begin, stop=stop)
        events[f"relaxed/{k}"] = Event(
            "i", on_threshold, modulus=True, direction="falling", start=float(pulse.end), stop=stop
        )
    return events


def spike_events(
    signal: str, *, level: float, rearm: float | None = None, sign: int = 1, size: int = 64
) -> dict[str, Event]:
    """The event ``spike``: a signal that passes a level, with hysteresis; arguments as for `detect`.

    Parameters
    ----------
    signal : str
        See `memjax.Event`.
    level, rearm : float
        Levels [unit of the signal].
    sign : {1, -1}
        -1 for spikes that fall.
    size : int
        Spikes that there is room for.
    """
    direction = {1: "rising", -1: "falling"}.get(sign)
    if direction is None:
        raise BoundsError(f"sign = {sign}", where="spike_events", allowed="1 (rises) or -1 (falls)")
    return {"spike": Event(signal, level, direction=direction, rearm=rearm, size=size)}


def _crossing(trace: Trace, name: str, maker: str) -> Crossing:
    """A crossing that a trace should have.

    Raises
    ------
    StimulusError
        It says what to simulate with.
    """
    if name not in trace.events:
        raise StimulusError(
            f"a trace without the event {name!r}",
            where="observables",
            allowed=", ".join(trace.events) or "none",
            fix=f"mj.simulate with mj.Output(events=mj.observables.{maker}(...)), or one member of it: trace.member(0)",
        )
    return trace.events[name]


def _first(crossing: Crossing, values: Array) -> Float[Array, "members sweeps"]:
    """Return the first of the values at a crossing; NaN if there is none."""
    crossed_once = crossing.count > 0
    # Twice `where`: an infinite number in the branch that is not taken would make derivatives NaN.
    return jnp.where(crossed_once, jnp.where(crossed_once, values[..., 0], 0.0), jnp.nan)


def switching_voltage(
    data: Any, *, leg: int = 0, on_threshold: float = ON_THRESHOLD
) -> Float[Array | np.ndarray, "..."]:
    r"""Switching voltage: \|v\| at which \|i\| passes the on-threshold on the rising branch.

    Parameters
    ----------
    data : Trace, or Measurement or one member of a Trace
        A trace with `switching_events`, or rows.
    leg : int
        Which excursion of each sweep.
    on_threshold : float
        Current [A], for rows; the events of a trace have their own.

    Returns
    -------
    Float[Array, "members sweeps"] or Float[np.ndarray, "sweeps"]
        Voltages [V], NaN where it never switches: of a trace exact and differentiable, of rows the first sampled one.
    """
    return _leg_voltage(data, ("on", "v_th"), leg, on_threshold=on_threshold)


def hold_voltage(
    data: Any, *, leg: int = 0, hold_threshold: float = HOLD_THRESHOLD
) -> Float[Array | np.ndarray, "..."]:
    r"""Hold voltage: \|v\| at which \|i\| falls below the hold-threshold, falling; as `switching_voltage`."""
    return _leg_voltage(data, ("hold", "v_hold"), leg, hold_threshold=hold_threshold)


def _leg_voltage(
    data: Any, names: tuple[str, str], leg: int, **thresholds: float
) -> Float[Array | np.ndarray, "..."]:
    """A voltage of excursion `leg` of every sweep, by the names of its event and of what is read off rows."""
    event, name = names
    if isinstance(data, Trace):
        crossing = _crossing(data, f"{event}/{leg}", "switching_events")
        return jnp.abs(_first(crossing, crossing.v))
    by_sweep: dict[int, list] = {}
    for s in switching(data, **thresholds):
        by_sweep.setdefault(s.sweep, []).append(getattr(s, name))
    values = [x[leg] if leg < len(x) else None for x in by_sweep.values()]
    return np.array([np.nan if x is None else x for x in values])


def switching_delay(
    data: Any, *, pulse: int = 0, on_threshold: float = ON_CURRENT
) -> Float[Array | np.ndarray, "..."]:
    r"""Time [s] from the onset of a pulse until \|i\| rises through the threshold.

    Parameters
    ----------
    data : Trace, or Measurement or one member of a Trace
        A trace with `pulse_events`, or rows.
    pulse : int
        Which pulse of each sweep.
    on_threshold : float
        Current [A], for rows.

    Returns
    -------
    Float[Array, "members sweeps"] or Float[np.ndarray, "sweeps"]
        Delays [s]; NaN (of rows: infinite) where the device never switches.
    """
    return _pulse_time(data, ("onset", "answer", "delay"), pulse, on_threshold)


def relaxation_time(
    data: Any, *, pulse: int = 0, on_threshold: float = ON_CURRENT
) -> Float[Array | np.ndarray, "..."]:
    r"""Time [s] from the end of a pulse until \|i\| falls below the threshold; as `switching_delay`."""
    return _pulse_time(data, ("end", "relaxed", "relaxation"), pulse, on_threshold)


def _pulse_time(
    data: Any, names: tuple[str, str, str], pulse: int, threshold: float
) -> Float[Array | np.ndarray, "..."]:
    """Time between two events of pulse `pulse`, by their names and that of what is read off rows."""
    *events, name = names
    if isinstance(data, Trace):
        first, second = (_crossing(data, f"{e}/{pulse}", "pulse_events") for e in events)
        return _first(second, second.t) - _first(first, first.t)
    responses = pulse_responses(data, threshold=threshold)
    return np.array([getattr(r, name) for r in responses if r.pulse == pulse])


def spike_times(data: Any, *, level: float | None = None, rearm: float | None = None) -> Any:
    """Spike times [s] of every member.

    Parameters
    ----------
    data : Trace, or tuple of times and signal
        A trace of one sweep with `spike_events`; or rows ``(t, x)``.
    level, rearm : float, optional
        Of rows only, as `detect` has them.

    Returns
    -------
    Float[Array, "members size"] or Float[np.ndarray, "spikes"]
        Of a trace exact and differentiable, infinite beyond the last one; of rows as `detect` finds them.
    """
    if isinstance(data, Trace):
        return _crossing(data, "spike", "spike_events").complete().t[:, 0]
    if level is None:
        raise BoundsError("rows without a level", where="spike_times", fix="say level=...")
    t, x = data
    return detect(t, x, level=level, rearm=rearm)


def spike_intervals(times: Float[Array, "... size"]) -> Float[Array, "... intervals"]:
    """Intervals [s] between successive spikes of `spike_times`; NaN where there is no second one."""
    both_finite = jnp.isfinite(times[..., 1:])
    # The difference of two infinite times has no derivative, taken or not.
    finite = jnp.where(jnp.isfinite(times), times, 0.0)
    return jnp.where(both_finite, finite[..., 1:] - finite[..., :-1], jnp.nan)


def first_latency(
    times: Float[Array, "... size"], *, after: float | Sequence[float] = 0.0
) -> Float[Array, "..."]:
    """Time [s] from `after` [s] to the first spike of `spike_times` then or later; NaN without one."""
    later = times >= jnp.asarray(after)[..., None]
    first = jnp.min(jnp.where(later, times, jnp.inf), axis=-1)
    has_spike = jnp.isfinite(first)
    return jnp.where(has_spike, jnp.where(has_spike, first, 0.0) - jnp.asarray(after), jnp.nan)
