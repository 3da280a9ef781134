"""Waveforms as the arrays of a problem: what is compared, how much each point and each event counts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

import memjax as mj
from memjax.core.fields import with_values
from memjax.errors import DataError

from ..constants import MODEL_SIGMA, SMALL, VOLTAGE_SIGMA
from ..residuals import MAD, MEDIAN
from .quiet_rows import LEVELS, raised_by_noise
from .summary import Waveform, median, middle, nanmedian

_TOGETHER = 64
"""Points come in multiples of this many where programs are shared by data of other lengths."""

EVENT_SIGMA = 0.25
"""Standard deviation [rows] granted to the model's events beside the scatter of the data."""

SATURATION = 10.0
"""Residual [sigma] at which a current's pull saturates: one on the wrong branch must not drown the rest."""


class Group(eqx.Module):
    r"""Arrays of one or more waveforms, padded to common lengths, a leading axis over waveforms.

    Parameters
    ----------
    stimuli : memjax.Sampled
        Stacked waveforms.
    rows : Float[Array, "waves points"]
        Times of output [s].
    target : Float[Array, "waves points"]
        Median log10(\|response\| + floor): of the current, or of the voltage where a current was imposed.
    weight : Float[Array, "waves points"]
        One over its standard deviation, 0 where it does not count.
    censored : Bool[Array, "waves points"]
        Points at the limit.
    event_rows, event_weight : Float[Array, "waves legs 3"]
        Median rows of the events and one over their standard deviation, 0 where they do not count.
    span : Float[Array, "waves legs 3"]
        Start, peak and end [s] of each excursion.
    edge : Float[Array, "waves points"]
        log10 of the least current of points at the limit [decades of A].
    floor : Float[Array, ""]
        Noise floor [A or V].
    quiet : Float[Array, ""] or None
        Noise of readings that are nothing but noise [A or V]; None where hardly any row is such.
    raised : Float[Array, "waves levels"] or None
        By how much such noise raises `target` where the response is `LEVELS` times it [decades], see `raised_by_noise`.
    model_sigma : Float[Array, ""]
        Standard deviation granted to the model's response [decades].
    small_sigma : Float[Array, ""]
        That against which chi squared is stated [decades].
    thresholds : Float[Array, "2"]
        log10 of the currents that mean on and off [decades of A].
    limits : Float[Array, "waves 2"] or None
        Limits of the source of each waveform at positive and negative current [A]; None where the bench says them.
    left, left_weight : Float[Array, "waves points"] or None
        Median log10 of the voltages that limited sources left at the terminals [decades of V], and one over their
        standard deviation, 0 where there is none; None where no file holds any.
    """

    stimuli: mj.Sampled
    rows: Float[Array | np.ndarray, "waves points"]
    target: Float[Array | np.ndarray, "waves points"]
    weight: Float[Array | np.ndarray, "waves points"]
    censored: Bool[Array | np.ndarray, "waves points"]
    event_rows: Float[Array | np.ndarray, "waves legs 3"]
    event_weight: Float[Array | np.ndarray, "waves legs 3"]
    span: Float[Array | np.ndarray, "waves legs 3"]
    edge: Float[Array | np.ndarray, "waves points"]
    floor: Float[Array | np.ndarray, ""]
    model_sigma: Float[Array | np.ndarray, ""]
    small_sigma: Float[Array | np.ndarray, ""]
    thresholds: Float[Array | np.ndarray, "2"]
    limits: Float[Array | np.ndarray, "waves 2"] | None = None
    left: Float[Array | np.ndarray, "waves points"] | None = None
    left_weight: Float[Array | np.ndarray, "waves points"] | None = None
    quiet: Float[Array | np.ndarray, ""] | None = None
    raised: Float[Array | np.ndarray, "waves levels"] | None = None


def field_of_each(groups: Sequence[Group], name: str) -> np.ndarray:
    """A field of groups of one shape, with a leading axis over them."""
    return np.stack([np.asarray(getattr(g, name)) for g in groups])


