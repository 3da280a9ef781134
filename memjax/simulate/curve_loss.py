"""The distance of a simulated from a measured curve: in current, and near events in time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..circuit import Bench
from ..core.result import Trace
from ..core.watch import Crossing, Event
from ..data import Measurement
from ..errors import BoundsError, StimulusError
from ..observables import HOLD_THRESHOLD, ON_THRESHOLD, switching_events
from ..observables.data import one_member
from ..stimulus import AbstractStimulus
from . import Output, simulate, waveform

_LEVEL_OFF = 10.0
"""Residual [sigma] at which the pull of a row levels off: a row on the wrong branch must not drown the rest."""

_BEND = 5.0
"""Residual [sigma] beyond which the pull of an event grows as a logarithm only."""

_LIMIT_SHARE = 0.98
"""Share of the limit above which a current says no more than that the limit acts."""


class _Scale(NamedTuple):
    """Standard deviations of current [decades] and time [s], the floor, and the limit of the source [A]."""

    current: float
    time: float
    floor: float
    limit: float | Float[np.ndarray, " rows"]


class _Curve(NamedTuple):
    """Rows of all sweeps, measured: log10 of the current, its standard deviation, and whether the limit acts."""

    log_i: Float[np.ndarray, " rows"]
    sigma: Float[np.ndarray, " rows"]
    at_limit: Bool[np.ndarray, " rows"]


class _MeasuredEvent(NamedTuple):
    """One event in each sweep, measured.

    `first` and `last` row at which it may happen, and their times `start` and `stop` [s]; the times between which it
    happened, from `stop` to infinity where it did not; and whether the data say so, which they do not where the
    current is beyond the threshold from the first row.
    """

    first: Int[np.ndarray, " sweeps"]
    last: Int[np.ndarray, " sweeps"]
    start: Float[np.ndarray, " sweeps"]
    stop: Float[np.ndarray, " sweeps"]
    earliest: Float[np.ndarray, " sweeps"]
    latest: Float[np.ndarray, " sweeps"]
    counts: Bool[np.ndarray, " sweeps"]


class CurveLoss(eqx.Module):
    r"""Mean squared distance of simulated from measured sweeps, in current and near events in time; make it with `of`.

    Parameters
    ----------
    stimuli : list of AbstractStimulus
        Of each sweep.
    rows : list of Float[np.ndarray, "points"]
        Times of the measured rows of each sweep [s].
    events : list of dict of str to Event
        What `switching_events` asks of each sweep.
    bench : Bench
        What stood around the device.
    scale, curve, measured_events
        What the measurement says.

    Notes
    -----
    A memristor switches within far less than the distance of two rows. A sum of squares over rows is then a staircase
    in the switching time, and its derivative points anywhere. Three things are compared instead:

    - the current at row k, by :math:`r_k = (\log_{10}|i_k| - \log_{10}|i_k^{meas}|)/\sigma_k` with :math:`\sigma_k^2
      = \sigma_i^2 + \sigma_t^2\,(d\log_{10}|i^{meas}|/dt)^2`, the effective variance of a curve whose time is uncertain
      too [1]_; it levels off at 10 sigma. A row d sigma_t from a simulated event counts by d / sqrt(1 + d^2):
      while the device switches, it moves by decades with the least change of a parameter. Rows at the limit of the
      source only say that it is reached;
    - the times of switching, release and holding in each excursion, by :math:`r = (t - t^{meas})/\sigma_t`, whose
      derivative is that of the implicit function (`Crossing`). Measured rows tell only between which two of them an
      event lies: within, r is 0;
    - where an event is missing, how many decades the current stays away from its threshold.

    A device that gives the measured rows themselves has the loss 0. Only sweeps of the voltage are compared.

    References
    ----------
    .. [1] J. Orear, Am. J. Phys. 50, 912 (1982), doi:10.1119/1.12972
    """

    stimuli: list[AbstractStimulus]
    rows: list[Float[np.ndarray, " points"]]
    events: list[dict[str, Event]]
    bench: Bench
    scale: _Scale
    curve: _Curve
    measured_events: dict[str, _MeasuredEvent]

    @classmethod
    def of(
        cls,
        measured: Any,
        stimulus: AbstractStimulus | Sequence[AbstractStimulus] | None = None,
        *,
        bench: Bench | None = None,
        point_time: float | None = None,
        current_sigma: float = 0.1,
        time_sigma: float | None = None,
        floor: float = 1e-2 * HOLD_THRESHOLD,
        on_threshold: float = ON_THRESHOLD,
        hold_threshold: float = HOLD_THRESHOLD,
    ) -> "CurveLoss":
        """Loss of one measurement.

        Parameters
        ----------
        measured : Measurement, trace of one member, or one member of a trace
            Rows with voltage, current and sweep; with time unless `point_time` is given.
        stimulus : AbstractStimulus or sequence of them, optional
            What was applied in each sweep. Of a Measurement the waveform of its own voltages, unless given.
        bench : Bench, optional
            What stood around the device; rows near its compliance are no measurements of the current.
        point_time : float, optional
            For which each point was held [s], where the file has no time.
        current_sigma : float
            Standard deviation of the current [decades].
        time_sigma : float, optional
            Standard deviation of times [s]; the median distance of two rows unless given.
        floor : float
            Added to the modulus of both currents [A]: below it they count as equal.
        on_threshold, hold_threshold : float
            Currents that mean on and off [A].

        Raises
        ------
        StimulusError
            For a sweep of the current, a trace without its stimulus, or a wrong number of stimuli.
        BoundsError
            For a scale that is not positive, or data of several members or without time.
        """
        stimuli, rows = _stimuli_and_rows(measured, stimulus, point_time)
        data, bench = one_member(measured, where="CurveLoss"), bench or Bench()
        positive_limit, negative_limit = bench.compliance, bench.compliance_negative
        positive_limit = np.inf if positive_limit is None else float(positive_limit)
        limit = (
            positive_limit
            if negative_limit is None
            else np.where(np.asarray(data.v) < 0, float(negative_limit), positive_limit)
        )
        spacing = np.median(np.concatenate([np.diff(r) for r in rows]))
        time = float(spacing if time_sigma is None else time_sigma)
        scale = _Scale(current_sigma, time, floor, limit)
        if not all(np.isfinite(x) and x > 0 for x in scale[:3]):
            message = "current_sigma = {:g} decades, time_sigma = {:g} s, floor = {:g} A"
            raise BoundsError(message.format(*scale[:3]), where="CurveLoss", allowed="numbers > 0")
        curve = _curve(data, rows, scale)
        levels = {"on_threshold": on_threshold, "hold_threshold": hold_threshold}
        events = [switching_events(s, **levels) for s in stimuli]
        if any(set(e) != set(events[0]) for e in events):
            raise StimulusError(
                "sweeps with different numbers of excursions",
                where="CurveLoss",
                fix="make one loss of each kind of sweep, and add them",
            )
        measured_events = {
            n: _measure_events(curve.log_i, rows, [e[n] for e in events]) for n in events[0]
        }
        return cls(stimuli, rows, events, bench, scale, curve, measured_events)

    def __call__(self, device: Any, **options: Any) -> Float[Array, ""]:
        """Mean squared residual [1] of a device; NaN where a solve failed.

        Parameters
        ----------
        device : AbstractDevice
            The device.
        **options
            Passed to `simulate`, such as `policy` or `env`.
        """
        return self.compare(self.simulate(device, **options))

    def simulate(self, device: Any, **options: Any) -> Trace:
        """Simulate a device under the measured sweeps, noise-free, with rows and events to be compared."""
        arguments = {"bench": self.bench, "deterministic": True, "save": self.rows} | options
        return simulate(device, self.stimuli, output=Output(events=self.events), **arguments)

    def compare(self, trace: Trace) -> Float[Array, ""]:
        """Mean squared residual [1] of what `simulate` gives; NaN where a solve failed."""
        loss = jnp.mean(self.residuals(trace) ** 2)
        return jnp.where(jnp.all(trace.result == 0), loss, jnp.nan)

    def residuals(self, trace: Trace) -> Float[Array, " residuals"]:
        """Residuals of all rows, then of all events [sigma], for a least-squares method.

        Parameters
        ----------
        trace : Trace
            What `simulate` gives.

        Returns
        -------
        Float[Array, "residuals"]
            Differences from the measured rows and events over their standard deviations [1]; large ones level off.
        """
        log_i = jnp.log10(jnp.abs(trace.i[0]) + self.scale.floor)
        log_limit = np.log10(_LIMIT_SHARE * self.scale.limit)
        short = jnp.minimum(log_i - log_limit, 0.0) / self.scale.current
        row_residuals = jnp.where(
            self.curve.at_limit, short, (log_i - self.curve.log_i) / self.curve.sigma
        )
        row_residuals = row_residuals / jnp.sqrt(1 + (row_residuals / _LEVEL_OFF) ** 2)
        number, times = np.repeat(range(len(self.rows)), list(map(len, self.rows))), []
        for name, event in self.events[0].items():
            crossing, measured = trace.events[name], self.measured_events[name]
            delays = _event_residuals(self.scale, event, measured, log_i, crossing)
            times.append(_BEND * jnp.arcsinh(delays / _BEND))
            # While it switches a row moves by decades with the least change of a parameter, and says nothing.
            occurs = crossing.count[0, number] > 0
            distance = (trace.t - jnp.where(occurs, _time(crossing)[number], 0.0)) / self.scale.time
            row_residuals = row_residuals * jnp.where(
                occurs, distance / jnp.sqrt(1 + distance**2), 1.0
            )
        return jnp.concatenate([row_residuals, *times])


def _stimuli_and_rows(
    measured: Any, stimulus: Any, point_time: float | None
) -> tuple[list[Any], list[np.ndarray]]:
    """Stimulus and times of the rows [s] of each sweep."""
    if getattr(measured, "driven", "voltage") != "voltage":
        raise StimulusError(
            "a sweep of the current", where="CurveLoss", allowed="sweeps of the voltage"
        )
    if isinstance(measured, Measurement) and stimulus is None:
        return waveform(measured, point_time)[:2]
    if stimulus is None:
        raise StimulusError(
            "a trace without its stimulus", where="CurveLoss", fix="CurveLoss.of(trace, stimulus)"
        )
    data = one_member(measured, where="CurveLoss", time=True)
    t, sweep = np.asarray(data.t, float), np.asarray(data.sweep)
    labels = sweep[np.sort(np.unique(sweep, return_index=True)[1])]
    rows = [t[sweep == k] for k in labels]
    rows = [r - r[0] for r in rows] if isinstance(measured, Measurement) else rows
    stimuli = [stimulus] if isinstance(stimulus, AbstractStimulus) else list(stimulus)
    stimuli = stimuli * len(rows) if len(stimuli) == 1 else stimuli
    if len(stimuli) != len(rows):
        raise StimulusError(
            f"{len(stimuli)} stimuli for {len(rows)} sweeps",
            where="CurveLoss",
            allowed="one for all, or one for each",
        )
    return stimuli, rows


def _curve(data: Any, rows: Sequence[np.ndarray], scale: _Scale) -> _Curve:
    """Measured currents, and how well each is known."""
    size = np.abs(np.asarray(data.i, float))
    at_limit = np.asarray(getattr(data, "at_compliance", False)) | (
        size >= _LIMIT_SHARE * scale.limit
    )
    log_i = np.log10(size + scale.floor)
    steepness, begin = np.zeros_like(log_i), 0
    for t in rows:
        part = slice(begin, begin + len(t))
        slope = np.abs(np.diff(log_i[part]) / np.diff(t))
        # The steeper side: a jump between two rows makes both uncertain.
        steepness[part] = np.maximum(np.append(slope, 0.0), np.insert(slope, 0, 0.0))
        begin += len(t)
    return _Curve(log_i, np.hypot(scale.current, scale.time * steepness), at_limit)


def _measure_events(
    log_i: np.ndarray, rows: Sequence[np.ndarray], events: list[Event]
) -> _MeasuredEvent:
    """When an event happened in each sweep, as far as rows tell."""
    entries, begin = [], 0
    for t, event in zip(rows, events, strict=True):
        # Corners of a stimulus and times of rows are rounded differently.
        slack = 1e-9 * t[-1]
        inside = np.flatnonzero((t >= event.start - slack) & (t <= event.stop + slack))
        past_level = event.sign * (log_i[begin + inside] - np.log10(event.level)) > 0
        first, last = (inside[0], inside[-1]) if len(inside) else (0, 0)
        k = inside[np.argmax(past_level)] if np.any(past_level) else None
        earliest, latest = (t[last], np.inf) if k is None else (t[max(k - 1, 0)], t[k])
        counts = len(inside) > 0 and not past_level[0]
        entries.append((begin + first, begin + last, t[first], t[last], earliest, latest, counts))
        begin += len(t)
    return _MeasuredEvent(*map(np.asarray, zip(*entries, strict=True)))


def _time(crossing: Crossing) -> Float[Array, " sweeps"]:
    """Time of the first crossing in each sweep [s]; one that only touches the level has no derivative."""
    t = crossing.t[0, :, 0]
    return jnp.where(crossing.tangential[0, :, 0], lax.stop_gradient(t), t)


def _event_residuals(scale: _Scale, event: Event, measured: _MeasuredEvent, log_i, crossing):
    """How much too late an event comes in each sweep, and how much too early (negative) [sigma]; 0 where it fits.

    An event that is missing comes after its window, the more so the further the current stays from the threshold; one
    that has happened before it comes too early in the same measure.
    """
    occurs, number = crossing.count[0] > 0, np.arange(log_i.shape[0])
    excess = event.sign * (log_i - jnp.log10(event.level)) / scale.current
    inside = (number >= measured.first[:, None]) & (number <= measured.last[:, None])
    short = jnp.maximum(-jnp.max(jnp.where(inside, excess[None], -jnp.inf), axis=1), 0.0)
    past = excess[measured.first]
    # Infinite where nothing occurs: less a `latest` that is infinite as well it would be no number, nor its slope.
    t = jnp.where(occurs, _time(crossing), 0.0)
    since_latest, since_earliest = (
        (t - x) / scale.time for x in (measured.latest, measured.earliest)
    )
    never = (measured.stop - measured.latest) / scale.time + short
    already = (measured.start - measured.earliest) / scale.time - past
    too_late = jnp.where(occurs, since_latest, jnp.where(past > 0, 0.0, never))
    too_early = jnp.where(occurs, since_earliest, jnp.where(past > 0, already, 0.0))
    return jnp.where(measured.counts, jnp.maximum(too_late, 0.0) + jnp.minimum(too_early, 0.0), 0.0)
