"""What is not physical in a measurement: jumps of single points, sizes that no device has, swapped columns."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from .row_checks import lines_of

_SIDE, _LONG_SIDE = 2, 4
"""Points on either side that a single one is compared with: where it lies above them, and where it lies below."""

_JUMP = 100.0
"""Factor by which a single point has to lie above, or below, all of these."""

_STILL = 0.05
"""Share of the range of the voltage within which it counts as constant from one point to the next."""

_ALIKE = 1.5
"""Factor within which the points around a drop have to lie: where they scatter more it may be noise that crosses 0."""

_NEAR_ZERO = 0.05
"""Share of the largest voltage below which a current may cross 0."""

_STRAY = 0.35
"""Share of the range of all others by which a conductance has to differ from both neighbours, to the same side."""

_LAST, _EVEN, _FAR = 5, 1.5, 3.0
"""Last points that may be none; factor within which the steps of a staircase agree; and by which theirs are larger."""

_LEAST_RESISTANCE, _MOST_RESISTANCE = 0.1, 1e14
"""Resistances below, and above, which most points lie only where columns are swapped or a unit is wrong [ohm]: a short
piece of wire, and 10 fA at 1 V."""

_LEAST_SWEPT, _LEAST_VOLTAGE, _MOST_VOLTAGE = 0.025, 1e-3, 1e4
"""Voltages [V]: the thermal one, kT/q, below which a sweep shows no more than a resistance; the offset of a source; and
what no bench applies to such a device."""

_LEAST_CURRENT, _MOST_CURRENT = 1e-15, 100.0
"""Currents [A] that no source-measure unit resolves, and that no such device carries."""

_LEAST_STEP, _LONGEST = 1e-12, 1e9
"""Times [s]: the step of no oscilloscope, and thirty years."""


@np.errstate(all="ignore")  # a quotient or a step of wild numbers may overflow
def single_jumps(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, " points"],
    sweep: Int[np.ndarray, " points"],
) -> Bool[np.ndarray, " points"]:
    """Points whose current is decades away from that of the points around, at a voltage that does not change.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        Voltage [V] and current [A].
    sweep : Int[np.ndarray, "points"]
        Label of the sweep of each point.

    Returns
    -------
    Bool[np.ndarray, "points"]
        Where it is so.

    Notes
    -----
    A point counts that is 100 times above the two points on either side of it, or 100 times below the four on either
    side where these agree within a factor of 1.5 and the voltage is not near 0: noise about 0, and the zero of a loop,
    are no jumps. None of the measured files at hand has such a point.
    """
    jumps = np.zeros(len(v), bool)
    for side, above in ((_SIDE, True), (_LONG_SIDE, False)):
        if len(v) > 2 * side:
            jumps[side : len(v) - side] |= _jumps(v, i, sweep, side, above=above)
    return jumps


def _jumps(v, i, sweep, side: int, *, above: bool) -> Bool[np.ndarray, " inner"]:
    """Points that have so many on either side, and lie above all of them, or below."""
    width = 2 * side + 1
    volts, amps, labels = (
        np.lib.stride_tricks.sliding_window_view(x, width) for x in (v, i, sweep)
    )
    around = np.delete(np.arange(width), side)
    here, others = np.abs(amps[:, side]), np.abs(amps[:, around])
    highest, lowest = others.max(axis=1), others.min(axis=1)
    one_sweep = np.all(labels == labels[:, [side]], axis=1)
    steps = np.abs(volts[:, [side - 1, side + 1]] - volts[:, [side]]).max(axis=1)
    still = one_sweep & (steps <= _STILL * np.ptp(v)) & (lowest > 0)
    if above:
        return still & (here > _JUMP * highest)
    one_sign = np.abs(np.sign(amps[:, around]).sum(axis=1)) == 2 * side
    off_zero = np.abs(volts).min(axis=1) > _NEAR_ZERO * np.abs(v).max()
    alike = one_sign & (highest < _ALIKE * lowest) & off_zero
    return still & alike & (_JUMP * here < lowest)


@np.errstate(all="ignore")
def size_remarks(
    v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"], *, driven: str = "voltage"
) -> list[str]:
    """Describe voltages and currents that are no device's: swapped columns, a wrong unit.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        Voltage [V] and current [A].
    driven : {"voltage", "current"}
        What the source imposed: the voltage that a current leaves may be as small as it likes.
    """
    remarks = []
    both = (v != 0) & (i != 0)
    if np.any(both):
        r = float(np.median(np.abs(v[both] / i[both])))
        if r < _LEAST_RESISTANCE:
            remarks.append(
                f"half of the points are below {r:.2g} ohm: are voltage and current swapped, or is a unit wrong?"
            )
    least = _least_voltage(v) if driven == "voltage" else 0.0
    remarks += _out_of_range("voltage", v, least, _MOST_VOLTAGE, "V")
    remarks += _out_of_range("current", i, _LEAST_CURRENT, _MOST_CURRENT, "A")
    if np.min(v) >= 0 and has_both_signs(i) and len(np.unique(v)) > 2:
        remarks.append(
            "the voltage is never negative though the current has both signs: is it a modulus, or that of the current?"
        )
    return remarks


def _least_voltage(v: Float[np.ndarray, " points"]) -> float:
    """Voltage below which all of a column is no source's [V]: of a sweep more than of a reading at one voltage."""
    sweeps = len(np.unique(v)) > 2 and np.ptp(v) > 0.5 * np.max(np.abs(v))
    return _LEAST_SWEPT if sweeps else _LEAST_VOLTAGE