def sigma_log(w: Waveform, model_sigma: float = MODEL_SIGMA) -> Float[np.ndarray, " points"]:
    """Standard deviation of the median log response [decades]: of the data and granted to the model."""
    scatter = MAD * median(np.abs(w.log_response - w.median_log()))
    return np.hypot(MEDIAN * scatter / np.sqrt(w.n_sweeps), model_sigma)


def response_weights(
    waves: Sequence[Waveform], granted: float, points: int
) -> Float[np.ndarray, "waves points"]:
    """One over the standard deviations of median log responses, 0 where they do not count; of so many points each."""
    filled = _Padding(points)
    return np.stack([filled.padded(w.used / sigma_log(w, granted), 0.0) for w in waves])


def sigma_events(w: Waveform) -> Float[np.ndarray, "legs 3"]:
    """Standard deviation of the median rows of the events: scatter, sampling in whole rows, and the model's share."""
    count = np.sum(np.isfinite(w.events), axis=0)
    distance = np.where(count > 0, np.abs(w.events - w.median_events()), 0.0)
    scatter = MAD * np.where(count > 0, nanmedian(distance), np.inf)
    # 1/12 is the variance of an event that may lie anywhere within its row.
    return np.sqrt(MEDIAN**2 * scatter**2 / np.maximum(count, 1) + 1 / 12 + EVENT_SIGMA**2)


def edge_of(w: Waveform, limit: tuple[float, float] | None = None) -> Float[np.ndarray, " points"]:
    """log10 of the least current that points at the limit may have [decades of A]; no bound where there is no limit.

    Limits [A] of a bench that names them take the place of those of the data.
    """
    positive, negative = w.limits if limit is None else limit
    edge = np.log10(np.where(w.v < 0, negative, positive)) - w.reach
    return np.where(w.censored & np.isfinite(edge), edge, -np.inf)


class _Padding(NamedTuple):
    """What makes waveforms as long as the longest of them."""

    points: int

    def padded(self, x: np.ndarray, fill: Any) -> np.ndarray:
        """The numbers, and one of them or another behind them."""
        x = np.asarray(x)
        more = self.points - len(x)
        return np.concatenate([x, np.full(more, fill, x.dtype)]) if more else x

    def longer(self, x: np.ndarray) -> np.ndarray:
        """Times that go on as they end: a solve of padded waveforms meets no two alike."""
        more = self.points - len(x)
        step = x[-1] - x[-2] if len(x) > 1 else 1.0
        return np.concatenate([x, x[-1] + step * np.arange(1, more + 1)]) if more else x

    def stimulus(self, w: Waveform) -> mj.Sampled:
        """The drive of a waveform, which stays where it ends."""
        s = w.stimulus
        if len(w.v) == self.points:
            return s
        values, times = (np.asarray(x) for x in (s.values, s.times))
        return mj.Sampled(
            self.longer(times), self.padded(values, values[-1]), kind=s.kind, quantity=s.quantity
        )


