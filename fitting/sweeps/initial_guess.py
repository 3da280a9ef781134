"""Starting values from what the sweeps show, and a scatter of starts around them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs, stored
from memjax.core.params import get
from memjax.core.transforms import Logit, LogLogit, from_spec, within
from memjax.device.corrected import AbstractCorrectedDevice
from memjax.errors import DataError

from ..problem import PRIOR_SIGMA, initial_states
from .instrument import DeviceOnBench
from .learned import correction_values, learned_functions, learned_values
from .loops import (
    Loops,
    depends_on_loops,
    draw_values,
    free_of,
    loops,
    polarity_of,
    sinh_branches,
    sizes,
)
from .summary import Waveform

_NEG = "_neg"

# A quarter of many starts lie three times as far out: rates that the data hardly show may be off by decades. Another
# one begins at the other end of the state: no one knows what a device did before its first sweep.
_FEWEST, _FURTHER = 32, 3.0


@dataclass(frozen=True, kw_only=True)
class Guess:
    """Where a calibration starts.

    Parameters
    ----------
    device : AbstractDevice
        Starting values, and values of what is not fitted: arrays of numpy where the data say them.
    free : tuple of str
        Parameters that the data can say something about.
    scatter : callable
        ``scatter(rng)`` gives the values of another start by name [SI].
    notes : tuple of str
        What was decided, in words.
    reversed : bool
        Whether the model sets at the polarity at which the data reset.
    """

    device: mj.AbstractDevice | mj.Circuit
    free: tuple[str, ...]
    scatter: Callable[[np.random.Generator], dict[str, float]]
    notes: tuple[str, ...] = ()
    reversed: bool = False

    def with_start(self, start: Mapping[str, float]) -> "Guess":
        """The same guess, whose further starts scatter the values in `start` by half the prior's width."""
        if not start:
            return self
        others = lambda values: {n: x for n, x in values.items() if n not in start}  # noqa: E731
        return replace(self, scatter=lambda rng: others(self.scatter(rng)))


class _Features(NamedTuple):
    """Features of the waveforms of one polarity; NaN where they do not show one."""

    v_th: float  # median switching voltage [V]
    v_release: float  # at which the current falls below the on-threshold [V]
    v_hold: float  # [V]
    r_on: float  # median resistance of the on branch below the limit [ohm]
    r_off: float  # of the off branch at low voltage [ohm]
    duration: float  # time of the sweep [s]
    conducts: bool  # whether the current is ever above the on-threshold

    @property
    def stays_on(self) -> bool:
        """Whether it is on from the start, as a channel that the other polarity has closed."""
        return self.conducts and not np.isfinite(self.v_th)


def _features(waves: Sequence[Waveform], polarity: int, floor: float) -> _Features | None:
    """_Features of the excursions to one polarity; None where there is none."""
    legs = [(w, k) for w in waves for k, p in enumerate(w.polarities) if p == polarity]
    if not legs:
        return None
    voltages, on, off, conducts = [], [np.nan], [np.nan], False
    for w, k in legs:
        begin, peak, end = w.legs[k]
        size, i = w.sizes(floor)
        clear = (i if w.driven == "voltage" else size) > 3 * floor
        events = np.where(w.happened()[k], w.median_events()[k], np.nan)
        voltages.append([size[int(np.ceil(e))] if np.isfinite(e) else np.nan for e in events])
        rise, release = events[0], events[1] if w.driven == "voltage" else events[2]
        rows = np.arange(len(size))
        conducts |= bool(np.max(i[begin:end], initial=0.0) > w.thresholds.on)
        dark = (rows >= begin) & (rows < (rise if np.isfinite(rise) else peak + 1))
        dark &= clear & (i > 0) & (size > 0.2 * np.max(size[dark], initial=0.0))
        off += list(size[dark] / i[dark])
        if np.isfinite(rise) and np.isfinite(release):
            lit = (rows > rise) & (rows < min(release - 1, end)) & ~w.censored & (i > 0)
            on += list(size[lit] / i[lit])
    columns = (*zip(*voltages), on, off)
    medians = [float(np.nanmedian(x)) if np.isfinite(x).any() else np.nan for x in columns]
    names = ("v_th", "v_release", "v_hold", "r_on", "r_off")
    duration = float(np.median([w.rows[-1] / len(w.legs) for w, _ in legs]))
    known = dict(zip(names, medians, strict=True))
    return _Features(**known, duration=duration, conducts=conducts)


