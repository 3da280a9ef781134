"""Potentiation and depression: a device calibrated to conductances per pulse, with their randomness."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import memjax as mj
from memjax.data import PulseProtocol, PulseRecord
from memjax.errors import DataError, FitError
from memjax.params import constrain, get, known, replace as with_values, unconstrain
from memjax.policy import require_x64
from memjax.synapse import Pulsed, PulseNoise, simulate_pulses

from .least_squares import Progress, levenberg_marquardt
from .parameter_rows import loose, standard_errors
from .problem import PRIOR_SIGMA
from .pulse_noise import FEWEST, NoiseFit, estimate_noise
from .pulse_recipes import look_at, recipe_of

MEMORIES = (np.inf, 3.0, 1.5)
"""Cycles over which earlier cycles lose their weight: what is tried."""

_ACCURATE = 1e-4
"""Relative change of the curve by twice as many steps per pulse that is let pass."""

_MOST_SUBSTEPS = 64

_ITERATIONS = 100
"""Of the search from each start."""


@dataclass(frozen=True, kw_only=True)
class PulseFit:
    """A device calibrated to conductances per pulse.

    Parameters
    ----------
    record : PulseRecord
        The cycles that were fitted.
    pulsed : Pulsed
        The device with the best parameters, under the record's pulses.
    model : str
        Its name.
    free : tuple of str
        What was fitted.
    z : Float[np.ndarray, "free"]
        Unconstrained coordinates of the best parameters.
    covariance : Float[np.ndarray, "free free"]
        Of these coordinates.
    loss : float
        Half the sum of squared residuals.
    weights : Float[np.ndarray, "cycles"]
        Of the cycles in the mean curve; their sum is 1.
    memory : float
        Cycles over which a cycle loses its weight; infinite where all count alike.
    sigma : float
        Standard deviation of the logarithm of the mean curve at one pulse, from the cycles.
    randomness : NoiseFit or None
        Randomness per pulse and per cycle; None where there are too few cycles.
    search : Progress
        Iterations, evaluations, cost of each start.
    seed : int
        Seed of what is simulated where no other is named.
    notes : tuple of str
        Decisions that were taken, in words.
    """

    record: PulseRecord
    pulsed: Pulsed
    model: str
    free: tuple[str, ...]
    z: Float[np.ndarray, " free"]
    covariance: Float[np.ndarray, "free free"]
    loss: float
    weights: Float[np.ndarray, " cycles"]
    memory: float
    sigma: float
    randomness: NoiseFit | None
    search: Progress
    seed: int = 0
    notes: tuple[str, ...] = ()

    @property
    def device(self) -> mj.AbstractDevice:
        """The calibrated device."""
        return self.pulsed.device

    @property
    def std(self) -> dict[str, float]:
        """Standard errors of the free parameters [unit]."""
        return standard_errors(self.device, self.free, self.z, self.covariance)

    @property
    def sigma_z(self) -> Float[np.ndarray, " free"]:
        """Standard errors of the coordinates."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def undetermined(self) -> tuple[str, ...]:
        """Free parameters that the data do not determine."""
        return loose(self.device, self.std)

    @property
    def noise(self) -> PulseNoise:
        """What is random; nothing where it was not estimated."""
        return PulseNoise.none() if self.randomness is None else self.randomness.noise

    def curve(self) -> Float[np.ndarray, " points"]:
        """Conductance per pulse without noise [S]: what the next cycle is predicted to be."""
        return np.asarray(_curve(self.pulsed, jnp.asarray(self.record.kinds)))

    def simulate(self, cycles: int, seed: int | None = None, *, member: int = 0) -> PulseRecord:
        """Fresh cycles, each from where the one before ended, with all that is random.

        Parameters
        ----------
        cycles : int
            How many.
        seed, member : int, optional
            Of the noise, which depends on these, the cycle and the pulse only.
        """
        seed = self.seed if seed is None else seed
        g = simulate_pulses(
            self.pulsed, self.noise, self.record.kinds, cycles=cycles, seed=seed, member=member
        )
        return replace(
            self.record,
            g=np.maximum(g, np.finfo(float).tiny),
            cycles=np.arange(cycles),
            reader="simulated",
            source={"simulated": self.model, "seed": seed, "member": member},
            warnings=(),
        )


@eqx.filter_jit
def _curve(pulsed: Pulsed, kinds: Int[Array, " pulses"]):
    """Conductances of the noise-free cycle."""
    return pulsed.curve(kinds)[0]


@eqx.filter_jit
def _residuals(pulsed: Pulsed, kinds, target, sigma, center, z, names, ties):
    """Residuals [sigma] and Jacobians of a batch of points, the prior's last, and which are sound."""

    def one(z):
        device = _tied(constrain(pulsed.device, names, z), ties)
        g, _ = eqx.tree_at(lambda p: p.device, pulsed, device).curve(kinds)
        off = (jnp.log(jnp.maximum(g, 1e-30)) - target) / sigma
        r = jnp.concatenate([off, (z - center) / PRIOR_SIGMA])
        return r, r

    jacobian, r = jax.vmap(jax.jacfwd(one, has_aux=True))(z)
    sound = jnp.isfinite(r).all(axis=1) & jnp.isfinite(jacobian).all(axis=(1, 2))
    return r, jacobian, sound