def pack(
    waves: Sequence[Waveform],
    *,
    floor: float,
    quiet: float = 0.0,
    limit: tuple[float, float] | None,
    limits: Float[np.ndarray, "waves 2"] | None = None,
    events: bool = True,
    model_sigma: float | None = None,
    left: bool = True,
) -> Group:
    """Waveforms as one `Group`; the events count only where they are switching, not a loop's slow passage.

    Under an imposed current none counts: the voltage is a function of it, and shows where it snaps back.
    Points at the limit lie at that of a bench, `limit`, or else that of the data; `limits` are those simulated. `left`
    says whether voltages that limited sources left at the terminals count: where these are simulated with their limits.
    `quiet` is the noise of readings that are nothing else, see `Summary`.
    """
    filled, most = _Padding(max(len(w.v) for w in waves)), max(len(w.legs) for w in waves)
    padded = filled.padded
    kinds = {(w.stimulus.kind, w.stimulus.quantity) for w in waves}
    if len(kinds) != 1:
        allowed = "all with time, or all without; one source"
        raise DataError(f"sweeps of different kinds: {sorted(kinds)}", allowed=allowed)
    driven, levels = waves[0].driven, waves[0].thresholds
    events = events and driven == "voltage"
    voltages = _voltages_left(waves, padded, model_sigma or VOLTAGE_SIGMA) if left else {}
    default = MODEL_SIGMA if driven == "voltage" else VOLTAGE_SIGMA
    small = SMALL * default if model_sigma is None else model_sigma
    granted = default if model_sigma is None else model_sigma

    def counted(w: Waveform, x: np.ndarray) -> np.ndarray:
        # What happened before the first row was not seen to happen.
        counts = w.happened() & w.sudden() & events & (np.nan_to_num(w.median_events()) >= 0)
        return np.concatenate([np.where(counts, x, 0.0), np.zeros((most - len(x), 3))])

    def span(w: Waveform) -> np.ndarray:
        ends = [(w.rows[a - 1] if a else 0.0, w.rows[p], w.rows[b - 1]) for a, p, b in w.legs]
        return np.array(ends + ends[-1:] * (most - len(ends)))

    def stack(of: Callable[[Waveform], np.ndarray]) -> np.ndarray:
        return np.stack([of(w) for w in waves])

    return Group(
        stimuli=jax.tree.map(lambda *x: np.stack(x), *map(filled.stimulus, waves)),
        rows=stack(lambda w: filled.longer(w.rows)),
        target=stack(lambda w: padded(w.median_log(), 0.0)),
        weight=response_weights(waves, granted, filled.points),
        censored=stack(lambda w: padded(w.censored, False)),
        event_rows=stack(lambda w: counted(w, w.median_events())),
        event_weight=stack(lambda w: counted(w, 1 / sigma_events(w))),
        span=stack(span),
        edge=stack(lambda w: padded(edge_of(w, limit), -np.inf)),
        floor=np.asarray(float(floor)),
        quiet=np.asarray(float(quiet)) if quiet > 0 else None,
        raised=stack(lambda w: raised_by_noise(floor / quiet, w.n_sweeps)) if quiet > 0 else None,
        model_sigma=np.asarray(float(granted)),
        small_sigma=np.asarray(float(small)),
        limits=limits,
        thresholds=np.log10([levels.on, levels.hold]),
        **voltages,
    )


def seeks_events(group: Group) -> bool:
    """Whether any event counts, so that the steps of a solve are looked through."""
    return bool(np.any(np.asarray(group.event_weight)))


def without_charging(group: Group) -> Group:
    """A group whose first rows do not count where a voltage is applied at once: it charges a capacitance there."""
    weight = np.array(group.weight)
    weight[np.asarray(group.stimuli.values)[:, 0] != 0, 0] = 0.0
    return replace(group, weight=weight)


def _voltages_left(waves: Sequence[Waveform], padded: Callable, granted: float) -> dict[str, Any]:
    """What limited sources left at the terminals, and one over its standard deviation, where any file holds that."""
    if all(w.log_left is None for w in waves):
        return {}
    left, weight = [], []
    for w in waves:
        every = np.full((1, len(w.v)), np.nan) if w.log_left is None else w.log_left
        log = middle(every)
        known = np.isfinite(log)
        scatter = np.where(known, MAD * middle(np.abs(every - log)), 0.0)
        sigma = np.hypot(MEDIAN * scatter / np.sqrt(w.n_sweeps), granted)
        left.append(padded(np.where(known, log, 0.0), 0.0))
        weight.append(padded(known / sigma, 0.0))
    return {"left": np.stack(left), "left_weight": np.stack(weight)}