def _out_of_range(name: str, x: np.ndarray, least: float, most: float, unit: str) -> list[str]:
    """Describe a column whose largest modulus no bench would have; nothing is said of zeros alone."""
    largest = float(np.max(np.abs(x), initial=0.0))
    if 0 < largest < least:
        return [f"no {name} is above {largest:.3g} {unit}: is its unit right?"]
    return [f"a {name} of {largest:.3g} {unit}: is its unit right?"] if largest > most else []


@np.errstate(all="ignore")
def resistance_remarks(r: Float[np.ndarray, " readings"]) -> list[str]:
    """Describe resistances [ohm] that are no device's; those that are no numbers are left out."""
    known = r[np.isfinite(r)]
    middle = float(np.median(known)) if known.size else 1.0
    if _LEAST_RESISTANCE <= middle <= _MOST_RESISTANCE:
        return []
    side = "below" if middle < _LEAST_RESISTANCE else "above"
    return [f"half of the resistances are {side} {middle:.2g} ohm: is the unit right?"]


@np.errstate(all="ignore")
def time_remarks(t: Float[np.ndarray, " rows"] | None) -> list[str]:
    """Describe times [s] that no clock of a bench shows."""
    if t is None or len(t) < 2:
        return []
    steps = np.abs(np.diff(t))
    span, step = float(np.ptp(t)), float(np.median(steps[steps > 0])) if np.any(steps) else 1.0
    if step < _LEAST_STEP:
        return [f"half of the steps of the time are below {step:.2g} s: is its unit right?"]
    return [f"the time spans {span:.2g} s: is its unit right?"] if span > _LONGEST else []


def has_both_signs(x: Float[np.ndarray, " points"]) -> bool:
    """Whether a quantity is positive and negative, in a tenth of the points each, and as far to either side."""
    share = min(np.mean(x > 0), np.mean(x < 0))
    low, high = float(-np.min(x)), float(np.max(x))
    return bool(share >= 0.1 and low > 0 and 0.1 < high / low < 10)


def jump_remarks(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, " points"],
    sweep: Int[np.ndarray, " points"],
    lines: Sequence[int] | Int[np.ndarray, " points"],
) -> list[str]:
    """Describe `single_jumps`; `lines` are those of the file."""
    at = np.asarray(lines)[single_jumps(v, i, sweep)].tolist()
    if not at:
        return []
    return [
        f"the current of {len(at)} single point{'s' * (len(at) > 1)} lies decades away from those around at the same "
        f"voltage: {lines_of(at)}"
    ]


@np.errstate(all="ignore")
def odd_conductances(g: Float[np.ndarray, "cycles points"]) -> list[str]:
    """Describe single conductances after a pulse that lie far from the ones before and behind.

    Parameters
    ----------
    g : Float[np.ndarray, "cycles points"]
        Conductance [S].
    """
    remarks = []
    for cycle, row in enumerate(g):
        for k in _strays(row):
            remarks.append(
                f"the conductance of point {k} of cycle {cycle}, {row[k]:.4g} S, lies far from those before and behind"
            )
    return [
        *remarks[:3],
        *([f"and {len(remarks) - 3} more such points"] if len(remarks) > 3 else []),
    ]


def _strays(row: Float[np.ndarray, " points"]) -> list[int]:
    """Inner points that differ from both neighbours by a share of the range of all other points, to the same side."""
    if len(row) < 5:
        return []
    steps = np.diff(row)
    turn = np.flatnonzero(steps[1:] * steps[:-1] < 0) + 1
    size = np.minimum(np.abs(steps[turn - 1]), np.abs(steps[turn]))
    likely = turn[size > 0.2 * np.ptp(row)]
    return [
        k for k in likely.tolist()
        if min(abs(steps[k - 1]), abs(steps[k])) > _STRAY * np.ptp(np.delete(row, k))
    ]  # fmt: skip


@np.errstate(all="ignore")
def end_remarks(
    v: Float[np.ndarray, " points"], lines: Sequence[int] | Int[np.ndarray, " points"]
) -> list[str]:
    """Describe last points at which the voltage leaves its staircase: they may be no part of the table.

    Parameters
    ----------
    v : Float[np.ndarray, "points"]
        Voltage [V].
    lines : sequence of int
        Lines of the file.
    """
    steps = np.abs(np.diff(v))
    body = steps[:-_LAST]
    if len(body) < 4 * _LAST or not 0 < np.max(body) < _EVEN * np.median(body):
        return []
    far = np.flatnonzero(steps[-_LAST:] > _FAR * np.max(body)) + len(body) + 1
    # An instrument may return to 0 V with its last point.
    far = far[~((far == len(v) - 1) & (v[far] == 0))]
    if not far.size:
        return []
    at = lines_of(np.asarray(lines)[far].tolist())
    return [
        f"the voltage steps by up to {np.max(steps[-_LAST:]):.3g} V, where it steps by {np.median(body):.3g} V before: "
        f"{at}; is it a footer?"
    ]
