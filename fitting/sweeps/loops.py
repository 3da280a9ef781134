"""Starts for a model of which nothing special is known: what the loops show, scaled by the units of its parameters."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares

import memjax as mj
from memjax.core.fields import ParameterSpec, parameter_specs, stored
from memjax.data.sweeps import is_pulsed

from ..residuals import MEDIAN, scatter_about_neighbours
from .summary import Waveform

_KNOWN = ("s", "V", "ohm", "A", "Hz")

LEVELS = (0.1, 0.9)
"""Shares of the largest applied value between which both ways of an excursion are compared: beyond, they meet."""

# Opening of a loop [decades], and over its standard deviation, up to which it says nothing of a polarity.
_OPEN, _SURE = 0.05, 3.0

# Share of the largest value of a pulse from which on a row is at its top.
_TOP = 0.9


@dataclass(frozen=True, kw_only=True)
class Loops:
    r"""Sizes that the sweeps show.

    Parameters
    ----------
    v : float
        Largest \|v\| [V].
    r_on, r_off : float
        Resistance that a tenth of the points lie below, and above [ohm].
    i_low, i_high : float
        Currents [A] between which nine tenths of the points lie.
    duration : float
        Time of a sweep [s].
    sets_at : int
        Polarity at which the conductance rises, against the other one; 0 where no loop says so.
    slope : float
        Slope of the voltage over the current at currents above half of the largest [ohm]; NaN where these are no line.
    """

    v: float
    r_on: float
    r_off: float
    i_low: float
    i_high: float
    duration: float
    sets_at: int
    slope: float


# Share of the variance of the voltage that a line explains, from which on points are one.
_LINE = 0.9


def loops(waves: Sequence[Waveform], floor: float) -> Loops:
    """What waveforms show, above a noise floor [A]."""
    sizes = [w.sizes(floor) for w in waves]
    v, i = (np.concatenate(x) for x in zip(*sizes, strict=True))
    noise_v, noise_i = (0.0, floor) if waves[0].driven == "voltage" else (floor, 0.0)
    clear = (v > max(0.02 * v.max(), noise_v)) & (i > noise_i)
    r_on, r_off = np.quantile(v[clear] / i[clear], [0.1, 0.9])
    i_low, i_high = np.quantile(i[clear], [0.05, 0.95])
    return Loops(
        v=float(v.max()),
        r_on=float(r_on),
        r_off=float(r_off),
        i_low=float(i_low),
        i_high=float(i_high),
        duration=float(np.median([w.rows[-1] for w in waves])),
        sets_at=_sets_at(waves, floor),
        slope=float(slopes(v, i[None])[0]),
    )


def slopes(
    v: Float[np.ndarray, " points"], i: Float[np.ndarray, "devices points"]
) -> Float[np.ndarray, " devices"]:
    """Slope of a modulus of the voltage over that of each current, above half of its largest [ohm].

    NaN where the points there are no line, as those of two branches or at a current limit are not, and where it is
    steeper than one from the origin: a resistance in series is less than the voltage over the current anywhere.
    """
    high = i > 0.5 * i.max(axis=1, keepdims=True)
    moves = i.max(axis=1) > np.min(np.where(high, i, np.inf), axis=1)
    count = np.count_nonzero(high, axis=1)[:, None]
    mean = lambda x: np.sum(np.where(high, x, 0.0), axis=1, keepdims=True) / count  # noqa: E731
    deviation = np.where(high, i - mean(i), 0.0)
    square = np.where(moves, np.sum(deviation**2, axis=1), np.nan)
    rise = np.where(high, v - mean(v), 0.0)
    both = np.sum(deviation * rise, axis=1)
    slope, share = both / square, both**2 / (square * np.maximum(np.sum(rise**2, axis=1), 1e-300))
    least = np.min(np.where(high, v / np.where(high, i, 1.0), np.inf), axis=1)
    return np.where((share > _LINE) & (slope <= least), slope, np.nan)


def branches(
    w: Waveform, curve: Float[np.ndarray, " points"] | None = None
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Both ways of each excursion at common levels of what is applied; `curve` is another log10 of a response.

    Yields polarity, levels [V or A], log10 of the response there on the way out, and on the way back.
    """
    log_x, size = w.median_log() if curve is None else curve, np.abs(w.v)
    for (begin, peak, end), sign in zip(w.legs, w.polarities, strict=True):
        ways = np.arange(begin, peak + 1), np.arange(peak, end)[::-1]
        if min(map(len, ways)) > 2:
            level = size[peak] * np.linspace(*LEVELS, 33)
            # np.interp takes ascending levels: where noise of what is applied steps back, they stay.
            there, back = (np.interp(level, np.maximum.accumulate(size[k]), log_x[k]) for k in ways)
            yield sign, level, there, back