def lengthen(group: Group) -> tuple[Group, np.ndarray]:
    """Waveforms filled up, so that data of many lengths share a program, and the places of their own residuals.

    Rows that repeat the last one have no weight, and take no steps of a solve; the drive goes on as it ends. Places are
    those in what `misfit` gives of them.
    """
    waves, points = group.rows.shape
    more = -points % _TOGETHER

    def filled(x: Any, fill: Any = None) -> Any:
        if x is None or not more:
            return x
        padding: dict[str, Any] = {"mode": "edge"} if fill is None else {"constant_values": fill}
        return np.pad(np.asarray(x), [(0, 0), (0, more)], **padding)

    times = filled(group.stimuli.times)
    if more:
        step = times[:, points - 1] - times[:, points - 2] if points > 1 else np.ones(waves)
        times[:, points:] += step[:, None] * np.arange(1, more + 1)
    stimuli = with_values(group.stimuli, {"times": times, "values": filled(group.stimuli.values)})
    marks: dict[str, Any] = dict.fromkeys(("target", "weight", "left", "left_weight"), 0.0)
    marks |= {"censored": False, "edge": -np.inf}
    fields = {name: filled(getattr(group, name), fill) for name, fill in marks.items()}
    rows = np.arange(waves)[:, None] * (points + more) + np.arange(points)
    tail = waves * (points + more) + np.arange(np.size(group.event_weight))
    return replace(group, stimuli=stimuli, rows=filled(group.rows), **fields), np.append(rows, tail)


def misfit(group: Group, log_response, log_left=None, *, events) -> Float[Array, " residuals"]:
    r"""Residuals [sigma] of log10 \|response\| [decades] and of the event rows against the data of a group.

    `log_left` is log10 of the voltage at the terminals [decades of V], where `group.left` is given.

    Notes
    -----
    At the limit of the source the current says only how far it stays below; where the file holds the voltage that was
    left at the terminals, that is compared beside it.
    """
    r = (floored(group, log_response) - group.target) * group.weight
    below = jnp.maximum(group.edge - log_response, 0.0) / group.model_sigma
    if log_left is not None:
        below = below + (log_left - group.left) * group.left_weight
    rows = saturated(jnp.where(group.censored, below, r))
    e = (events - group.event_rows) * group.event_weight
    # 5 arcsinh(e / 5) is e near 0 and logarithmic beyond: an event that is missed pulls, however far it is.
    return jnp.concatenate([rows.ravel(), 5 * jnp.arcsinh(e / 5).ravel()])


def floored(group: Group, log_response) -> Float[Array, "waves points"]:
    r"""log10(\|response\| + floor) [decades], as the data have it.

    The modulus of a reading is not that of the response where this is below the noise, see `raised_by_noise`.
    """
    # Of logarithms, since responses may be too small for a number and have a derivative all the same.
    size = jnp.logaddexp(log_response * jnp.log(10.0), jnp.log(group.floor)) / jnp.log(10.0)
    if group.quiet is None or group.raised is None:
        return size
    first, step = LEVELS[0], LEVELS[1] - LEVELS[0]
    place = (log_response - jnp.log10(group.quiet) - first) / step
    place = jnp.clip(place, 0.0, len(LEVELS) - 1.0)
    before = jnp.minimum(jnp.floor(place), len(LEVELS) - 2.0)
    column = before.astype(int)
    low, high = (jnp.take_along_axis(group.raised, column + k, axis=-1) for k in (0, 1))
    return size + low + (high - low) * (place - before)


def saturated(r):
    """Residuals [sigma] whose pull saturates at `SATURATION`."""
    # numpy's own root costs no dispatch of JAX, and rounds alike.
    root = np.sqrt if isinstance(r, np.ndarray) else jnp.sqrt
    return r / root(1 + (r / SATURATION) ** 2)


def unsaturated(r: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """The inverse of `saturated`; at the limit a million of them."""
    return r / np.sqrt(np.maximum(1 - (r / SATURATION) ** 2, 1e-12))