def _tied(device: Any, ties: tuple[tuple[str, str], ...]) -> Any:
    """The device whose tied parameters follow the free ones."""
    if not ties:
        return device
    return with_values(device, {a: get(device, b) for a, b in ties}, check=False)


def cycle_weights(cycles: int, memory: float) -> Float[np.ndarray, " cycles"]:
    """Weights of cycles that fade with their age over `memory` cycles; their sum is 1."""
    age = np.arange(cycles)[::-1]
    w = np.exp(-age / memory)
    return w / np.sum(w)


def median_error(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Median relative error of a curve [1]."""
    return float(np.median(np.abs(predicted - measured) / measured))


def choose_memory(g: Float[np.ndarray, "cycles points"]) -> float:
    """Memory whose weighted means of earlier cycles predict the later ones best, of `MEMORIES`.

    Parameters
    ----------
    g : Float[np.ndarray, "cycles points"]
        Conductances [S]. Of fewer than four cycles all count alike.
    """
    if len(g) < 4:
        return np.inf
    scores = [
        np.mean([median_error(cycle_weights(k, m) @ g[:k], g[k]) for k in range(2, len(g))])
        for m in MEMORIES
    ]
    return float(MEMORIES[int(np.argmin(scores))])


@dataclass
class _Setting:
    """What a search works on."""

    pulsed: Pulsed
    kinds: Any
    target: Any
    sigma: float
    free: tuple[str, ...]
    ties: tuple[tuple[str, str], ...]
    starts: Float[np.ndarray, "starts free"]
    progress: Progress = field(default_factory=lambda: Progress(np.zeros((0, 0)), np.zeros(0)))

    def evaluate(self, z: np.ndarray):
        """Residuals, Jacobians and success of a batch."""
        center = jnp.asarray(self.starts[0])
        found = _residuals(
            self.pulsed, self.kinds, self.target, self.sigma, center, jnp.asarray(z), self.free,
            self.ties,
        )  # fmt: skip
        r, jacobian, sound = (np.asarray(x) for x in found)
        return r, jacobian, sound

    def at(self, z: np.ndarray) -> Pulsed:
        """The pulsed device at a point."""
        device = _tied(constrain(self.pulsed.device, self.free, jnp.asarray(z)), self.ties)
        return eqx.tree_at(lambda p: p.device, self.pulsed, device)


def _inside(device: mj.AbstractDevice, values: Mapping[str, float]) -> dict[str, float]:
    """Values kept a little within their bounds."""
    from memjax.fields import parameter_specs

    specs, out = parameter_specs(device), {}
    for name, value in values.items():
        lower, upper = specs[name].bounds
        if lower > 0 or upper >= 100:
            low, high = max(lower * 1.01, 1e-30) if lower >= 0 else lower, upper * 0.99
        else:
            low, high = lower + 0.005 * (upper - lower), upper - 0.005 * (upper - lower)
        out[name] = float(np.clip(value, low, high))
    return out


def fit_pulses(
    record: PulseRecord,
    device: mj.AbstractDevice,
    *,
    protocol: PulseProtocol | None = None,
    free: Sequence[str] | None = None,
    fix: Mapping[str, float] | None = None,
    env: mj.Environment | None = None,
    reversed: bool | None = None,
    memory: float | None = None,
    seed: int = 0,
    tick: Callable[[str, Progress], None] | None = None,
) -> PulseFit:
    """Calibrate a device and its randomness to conductances per pulse.

    Parameters
    ----------
    record : PulseRecord
        Cycles of one device.
    device : AbstractDevice
        The model; values that are not fitted stay.
    protocol : PulseProtocol, optional
        The pulses, where the record does not hold them.
    free : sequence of str, optional
        Parameters to fit; by default what `fitting.pulse_recipes` names for the model.
    fix : Mapping, optional
        Values to keep [SI].
    env : Environment, optional
        Temperature.
    reversed : bool, optional
        Whether the device sees the opposite polarity; by default if the model sets at negative
        voltage while the set pulse is positive.
    memory : float, optional
        Cycles over which a cycle loses its weight in the mean curve; by default whichever of
        `MEMORIES` predicts later cycles best from earlier ones.
    seed : int
        Seed of what is simulated.
    tick : callable, optional
        Called with the stage and the progress after each iteration.

    Returns
    -------
    PulseFit

    Raises
    ------
    DataError
        Without a protocol, for unknown parameters, or noise parameters among the free ones.
    FitError
        If no start could be solved.
    """
    require_x64()
    protocol = protocol or record.protocol
    if protocol is None:
        raise DataError(
            "pulses that are not known", where=str(record.source.get("file", "record")),
            fix="say their voltages and widths (--pulse-voltages, --pulse-widths)",
        )  # fmt: skip
    record = replace(record, protocol=protocol)
    setting, notes, memory, weights = _setting(
        record, device, protocol, free, fix or {}, env, reversed, memory
    )
    show = None if tick is None else lambda p: tick("curve", p)
    setting, search = _searched(setting, show)
    if not np.isfinite(search.cost).any():
        raise FitError("no start could be solved", where=f"a fit of {device.name}")
    found = _result(setting, search, record, weights, notes)
    return replace(found, memory=memory, seed=seed)


def _result(setting: "_Setting", search: Progress, record, weights, notes: list[str]) -> PulseFit:
    """The fit at the end of a search, with the randomness about it."""
    z = search.z[search.best]
    pulsed, randomness = setting.at(z), None
    if len(record.g) >= FEWEST:
        rates = recipe_of(pulsed.device, setting.free).rates
        rates = tuple(n for n in rates if n in setting.free)
        randomness = estimate_noise(pulsed, record.g, record.kinds, rates=rates)
    else:
        notes = [*notes, f"fewer than {FEWEST} cycles: nothing is said about randomness"]
    return PulseFit(
        record=record,
        pulsed=pulsed,
        model=pulsed.device.name,
        free=setting.free,
        z=z,
        covariance=_covariance(setting, z, record.g, weights),
        loss=float(search.cost[search.best]),
        weights=weights,
        memory=np.inf,
        sigma=setting.sigma,
        randomness=randomness,
        search=search,
        notes=tuple(notes),
    )


def _setting(record, device, protocol, free, fix, env, reversed, memory):
    """What is searched, notes, and the weights of the cycles."""
    memory = choose_memory(record.g) if memory is None else memory
    weights = cycle_weights(len(record.g), memory)
    curve, notes = weights @ record.g, []
    if np.isfinite(memory):
        notes.append(f"recent cycles predict better: their weight fades over {memory:g} cycles")
    device = with_values(device, fix, where="--fix")
    named = None if free is None else tuple(known(device, free, where="--free"))
    recipe = recipe_of(device, named)
    flipped = recipe.reversed and protocol.voltages[0] > 0 if reversed is None else reversed
    if reversed is None and flipped:
        notes.append("the model sets at negative voltage: the device is taken as reversed")
    starts = recipe.starts(device, look_at(curve, record.kinds, protocol))
    # What a recipe does not name starts at the device's own value.
    names = tuple(n for n in (named or tuple(starts[0])) if n not in fix)
    if not names:
        raise DataError("nothing is free", where="--fix", allowed="one free parameter at least")
    own = {n: float(get(device, n)) for n in names}
    held = [
        with_values(device, _inside(device, own | {n: s[n] for n in names if n in s}))
        for s in starts
    ]
    points = np.stack([np.asarray(unconstrain(d, names)) for d in held])
    spread = np.std(np.log(record.g), axis=0, ddof=1) if len(record.g) > 1 else np.array([0.01])
    return (
        _Setting(
            pulsed=Pulsed.under(held[0], protocol, env=env, reversed=flipped),
            kinds=jnp.asarray(record.kinds),
            target=jnp.asarray(np.log(curve)),
            sigma=float(np.median(spread) * np.sqrt(np.sum(weights**2))) or 1e-3,
            free=names,
            ties=tuple((a, b) for a, b in recipe.ties.items() if b in names and a not in fix),
            starts=points,
        ),
        notes,
        memory,
        weights,
    )


def _searched(setting: _Setting, show) -> tuple[_Setting, Progress]:
    """The search, again with more steps per pulse until they no longer matter."""
    found = [
        levenberg_marquardt(setting.evaluate, z[None], iterations=_ITERATIONS, tick=show)
        for z in setting.starts
    ]
    search = found[int(np.argmin([p.cost[p.best] for p in found]))]
    while np.isfinite(search.cost).any():
        z = search.z[search.best]
        finer = replace(setting.pulsed, substeps=2 * setting.pulsed.substeps)
        twice = replace(setting, pulsed=finer)
        a, b = (np.asarray(_curve(s.at(z), s.kinds)) for s in (setting, twice))
        if np.max(np.abs(b / a - 1)) < _ACCURATE or finer.substeps > _MOST_SUBSTEPS:
            break
        setting = twice
        search = levenberg_marquardt(setting.evaluate, z[None], iterations=_ITERATIONS, tick=show)
    return setting, search


def _covariance(setting: _Setting, z, g, weights) -> Float[np.ndarray, "free free"]:
    """Covariance of the coordinates: the scatter of the cycles about their mean, to first order.

    Notes
    -----
    With H = J'J, the prior included, each cycle moves the estimate by w_c H^-1 J' r_c: the
    covariance is the sum of the squares of these moves times C/(C-1), and the prior's own part.
    """
    _, jacobian, _ = setting.evaluate(z[None])
    j = jacobian[0]
    data, prior = j[: -len(z)], j[-len(z) :]
    inverse = np.linalg.inv(j.T @ j)
    off = (np.log(g) - np.asarray(setting.target)) / setting.sigma
    moves = weights[:, None] * (off @ data) @ inverse
    more = len(g) / (len(g) - 1) if len(g) > 1 else 1.0
    return more * moves.T @ moves + inverse @ prior.T @ prior @ inverse