def _opening(w: Waveform, floor: float) -> float:
    """Decades by which the conductance is higher on the way back, or rises in pulses, at positive less at negative.

    The mean over an excursion, not the median: a device that sets early has both ways in one state over most of it.
    Where both ways are nothing but noise, of a floor [A or V], it is closed.
    """
    # Under an imposed current a higher conductance is a lower voltage.
    higher = 1 if w.driven == "voltage" else -1
    if is_pulsed(w.v):
        changes = [sign * _change(w, leg) for leg, sign in zip(w.legs, w.polarities)]
    else:
        least = np.log10(_SURE * floor)
        changes = [
            sign * float(np.mean(np.where(np.maximum(there, back) > least, back - there, 0.0)))
            for sign, _, there, back in branches(w)
        ]
    return higher * sum(changes)


def _change(w: Waveform, leg: tuple[int, int, int]) -> float:
    """Decades by which the response rises under a pulse, from the first third of its rows to the last; 0 of fewer."""
    begin, peak, end = leg
    rows = np.flatnonzero(np.abs(w.v[begin:end]) >= _TOP * abs(w.v[peak]))
    third = len(rows) // 3
    x = w.median_log()[begin:end][rows]
    return float(np.median(x[-third:]) - np.median(x[:third])) if third else 0.0


def _variance(w: Waveform, leg: tuple[int, int, int]) -> float:
    """Variance of the opening of an excursion over that of a reading; 0 of an excursion that is too short for one."""
    begin, peak, end = leg
    if is_pulsed(w.v):
        # A median of n differences has 2/n of a reading's variance, times that of a median.
        few = min(peak - begin, end - peak)
        return MEDIAN**2 * 2 / few if few > 2 else 0.0
    variance = 0.0
    for rows in (slice(begin, peak + 1), slice(peak, end)):
        size = np.abs(w.v[rows])
        if len(size) > 2:
            # A mean over levels counts each row by its distance from its neighbours.
            low, high = (share * size.max() for share in LEVELS)
            inside = (size >= low) & (size <= high)
            weight = np.abs(np.gradient(size))[inside]
            variance += float(np.sum(weight**2) / max(np.sum(weight) ** 2, 1e-300))
    return variance


def branch_error(w: Waveform) -> float:
    """Standard deviation of a branch at one level [decades], from the scatter of points about their neighbours."""
    return scatter_about_neighbours(w.median_log())


def _sets_at(waves: Sequence[Waveform], floor: float) -> int:
    """Polarity at which the loops set; 0 where they open by less than noise may, or than a twentieth of a decade."""
    opening = sum(_opening(w, floor) for w in waves) / len(waves)
    square = sum(branch_error(w) ** 2 * sum(_variance(w, leg) for leg in w.legs) for w in waves)
    noise = np.sqrt(square) / len(waves)
    return int(np.sign(opening)) if abs(opening) > max(_OPEN, _SURE * noise) else 0


STRAIGHT = 0.1
"""Argument of sinh up to which it is a line to 0.2 %."""


def sinh_branches(waves: Sequence[Waveform]) -> dict[tuple[int, bool], tuple[float, float]]:
    """Factors a [A] and b [1/V] of currents a sinh(b v) that describe the loops.

    By polarity, and by whether it is the branch of the higher current. A line shows the product alone: its argument of
    sinh is `STRAIGHT` at the highest voltage.
    """
    out = {}
    driven = waves[0].driven
    for sign, level, there, back in (x for w in waves for x in branches(w)):
        for on in (True, False):
            if driven == "voltage":
                v, log_i = level, (np.maximum if on else np.minimum)(there, back)
            else:
                v, log_i = 10 ** (np.minimum if on else np.maximum)(there, back), np.log10(level)
            # In logarithms of both factors; soft: points on the other branch do not drag a and b along.
            miss = lambda z: _log_sinh(np.exp(z[1]) * v) + z[0] - log_i  # noqa: E731, B023
            best = least_squares(miss, [log_i[-1], np.log(1 / v[-1])], loss="soft_l1")
            a, b = 10 ** best.x[0], np.exp(best.x[1])
            curved = max(b, STRAIGHT / np.max(v))
            out[sign, on] = float(a * b / curved), float(curved)
    return out


