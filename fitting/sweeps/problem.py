"""A calibration problem: which parameters are free, and the residuals that the data leave."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

import memjax as mj
from memjax.circuit import build_system
from memjax.compile_cache import cached_jit
from memjax.errors import DataError
from memjax.params import known, quiet, unconstrain
from memjax.scaling import Scaled
from memjax.simulate import Solution, outputs_and_states, solve_stiff

from ..problem import AbstractDifferentiable
from .summary import (
    EVENTS,
    MAD,
    RESPONSE,
    Waveform,
    middle,
    nanmedian,
)

POLICY = mj.Stiff(rtol=1e-5, atol=1e-7, max_steps=2500)
"""Solver of the calibration: on the fitted symmetric sweeps it moves V_th by 0.001 mV against rtol 1e-8."""

PATIENT = replace(POLICY, max_steps=10_000)
"""The same, where no start ends within the steps of `POLICY`."""

MODEL_SIGMA = 0.3
"""Standard deviation [decades] granted to the model's current beside the scatter of the data, unless given."""

VOLTAGE_SIGMA = 0.05
"""The same of the model's voltage under an imposed current: it spans a decade where currents span many."""

SMALL = 0.1
"""Share of what a search grants to the model by default that chi squared grants it: 7 % of a current."""

EVENT_SIGMA = 0.25
"""Standard deviation [rows] granted to the model's events beside the scatter of the data."""

SATURATION = 10.0
"""Residual [sigma] at which a current's pull saturates: one on the wrong branch must not drown the rest."""

_TINY = 1e-30


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


def sigma_log(w: Waveform, model_sigma: float = MODEL_SIGMA) -> Float[np.ndarray, " points"]:
    """Standard deviation of the median log response [decades]: of the data and granted to the model."""
    scatter = MAD * np.median(np.abs(w.log_response - w.median_log()), axis=0)
    return np.hypot(1.2533 * scatter / np.sqrt(w.n_sweeps), model_sigma)


def sigma_events(w: Waveform) -> Float[np.ndarray, "legs 3"]:
    """Standard deviation of the median rows of the events: scatter, sampling in whole rows, and the model's share."""
    count = np.sum(np.isfinite(w.events), axis=0)
    away = np.where(count > 0, np.abs(w.events - w.median_events()), 0.0)
    scatter = MAD * np.where(count > 0, nanmedian(away), np.inf)
    return np.sqrt(1.2533**2 * scatter**2 / np.maximum(count, 1) + 1 / 12 + EVENT_SIGMA**2)


def edge_of(w: Waveform, limit: tuple[float, float] | None = None) -> Float[np.ndarray, " points"]:
    """log10 of the least current that points at the limit may have [decades of A]; no bound where there is no limit.

    Parameters
    ----------
    w : Waveform
        The sweeps.
    limit : tuple of float, optional
        Limits of a bench that names them, in place of those of the data [A].
    """
    positive, negative = w.limits if limit is None else limit
    edge = np.log10(np.where(w.v < 0, negative, positive)) - w.reach
    return np.where(w.censored & np.isfinite(edge), edge, -np.inf)