def _how_often(waves: Sequence[Waveform], polarity: int) -> str:
    """In how many of the excursions to one polarity, fewer than half, the device switches, in words."""
    legs = [w.events[:, k, 0] for w in waves for k, p in enumerate(w.polarities) if p == polarity]
    rises = np.concatenate([*legs, np.zeros(0)])
    count = int(np.count_nonzero(np.isfinite(rises)))
    return f"hardly ever switch ({count} of {len(rises)})" if count else "never switch"


def _scatter(rng: np.random.Generator | None) -> Callable[[float], float]:
    """Log-normal factors of given widths; 1 without random numbers."""
    return lambda sigma: 1.0 if rng is None else float(np.exp(sigma * rng.normal()))


def _kinetics(
    f: _Features, draw: Callable[[float], float], shared: dict[str, float], tail: str
) -> dict[str, float]:
    """Rates of one polarity that put V_th about where it was measured."""
    # Kinetics a hundred times as fast as the sweep: a loop that opens and closes within it.
    rate, beta, alpha = 100.0 / f.duration, shared["beta"], shared["alpha"]
    gamma1, gamma2 = rate * draw(1.0), rate * draw(1.0)
    # Growth mu whose steady state ceases at 0.85 V_th: mu V = decay f (1 + alpha - f) has no root beyond f = 1/2.
    fold = (gamma1 + beta) * (1 + alpha) ** 2 / (4 * (1 + beta / gamma2)) / (0.85 * f.v_th)
    hold = f.v_release if np.isfinite(f.v_release) else 0.3 * f.v_th
    gamma3 = 1.5 * rate * draw(1.0)
    values = {"mu": fold * draw(0.1), "gamma1": gamma1, "gamma2": gamma2, "gamma3": gamma3}
    values["theta"] = gamma3 / (max(hold, 0.02 * f.v_th) * draw(0.7))
    values["r_off"] = f.r_off if np.isfinite(f.r_off) else 1e10
    return {n + tail: v for n, v in values.items()}


def _diffusive(waves: Sequence[Waveform], floor: float, device: mj.AbstractDevice) -> Guess:
    """Guess for `DiffusiveMemristor`: which polarities switch decides what is free."""
    plus, minus = _features(waves, 1, floor), _features(waves, -1, floor)
    switching = [f for f in (plus, minus) if f is not None and np.isfinite(f.v_th)]
    if not switching:
        what = f"no sweep switches: {waves[0].thresholds}"
        allowed = "volatile threshold switching in at least one polarity"
        fix = "check the columns and units with 'memjax read', or say --on-threshold"
        raise DataError(what, allowed=allowed, fix=fix)
    first, sided = switching[0], ["mu", "gamma1", "gamma2", "theta", "gamma3", "r_off"]
    only_minus = plus is None or not np.isfinite(plus.v_th)
    parts: list[tuple[_Features, str]] = [(first, "")]
    free = ["alpha", "lam", "r_on", "beta", *sided]
    fixed: dict[str, float] = {}
    notes = []
    stays_on = [f for f in (plus, minus) if f is not None and f.stays_on]
    if len(switching) == 2 or stays_on:
        # Where one polarity is never seen to close the channel, it begins as the other does.
        second = switching[1] if len(switching) == 2 else first
        parts.append((second, _NEG))
        free += [n + _NEG for n in sided]
        notes.append("both polarities switch: kinetics and r_off are fitted for each")
    elif minus is not None and not only_minus:
        fixed = {"mu_neg": 0.0, "theta_neg": 0.0, "r_off_neg": minus.r_off}
        free.append("r_off_neg")
        text = f"negative sweeps {_how_often(waves, -1)}: one-sided device"
        notes.append(f"{text}, mu_neg = theta_neg = 0")
    elif only_minus and plus is not None:
        text = "only the negative polarity is fitted, growth acts on both"
        notes.append(f"positive sweeps {_how_often(waves, 1)}: {text}")

    def start(rng: np.random.Generator | None) -> dict[str, float]:
        draw = _scatter(rng)
        r_on = first.r_on if np.isfinite(first.r_on) else 1e5
        shared = {"alpha": 0.02 * draw(0.8), "lam": 0.5 * draw(0.5), "r_on": r_on * draw(0.3)}
        shared["beta"] = 60.0 / first.duration * draw(1.0)
        values = dict(shared)
        for f, tail in parts:
            values |= _kinetics(f, draw, shared, tail)
        return values | {k: v for k, v in fixed.items() if k in free}

    return Guess(
        device=mj.params.replace(device, _inside(device, fixed | start(None)), numpy=True),
        free=tuple(free),
        scatter=lambda rng: _inside(device, start(rng)),
        notes=tuple(notes),
    )


