"""Starting values from what the sweeps show, and a scatter of starts around them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.errors import DataError
from memjax.fields import parameter_specs
from memjax.transforms import from_spec, within

from ..problem import PRIOR_SIGMA
from .loops import Loops, drawn, free_of, loops, polarity_of, sinh_branches, sizes
from .summary import Waveform

_NEG = "_neg"


@dataclass(frozen=True, kw_only=True)
class Guess:
    """Where a calibration starts.

    Parameters
    ----------
    device : AbstractDevice
        Starting values, and values of what is not fitted.
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

    def about(self, start: Mapping[str, float]) -> "Guess":
        """The same, whose further starts leave open what is given: it is scattered by the prior's width over two."""
        if not start:
            return self
        return replace(
            self, scatter=lambda rng: {n: x for n, x in self.scatter(rng).items() if n not in start}
        )


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the waveforms of one polarity show: voltages [V], resistances [ohm], duration [s]; NaN where not seen.

    Parameters
    ----------
    v_th, v_release, v_hold : float
        Median switching voltage, voltage at which the current falls below the on-threshold, hold
        voltage.
    r_on, r_off : float
        Median resistance of the on branch below the limit, and of the off branch at low voltage.
    duration : float
        Time of the sweep.
    """

    v_th: float
    v_release: float
    v_hold: float
    r_on: float
    r_off: float
    duration: float


def features(waves: Sequence[Waveform], polarity: int, floor: float) -> Features | None:
    """Features of the excursions to one polarity; None where there is none."""
    legs = [(w, k) for w in waves for k, p in enumerate(w.polarities) if p == polarity]
    if not legs:
        return None
    seen, on, off = [], [], []
    for w, k in legs:
        begin, peak, end = w.legs[k]
        size, i = w.sizes(floor)
        clear = (i if w.driven == "voltage" else size) > 3 * floor
        events = np.where(w.happened()[k], w.median_events()[k], np.nan)
        seen.append([size[int(np.ceil(e))] if np.isfinite(e) else np.nan for e in events])
        rise, release = events[0], events[1] if w.driven == "voltage" else events[2]
        rows = np.arange(len(size))
        dark = (rows >= begin) & (rows < (rise if np.isfinite(rise) else peak + 1))
        dark &= clear & (i > 0) & (size > 0.2 * np.max(size[dark], initial=0.0))
        off += list(size[dark] / i[dark])
        if np.isfinite(rise) and np.isfinite(release):
            lit = (rows > rise) & (rows < min(release - 1, end)) & ~w.censored & (i > 0)
            on += list(size[lit] / i[lit])
    middle = lambda x: float(np.nanmedian(x)) if np.isfinite(x).any() else np.nan  # noqa: E731
    v_th, v_release, v_hold = (middle(np.array(x)) for x in zip(*seen, strict=True))
    return Features(
        v_th=v_th,
        v_release=v_release,
        v_hold=v_hold,
        r_on=middle(np.array([*on, np.nan])),
        r_off=middle(np.array([*off, np.nan])),
        duration=float(np.median([w.rows[-1] / len(w.legs) for w, _ in legs])),
    )


def _fold(v_th: float, *, decay: float, beta: float, gamma2: float, alpha: float) -> float:
    """Growth mu whose steady state ceases at 0.85 V_th: mu V = decay f (1 + alpha - x) has no root beyond x = 1/2."""
    return decay * (1 + alpha) ** 2 / (4 * (1 + beta / gamma2)) / (0.85 * v_th)


def _kinetics(
    f: Features, rng: np.random.Generator | None, shared: dict[str, float], tail: str
) -> dict[str, float]:
    """Rates of one polarity that put V_th about where it was seen."""
    draw = lambda sigma: 1.0 if rng is None else float(np.exp(sigma * rng.normal()))  # noqa: E731
    rate = 100.0 / f.duration
    gamma1, gamma2 = rate * draw(1.0), rate * draw(1.0)
    mu = _fold(
        f.v_th,
        decay=gamma1 + shared["beta"],
        beta=shared["beta"],
        gamma2=gamma2,
        alpha=shared["alpha"],
    )
    hold = f.v_release if np.isfinite(f.v_release) else 0.3 * f.v_th
    gamma3 = 1.5 * rate * draw(1.0)
    values = {"mu": mu * draw(0.1), "gamma1": gamma1, "gamma2": gamma2, "gamma3": gamma3}
    values["theta"] = gamma3 / (max(hold, 0.02 * f.v_th) * draw(0.7))
    values["r_off"] = f.r_off if np.isfinite(f.r_off) else 1e10
    return {n + tail: v for n, v in values.items()}


def _diffusive(waves: Sequence[Waveform], floor: float, device: mj.AbstractDevice) -> Guess:
    """Guess for `DiffusiveMemristor`: which polarities switch decides what is free."""
    plus, minus = features(waves, 1, floor), features(waves, -1, floor)
    switching = [f for f in (plus, minus) if f is not None and np.isfinite(f.v_th)]
    if not switching:
        raise DataError(
            f"no sweep switches: {waves[0].thresholds}",
            allowed="volatile threshold switching in at least one polarity",
            fix="check the columns and units with 'memjax read', or say --on-threshold",
        )
    first = switching[0]
    only_minus = plus is None or not np.isfinite(plus.v_th)
    parts: list[tuple[Features, str]] = [(first, "")]
    free = ["alpha", "lam", "r_on", "beta", "mu", "gamma1", "gamma2", "theta", "gamma3", "r_off"]
    fixed: dict[str, float] = {}
    notes = []
    if minus is not None and not only_minus:
        if np.isfinite(minus.v_th):
            parts.append((minus, _NEG))
            free += [n + _NEG for n in ("mu", "gamma1", "gamma2", "theta", "gamma3", "r_off")]
            notes.append("both polarities switch: kinetics and r_off are fitted for each")
        else:
            fixed = {"mu_neg": 0.0, "theta_neg": 0.0, "r_off_neg": minus.r_off}
            free.append("r_off_neg")
            notes.append("negative sweeps never switch: one-sided device, mu_neg = theta_neg = 0")
    if only_minus and plus is not None:
        notes.append(
            "positive sweeps never switch: only the negative polarity is fitted, growth acts on both"
        )

    def start(rng: np.random.Generator | None) -> dict[str, float]:
        draw = lambda sigma: 1.0 if rng is None else float(np.exp(sigma * rng.normal()))  # noqa: E731
        r_on = first.r_on if np.isfinite(first.r_on) else 1e5
        shared = {"alpha": 0.02 * draw(0.8), "lam": 0.5 * draw(0.5), "r_on": r_on * draw(0.3)}
        shared["beta"] = 60.0 / first.duration * draw(1.0)
        values = dict(shared)
        for f, tail in parts:
            values |= _kinetics(f, rng, shared, tail)
        return values | {k: v for k, v in fixed.items() if k in free}

    values = start(None)
    return Guess(
        device=mj.params.replace(device, _inside(device, fixed | values)),
        free=tuple(free),
        scatter=lambda rng: _inside(device, start(rng)),
        notes=tuple(notes),
    )


def _inside(device: mj.AbstractDevice, values: dict[str, float]) -> dict[str, float]:
    """Values moved a little way inside their bounds."""
    specs = parameter_specs(device)
    out = {}
    for name, value in values.items():
        lower, upper = specs[name].bounds
        if specs[name].narrowed:
            out[name] = within(specs[name], value)
            continue
        margin = 1e-9 * (upper - lower) if np.isfinite(upper - lower) else 0.0
        ends = (lower * 1.001, upper / 1.001) if lower > 0 else (lower + margin, upper - margin)
        out[name] = value if value == lower <= 0 else float(min(max(value, ends[0]), ends[1]))
    return out


def _stands_reversed(found: Loops, device: mj.AbstractDevice) -> bool:
    """Whether a device that keeps its state sets at the polarity at which the loops reset."""
    return not device.volatile and found.sets_at * polarity_of(device, found.v) < 0


def _scaled(found: Loops, device: mj.AbstractDevice, shown: Mapping[str, float]) -> Guess:
    """Guess from the sizes that the loops show, and from `shown` where they say more."""
    names = tuple(dict.fromkeys((*free_of(device), *shown)))
    own = sizes(device, names, found)

    def draw(rng: np.random.Generator | None) -> dict[str, float]:
        known = {
            n: x * (1.0 if rng is None else np.exp(0.5 * rng.normal())) for n, x in shown.items()
        }
        return _inside(device, drawn(own, rng) | known)

    ohmic = isinstance(device, mj.AbstractOhmicDevice)
    hint = (
        f"at the highest currents the voltage rises by {found.slope:.3g} ohm: where some of it "
        "stands in series, say so with --series-resistance"
    )
    return Guess(
        device=mj.params.replace(device, draw(None)),
        free=names,
        scatter=draw,
        notes=() if ohmic or not found.slope > 0 else (hint,),
        reversed=_stands_reversed(found, device),
    )


def _generic(waves: Sequence[Waveform], floor: float, device: mj.AbstractDevice) -> Guess:
    """Guess for any other device, see `fitting.sweeps.loops`."""
    return _scaled(loops(waves, floor), device, {})


def _yakopcic(waves: Sequence[Waveform], floor: float, device: mj.AbstractDevice) -> Guess:
    """Guess for `Yakopcic`: both branches of both polarities are currents of the form a sinh(b v)."""
    names = {
        (1, True): ("a1", "b"),
        (-1, True): ("a2", "b_neg"),
        (1, False): ("a_off", "b_off"),
        (-1, False): ("a_off_neg", "b_off_neg"),
    }
    found, shown = loops(waves, floor), {}
    side = -1 if _stands_reversed(found, device) else 1
    for (sign, on), branch in sinh_branches(waves).items():
        shown |= dict(zip(names[side * sign, on], branch, strict=True))
    return _scaled(found, device, shown)


def _as_it_stands(circuit: mj.Circuit) -> Guess:
    """Guess for a circuit: its own values; what is free are the parameters of its devices, not of what is around."""
    devices = tuple(n for n in free_of(circuit) if n.partition(".")[0] in circuit.devices)
    note = "a circuit starts from its own values; parameters of its devices are fitted"
    return Guess(device=circuit, free=devices, scatter=lambda rng: {}, notes=(note,))


_GUESSES = {"diffusive": _diffusive, "yakopcic": _yakopcic}


def guess(
    waves: Sequence[Waveform], *, floor: float, device: mj.AbstractDevice | mj.Circuit
) -> Guess:
    """Starting values of a device or circuit for the given data, whose noise floor is given [A].

    The device holds values of what the data say nothing about.
    """
    if isinstance(device, mj.Circuit):
        return _as_it_stands(device)
    return _GUESSES.get(device.name, _generic)(waves, floor, device)


def starts(
    found: Guess,
    free: Sequence[str],
    *,
    device: mj.AbstractDevice | mj.Circuit,
    center: Float[np.ndarray, " free"],
    count: int,
    seed: int,
) -> Float[np.ndarray, "count free"]:
    """Unconstrained coordinates of so many starts, the first being the guess, the others scattered about it.

    Free parameters outside the guess are scattered by the prior's width over two; `center` are the coordinates of
    `device`, the start.
    """
    rng, specs = np.random.default_rng(seed), parameter_specs(device)
    out, scattered = np.tile(center, (count, 1)), np.zeros(len(free), bool)
    for k in range(1, count):
        values = found.scatter(rng)
        scattered = np.array([n in values for n in free])
        away = PRIOR_SIGMA / 2 * rng.normal(size=len(free))
        out[k] = [values.get(n, c + x) for n, c, x in zip(free, center, away)]
    for j, n in enumerate(free):
        if scattered[j]:
            out[1:, j] = from_spec(specs[n]).forward(out[1:, j])
    return out