def pack(
    waves: Sequence[Waveform],
    *,
    floor: float,
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
    """
    k = max(len(w.v) for w in waves)

    def padded(x: np.ndarray, fill: Any) -> np.ndarray:
        return np.concatenate([x, np.full(k - len(x), fill, np.asarray(x).dtype)])

    def longer(x: np.ndarray) -> np.ndarray:
        step = x[-1] - x[-2] if len(x) > 1 else 1.0
        return np.concatenate([x, x[-1] + step * np.arange(1, k - len(x) + 1)])

    def stimulus(w: Waveform) -> mj.Sampled:
        s = w.stimulus
        values = padded(np.asarray(s.values), s.values[-1])
        return mj.Sampled(longer(np.asarray(s.times)), values, kind=s.kind, quantity=s.quantity)

    kinds = {(w.stimulus.kind, w.stimulus.quantity) for w in waves}
    if len(kinds) != 1:
        raise DataError(
            f"sweeps of different kinds: {sorted(kinds)}",
            allowed="all with time, or all without; one source",
        )
    driven, levels = waves[0].driven, waves[0].thresholds
    events = events and driven == "voltage"
    small = model_sigma
    voltages = _voltages_left(waves, padded, model_sigma or VOLTAGE_SIGMA) if left else {}
    if model_sigma is None:
        model_sigma = MODEL_SIGMA if driven == "voltage" else VOLTAGE_SIGMA
        small = SMALL * model_sigma
    most = max(len(w.legs) for w in waves)
    arr = np.stack

    def per_leg(x: np.ndarray) -> np.ndarray:
        return np.concatenate([x, np.repeat(x[-1:], most - len(x), axis=0)])

    def counted(w: Waveform, x: np.ndarray) -> np.ndarray:
        # What happened before the first row was not seen to happen.
        seen = w.happened() & events & (np.nan_to_num(w.median_events()) >= 0)
        known = np.where(seen, x, 0.0)
        return np.concatenate([known, np.zeros((most - len(known), 3))])

    spans = [
        np.array(
            [(0.0 if a == 0 else w.rows[a - 1], w.rows[p], w.rows[b - 1]) for a, p, b in w.legs]
        )
        for w in waves
    ]
    return Group(
        stimuli=jax.tree.map(lambda *x: arr(x), *map(stimulus, waves)),
        rows=arr([longer(w.rows) for w in waves]),
        target=arr([padded(w.median_log(), 0.0) for w in waves]),
        weight=arr([padded(w.used / sigma_log(w, model_sigma), 0.0) for w in waves]),
        censored=arr([padded(w.censored, False) for w in waves]),
        event_rows=arr([counted(w, w.median_events()) for w in waves]),
        event_weight=arr([counted(w, 1 / sigma_events(w)) for w in waves]),
        span=arr([per_leg(x) for x in spans]),
        edge=arr([padded(edge_of(w, limit), -np.inf) for w in waves]),
        floor=np.asarray(float(floor)),
        model_sigma=np.asarray(float(model_sigma)),
        small_sigma=np.asarray(float(cast(float, small))),
        limits=limits,
        thresholds=np.log10([levels.on, levels.hold]),
        **voltages,
    )


def _voltages_left(waves: Sequence[Waveform], padded: Callable, granted: float) -> dict[str, Any]:
    """What limited sources left at the terminals, and one over its standard deviation, where any file holds that."""
    if all(w.log_left is None for w in waves):
        return {}
    rows = []
    for w in waves:
        every = np.full((1, len(w.v)), np.nan) if w.log_left is None else w.log_left
        log = middle(every)
        known = np.isfinite(log)
        scatter = np.where(known, MAD * middle(np.abs(every - log)), 0.0)
        sigma = np.hypot(1.2533 * scatter / np.sqrt(w.n_sweeps), granted)
        rows.append((padded(np.where(known, log, 0.0), 0.0), padded(known / sigma, 0.0)))
    return {"left": np.stack([x for x, _ in rows]), "left_weight": np.stack([x for _, x in rows])}


class Problem(AbstractDifferentiable):
    """Residuals of the free parameters of a device or circuit.

    Parameters
    ----------
    device : memjax.AbstractDevice or memjax.Circuit
        Fixed parameters, and the start of the free ones.
    free : tuple of str
        Names of the free parameters.
    group : Group
        The data.
    bench : memjax.Bench
        What stood around the device.
    env : memjax.Environment
        Temperature.
    center : Float[Array, "free"]
        Centre of the log-normal prior, in unconstrained coordinates.
    policy : memjax.Stiff
        Solver.
    noise : Float[Array, ""]
        Standard deviation of the residuals of the data [sigma]: the prior weighs against these, not
        against what was granted to the model.
    ties : tuple of (str, str)
        Parameters that follow a free one.
    """

    device: mj.AbstractDevice | mj.Circuit
    free: tuple[str, ...] = eqx.field(static=True)
    group: Group
    bench: mj.Bench
    env: mj.Environment
    center: Float[Array, " free"]
    policy: mj.Stiff = POLICY
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.ones((), float))
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())

    @classmethod
    def of(
        cls,
        device: mj.AbstractDevice | mj.Circuit,
        free: Sequence[str],
        group: Group,
        *,
        bench: mj.Bench,
        env: mj.Environment | None = None,
    ) -> "Problem":
        """Problem whose prior is centred on the device."""
        names = tuple(known(device, free))
        if not names:
            raise DataError(
                "no free parameter", allowed="at least one", fix="name them with --free"
            )
        return cls(
            device=quiet(device),
            free=names,
            group=group,
            bench=bench,
            env=env or mj.Environment(),
            center=unconstrain(device, names),
        )

    def data_residuals(
        self, z: Float[Array, " free"]
    ) -> tuple[Float[Array, " residuals"], Bool[Array, ""]]:
        """Residuals of responses and events [sigma], saturated, and whether every solve ended well."""
        logs, events, ok = _observe_all(self, self.at(z))
        return misfit(self.group, *logs, events=events), jnp.all(ok)


def scaled_under(
    problem: Problem, device: mj.AbstractDevice | mj.Circuit, limits: Float[Array, "2"] | None
) -> Scaled:
    """Equations of a device under the limits of one waveform [A], or those of the bench."""
    bench = problem.bench
    if limits is not None:
        negative = None if bench.compliance_negative is None else limits[1]
        bench = replace(bench, compliance=limits[0], compliance_negative=negative)
    return Scaled(build_system(device, bench, problem.group.stimuli.quantity), problem.env)


def _observe_all(problem: Problem, device: mj.AbstractDevice | mj.Circuit):
    """Logarithms at the rows (see `log_seen`), rows of the events, success, of every waveform."""
    group, end = problem.group, jnp.max(problem.group.rows)

    def one(limits, stimulus, rows, span):
        scaled = scaled_under(problem, device, limits)
        left = None if group.left is None else problem.bench
        return _observe(scaled, stimulus, rows, span, end, group.thresholds, problem.policy, left)

    return jax.vmap(one)(group.limits, group.stimuli, group.rows, group.span)


def events_of(
    problem: Problem, device: mj.AbstractDevice | mj.Circuit
) -> Float[Array, "waves legs 3"]:
    """Rows at which a device does what `EVENTS` lists, in each excursion of each waveform.

    Where it never does, the row lies beyond the branch, the more so the further the current stays
    from the threshold.
    """
    return _observe_all(problem, device)[1]


def misfit(group: Group, log_response, log_left=None, *, events) -> Float[Array, " residuals"]:
    r"""Residuals of the logarithms at the rows and of the event rows against the data of a group.

    Parameters
    ----------
    group : Group
        The data.
    log_response : Float[Array, "waves points"]
        log10 \|response\| [decades of A or V].
    log_left : Float[Array, "waves points"], optional
        log10 of the voltage at the terminals [decades of V], where `group.left` is given.
    events : Float[Array, "waves legs 3"]
        Rows of the events.

    Notes
    -----
    At the limit of the source the current says only how far it stays below; where the file holds the voltage that was
    left at the terminals, that is compared beside it.
    """
    r = (floored(group, log_response) - group.target) * group.weight
    below = jnp.maximum(group.edge - log_response, 0.0) / group.model_sigma
    if log_left is not None:
        below = below + (log_left - group.left) * group.left_weight
    r = saturated(jnp.where(group.censored, below, r))
    e = (events - group.event_rows) * group.event_weight
    return jnp.concatenate([r.ravel(), (5 * jnp.arcsinh(e / 5)).ravel()])


def floored(group: Group, log_response) -> Float[Array, "waves points"]:
    r"""log10(\|response\| + floor) [decades], as the data have it."""
    return jnp.logaddexp(log_response * jnp.log(10.0), jnp.log(group.floor)) / jnp.log(10.0)


def saturated(r):
    """Residuals [sigma] whose pull saturates at `SATURATION`."""
    return r / jnp.sqrt(1 + (r / SATURATION) ** 2)


def log_seen(scaled: Scaled, y, stimulus: Callable, t, *, driven: str, left: mj.Bench | None):
    """log10 of the modulus of what is measured just before a time, and of the voltage that a limited source leaves.

    What is measured is the current [decades of A], or the voltage [decades of V] where a current is driven; what is
    left at the terminals of a bench [decades of V] is None where no bench is given.
    """
    at = outputs_and_states(scaled.system, t, scaled.unpack(y), stimulus, scaled.env)[0]
    log = lambda x: jnp.log10(jnp.abs(x) + _TINY)  # noqa: E731
    return log(at[RESPONSE[driven]]), left and log(left.left(at["v_device"], at["i"]))


def log_current(scaled: Scaled, y, stimulus: Callable, t) -> Float[Array, ""]:
    """log10 of the current's modulus just before a time [decades of A]."""
    return log_seen(scaled, y, stimulus, t, driven="voltage", left=None)[0]


def _observe(
    scaled: Scaled, stimulus: mj.Sampled, rows, span, end, levels, policy, left: mj.Bench | None
):
    """Logarithms at the rows, rows of the events, and whether the solve ended well."""
    sol = solve_stiff(
        scaled, stimulus, rows=rows, y0=scaled.initial(), end=end, policy=policy, steps=True
    )
    return *read_off(scaled, stimulus, rows, span, levels, sol, left), sol.result == 0


def read_off(
    scaled: Scaled, stimulus: mj.Sampled, rows, span, levels, sol: Solution, left: mj.Bench | None
):
    """Logarithms at the rows of a solve (see `log_seen`), and rows of the events, 0 where a current drives."""
    about: dict[str, Any] = {"driven": stimulus.quantity, "left": left}
    found = jax.vmap(lambda t, y: log_seen(scaled, y, stimulus, t, **about))(rows, sol.y)
    if stimulus.quantity == "current":
        return found, jnp.zeros(span.shape)
    return found, _events_of_steps(scaled, stimulus, rows, span, levels, sol)


def _events_of_steps(scaled: Scaled, stimulus: mj.Sampled, rows, span, levels, sol: Solution):
    """Rows of the events of a solve, from its steps; levels are log10 of the on- and the hold-threshold."""
    t, y = cast(tuple[Array, Array], (sol.step_t, sol.step_y))  # asked for by steps=True
    t = lax.stop_gradient(t)
    real = jnp.isfinite(t)
    t0, t1 = t[:-1], jnp.where(real[1:], t[1:], t[:-1])
    inner = 1e-6 * (t1 - t0)
    y = jnp.where(real[:, None], y, y[:1])
    quiet = lax.stop_gradient(scaled)
    quiet_y = lax.stop_gradient(y)
    log_at = jax.vmap(lambda yy, tt: log_current(quiet, yy, stimulus, tt))
    start, end = log_at(quiet_y[:-1], t0 + inner), log_at(quiet_y[1:], t1 - inner)
    slack = 1e-6 * rows[-1]
    row_of = lambda time: jnp.interp(time, jnp.append(0.0, rows), jnp.arange(-1.0, rows.shape[0]))  # noqa: E731

    def event(leg, threshold, sign):
        """Row at which sign * (log i - threshold) becomes positive on the rising or falling branch of a leg."""
        start_at, stop_at = leg[jnp.where(sign > 0, 0, 1)], leg[jnp.where(sign > 0, 1, 2)]
        where = real[1:] & (t0 >= start_at - slack) & (t1 <= stop_at + slack)
        reach = jnp.where(where, sign * end, -jnp.inf)
        hit = reach > sign * threshold
        n = jnp.where(jnp.any(hit), jnp.argmax(hit), jnp.argmax(reach))
        time, last = _crossing(
            scaled, stimulus, (y[n], y[n + 1]), (t0[n], t1[n]), (start[n], end[n]), threshold
        )
        missed = row_of(stop_at) + 5 * jnp.where(jnp.any(where), sign * (threshold - last), 0.0)
        return jnp.where(jnp.any(hit), row_of(time), missed)

    kinds = jnp.stack([levels[0], levels[0], levels[1]]), jnp.array([1.0, -1.0, -1.0])
    return jax.vmap(lambda leg: jax.vmap(lambda th, sign: event(leg, th, sign))(*kinds))(span)


def _crossing(scaled: Scaled, stimulus, ends, times, logs, threshold):
    """Time at which log i passes a threshold in one step, with its derivative along the flow; and log i at the end.

    Notes
    -----
    Near a closing or opening gap log i runs away, and the derivative of an interpolated crossing
    would be that of a secant. There a perturbation is a shift along the flow, so that d(time) =
    -d(log i) / (d log i / dt), taken at the end of the step at which log i moves faster.
    """
    (t0, t1), (start, end) = times, logs
    inner = 1e-6 * (t1 - t0)

    def at(y, t):
        flow = lax.stop_gradient(scaled.drift(t, y, stimulus(t)))
        return jax.jvp(lambda yy: log_current(scaled, yy, stimulus, t), (y,), (flow,))

    gap = end - start
    share = jnp.clip((threshold - start) / jnp.where(gap == 0, 1.0, gap), 0.0, 1.0)
    log, slope = jax.vmap(at)(jnp.stack(ends), jnp.stack([t0 + inner, t1 - inner]))
    last = log[1]
    fast = jnp.argmax(slope * jnp.sign(gap))
    log, slope = log[fast], lax.stop_gradient(slope[fast])
    moving = (share > 0) & (slope * gap > 0)
    shift = jnp.where(moving, (log - lax.stop_gradient(log)) / jnp.where(moving, slope, 1.0), 0.0)
    return lax.stop_gradient(t0 + share * (t1 - t0)) - shift, last


@cached_jit
def responses(problem: Problem, z: Float[Array, " free"]) -> Float[Array, "waves points"]:
    r"""log10(\|response\| + floor) at all rows of a point [decades], whether they count or not."""
    (log_response, _), *_ = _observe_all(problem, problem.at(z))
    return floored(problem.group, log_response)


__all__ = [
    "EVENTS",
    "Group",
    "Problem",
    "pack",
    "responses",
    "sigma_events",
    "sigma_log",
]