def _inside(device: mj.AbstractDevice, values: dict[str, float]) -> dict[str, float]:
    """Values moved a little way inside their bounds; a lower bound of 0 may be meant."""
    specs, out = parameter_specs(device), {}
    for name, value in values.items():
        lower, upper = specs[name].bounds
        margin = 1e-9 * (upper - lower) if np.isfinite(upper - lower) else 0.0
        ends = (lower * 1.001, upper / 1.001) if lower > 0 else (lower + margin, upper - margin)
        if specs[name].narrowed:
            out[name] = within(specs[name], value)
        else:
            out[name] = value if value == lower <= 0 else float(min(max(value, ends[0]), ends[1]))
    return out


def _stands_reversed(shape: Loops, device: mj.AbstractDevice) -> bool:
    """Whether a device that keeps its state sets at the polarity at which the loops reset."""
    return not device.volatile and shape.sets_at * polarity_of(device, shape.v) < 0


def _scaled(shape: Loops, device: mj.AbstractDevice, shown: Mapping[str, float]) -> Guess:
    """Guess from the sizes of the loops, and from the values in `shown`, which are better known."""
    names = tuple(dict.fromkeys((*free_of(device), *shown)))
    typical = sizes(device, names, shape)

    def start(rng: np.random.Generator | None) -> dict[str, float]:
        draw = _scatter(rng)
        known = {n: x * draw(0.5) for n, x in shown.items()}
        return _at_off(device, _inside(device, draw_values(typical, rng) | known), shape)

    return Guess(
        device=mj.params.replace(device, start(None), numpy=True),
        free=names,
        scatter=start,
        notes=hints_of(device, shape.slope),
        reversed=_stands_reversed(shape, device),
    )


def _at_off(device: mj.AbstractDevice, values: dict[str, float], shape: Loops) -> dict[str, float]:
    """Values at which a volatile device whose resistances have one scale begins with the high one of the loops.

    What multiplies the scale, such as a tunnelling factor, may be many decades: the data say nothing of it alone.
    """
    specs = parameter_specs(device)
    scales = [n for n in values if specs[n].unit == "ohm"]
    if not (isinstance(device, mj.AbstractOhmicDevice) and device.volatile and len(scales) == 1):
        return values
    env = mj.Environment()
    begun = mj.params.replace(device, values, numpy=True)
    at_rest: Any = begun.resistance(begun.initial(env), np.zeros(()), env)  # pyright: ignore[reportArgumentType]
    factor = shape.r_off / float(at_rest)
    return _inside(device, values | {scales[0]: values[scales[0]] * factor})


def hints_of(device: mj.AbstractDevice, slope: float) -> tuple[str, ...]:
    """What the slope of the voltage over the current at the highest currents [ohm; NaN: no line] may mean, in words."""
    if isinstance(device, mj.AbstractOhmicDevice) or not slope > 0:
        return ()
    text = f"at the highest currents the voltage rises by {slope:.3g} V per A: where some of these "
    return (text + f"{slope:.3g} ohm stand in series, say so with --series-resistance",)


def _learned(shape: Loops, waves: Sequence[Waveform], floor: float, device: Any) -> Guess:
    """Guess of a device with learned functions: branches of the data, and rates that rise to either side."""
    values, scatter = learned_values(waves, floor, shape)
    functions = learned_functions(device).values()
    second = ("share", "lag") if device.order == 2 else ()
    return Guess(
        device=mj.params.replace(device, values, numpy=True),
        free=(*(n for nodes in functions for n in nodes), "p", "n", "x0", *second),
        scatter=scatter,
    )


def _corrected(waves: Sequence[Waveform], floor: float, device: AbstractCorrectedDevice) -> Guess:
    """Guess of a model with learned corrections: that of the model, and no correction."""
    of_model = guess(waves, floor=floor, device=device.base)
    values = {n: get(of_model.device, n) for n in parameter_specs(device.base)}
    values = {n: x for n, x in values.items() if stored(of_model.device, n) is not None}
    values |= correction_values(waves, floor, reversed=of_model.reversed)
    nodes = [n for nodes in device.functions.values() for n in nodes]
    corrected = mj.params.replace(device, values, numpy=True)
    return replace(of_model, device=corrected, free=(*of_model.free, *nodes))


def needs_loops(device: mj.AbstractDevice | mj.Circuit, free: Sequence[str] | None) -> bool:
    """Whether starting values of a device depend on its data, and not on its own values alone."""
    if isinstance(device, AbstractCorrectedDevice):
        return True
    special = isinstance(device, mj.Circuit) or device.name in ("diffusive", "yakopcic")
    names = dict.fromkeys([*(free or ()), *free_of(device)])
    return special or not device.volatile or any(depends_on_loops(device, n) for n in names)