def _log_sinh(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """log10(sinh(x)) of positive numbers, however large."""
    # Of small numbers expm1 keeps the digits, where 1 - exp(-2 x) is 0.
    return (x + np.log(-np.expm1(-2 * x)) - np.log(2)) / np.log(10)


def polarity_of(device: mj.AbstractDevice, v: float) -> int:
    """Polarity at which the conductance rises against the other one; 0 where it rises at both or none.

    A state half-way is looked at, at a voltage [V].
    """
    env = mj.Environment()
    initial = device.initial(env)
    ends = [
        device.project({s.name: jnp.full_like(initial[s.name], s.bounds[k]) for s in device.states})
        for k in (0, 1)
    ]
    # Half-way, where windows that close at the bounds leave every state free to move.
    middle = jax.tree.map(lambda a, b: 0.5 * (a + b), *ends)
    if not all(bool(jnp.all(jnp.isfinite(x))) for x in middle.values()):
        return 0
    zero, read = jnp.asarray(0.0), jnp.asarray(0.1 * v)

    def speed(volt):
        """Rate of the logarithm of the current at a low voltage, while another one acts [1/s]."""
        rate = device.drift(zero, middle, jnp.asarray(volt), env)
        i, di = jax.jvp(lambda s: device.current(zero, s, read, env), (middle,), (rate,))
        return float(di / i)

    up, down = speed(v), speed(-v)
    return int(np.sign(up - down)) if up * down <= 0 and up != down else 0


def _dimensions(unit: str) -> dict[str, float] | None:
    """Powers of s, V, ohm and A in a unit; None where it holds any other."""
    powers: dict[str, float] = {}
    above, _, below = unit.partition("/")
    for text, sign in ((above, 1), (below.strip("()"), -1)):
        for name, power in re.findall(r"([A-Za-z]+|1)(?:\^([\d.]+))?", text):
            if name not in (*_KNOWN, "1"):
                return None
            if name != "1":
                powers[name] = powers.get(name, 0.0) + sign * float(power or 1)
    return powers


def _is_share(spec: ParameterSpec) -> bool:
    return spec.unit == "1" and spec.declared[0] == 0 and spec.declared[1] <= 1


def _size(spec: ParameterSpec, default: float, shape: Loops, volts: float) -> tuple[float, float]:
    """Where a parameter starts [its unit], and over how many natural log units it scatters."""
    powers = _dimensions(spec.unit)
    if powers == {"ohm": 1.0}:
        return (shape.r_off if "off" in spec.name else shape.r_on), 0.7
    if powers == {"A": 1.0}:
        # A standard deviation to either side of the middle holds four fifths of the range, in logarithms.
        return float(np.sqrt(shape.i_low * shape.i_high)), 0.4 * np.log(shape.i_high / shape.i_low)
    if powers == {"V": 1.0}:
        return default * shape.v / volts, 0.7
    if powers and set(powers) <= {"s", "V", "Hz"}:
        time = powers.get("s", 0.0) - powers.get("Hz", 0.0)
        size = (shape.duration / 30) ** time * (shape.v / 3) ** powers.get("V", 0.0)
        return size, 2.5 * abs(time) + 0.7
    return default, 0.5


def sizes(
    device: mj.AbstractDevice, names: Sequence[str], shape: Loops
) -> dict[str, tuple[float, float, float | None]]:
    """Size of each parameter, width of its scatter [natural log units], and its upper bound where it is a share."""
    specs, out = parameter_specs(device), {}
    values = {n: float(mj.params.get(device, n)) for n in names}
    volts = max((abs(values[n]) for n in names if specs[n].unit == "V"), default=1.0)
    for name in names:
        spec = specs[name]
        lower, upper = spec.declared
        if _is_share(spec):
            share = (values[name] - lower) / (upper - lower)
            out[name] = (share if 0 < share < 1 else 0.5), 1.5, upper
        else:
            out[name] = *_size(spec, values[name], shape, volts), None
    return out


def depends_on_loops(device: mj.AbstractDevice | mj.Circuit, name: str) -> bool:
    """Whether the size of a parameter follows from what the sweeps show."""
    spec = parameter_specs(device)[name]
    return not _is_share(spec) and bool(_dimensions(spec.unit))


def draw_values(
    sizes: Mapping[str, tuple[float, float, float | None]], rng: np.random.Generator | None
) -> dict[str, float]:
    """Values of parameters of these sizes, scattered by the random numbers if there are any."""
    out = {}
    for name, (size, width, upper) in sizes.items():
        normal = 0.0 if rng is None else float(rng.normal())
        if upper is None:
            out[name] = size * float(np.exp(width * normal))
        else:
            out[name] = upper / (1 + (1 / size - 1) * np.exp(width * normal))
    return out


def free_of(device: mj.AbstractDevice | mj.Circuit) -> tuple[str, ...]:
    """Parameters that a fit varies where nothing special is known: all that have a value off their bounds."""
    values = [(s, stored(device, s.name)) for s in parameter_specs(device).values() if not s.noise]
    return tuple(
        s.name
        for s, x in values
        if x is not None and (_is_share(s) or s.bounds[0] < float(x) < s.bounds[1])
    )