def _yakopcic(shape: Loops, waves: Sequence[Waveform], device: mj.AbstractDevice) -> dict:
    """Factors of `Yakopcic`: both branches of both polarities are currents of the form a sinh(b v)."""
    names = {
        (1, True): ("a1", "b"),
        (-1, True): ("a2", "b_neg"),
        (1, False): ("a_off", "b_off"),
        (-1, False): ("a_off_neg", "b_off_neg"),
    }
    side, shown = -1 if _stands_reversed(shape, device) else 1, {}
    for (sign, on), branch in sinh_branches(waves).items():
        shown |= dict(zip(names[side * sign, on], branch, strict=True))
    return shown


def _langevin_chain(shape: Loops, device: mj.LangevinChain) -> dict[str, float]:
    """Rates of `LangevinChain`: particles leave their well within a sweep, and cross the gap of 2 within a polarity.

    Where they are spread evenly, N + 1 gaps are left of one, which says how far tunnelling reaches.
    """
    # A polarity lasts half a sweep, and its mean voltage is half of the highest.
    drift = 8 / (shape.v * shape.duration)
    # Well and pins share what half of the highest voltage overcomes; a well of depth w pulls with w/l e^-0.5 at most.
    pull = drift * shape.v / 4
    gaps = device.particles + 1
    reach = 2 * (1 - 1 / gaps) / np.log(gaps * shape.r_off / shape.r_on)
    well = pull * float(device.l) * np.exp(0.5)
    return {"q": drift, "w": well, "p": pull, "lam": float(reach)}


def guess(
    waves: Sequence[Waveform], *, floor: float, device: mj.AbstractDevice | mj.Circuit
) -> Guess:
    """Starting values of a device or circuit for waveforms, and the noise floor of these [A].

    The device holds values of what the data say nothing about. Of a circuit what is free are the parameters of its
    devices, not of what is around, at their own values; for other devices see `fitting.sweeps.loops`.
    """
    if isinstance(device, mj.Circuit):
        devices = tuple(n for n in free_of(device) if n.partition(".")[0] in device.devices)
        note = "a circuit starts from its own values; parameters of its devices are fitted"
        return Guess(device=device, free=devices, scatter=lambda rng: {}, notes=(note,))
    if isinstance(device, AbstractCorrectedDevice):
        return _corrected(waves, floor, device)
    if device.name == "diffusive":
        return _diffusive(waves, floor, device)
    shape = loops(waves, floor)
    if learned_functions(device):
        return _learned(shape, waves, floor, device)
    shown = _yakopcic(shape, waves, device) if device.name == "yakopcic" else {}
    if isinstance(device, mj.LangevinChain):
        shown = _langevin_chain(shape, device)
    return _scaled(shape, device, shown)


def starts(
    origin: Guess,
    free: Sequence[str],
    *,
    device: mj.AbstractDevice | mj.Circuit | DeviceOnBench,
    center: Float[np.ndarray, " free"],
    count: int,
    seed: int,
) -> Float[np.ndarray, "count free"]:
    """Unconstrained coordinates of so many starts, the first being the guess, the others scattered about it.

    Free parameters outside the guess are scattered by the prior's width over two; `center` are the coordinates of
    `device`, the start.
    """
    rng, specs = np.random.default_rng(seed), parameter_specs(device)
    out, scattered = np.tile(center, (count, 1)), set[str]()
    for k in range(1, count):
        values = origin.scatter(rng)
        scattered = set(values)
        offsets = PRIOR_SIGMA / 2 * rng.normal(size=len(free))
        out[k] = [values.get(n, c + x) for n, c, x in zip(free, center, offsets)]
    for j, n in enumerate(free):
        if n in scattered:  # in the parameter's unit as yet
            out[1:, j] = from_spec(specs[n]).forward(out[1:, j])
    first = near(count)
    middle = (first + count) // 2
    out[first:middle] = center + _FURTHER * (out[first:middle] - center)
    states = initial_states(device)
    ends = {n for n in states if isinstance(from_spec(specs[n]), Logit | LogLogit)}
    at = [j for j, n in enumerate(free) if n in ends]
    out[middle:, at] *= -1  # a logit is 0 in the middle
    return out


def near(count: int) -> int:
    """How many of so many starts lie about the guess: those that do not come last."""
    return count if count < _FEWEST else count - count // 2
