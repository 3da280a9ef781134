"""Sources of a deck of SPICE as a stimulus: PULSE, PWL and SIN of voltage and current sources."""

import re
import warnings
from pathlib import Path

import numpy as np

from ..errors import MemjaxWarning, StimulusError
from ..runtime.documents import last_bare_value, printable, read_text
from ..stimulus import Sampled

SUFFIXES = (".cir", ".sp", ".net", ".spice", ".ckt")
"""Suffixes of decks."""

_FACTORS = {
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
}
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(t|g|meg|mil|k|m|u|n|p|f)?[a-z]*$")
_SOURCE = re.compile(r"([vi]\S+)\s+\S+\s+\S+\s+.*?(pulse|pwl|sin|sine)\s*\(([^)]*)\)")
_PERIOD = 400
"""Samples of a period of a sine."""

_MOST = 1_000_000
"""Samples of one source."""


def load_sources(path: str | Path) -> dict[str, Sampled]:
    """Waveforms of the sources of a deck, until the end of its transient analysis.

    Parameters
    ----------
    path : str or Path
        A deck with ``PULSE(v1 v2 td tr tf pw per)``, ``PWL(t v ...)`` or ``SIN(vo va freq td theta)``, and ``tran``.

    Returns
    -------
    dict of str to Sampled
        By the name of the source in small letters; a source with another waveform is not among them.

    Raises
    ------
    StimulusError
        If there is none, a number is none, or no time says where a periodic one ends.
    """
    where = str(path)
    try:
        text = read_text(path).lower()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StimulusError(f"cannot be read ({reason})", where=printable(where)) from None
    if (last := last_bare_value(text)) and last != ".end":
        warnings.warn(
            f"{where} ends without .end and a line end: its last value, {last:.40}, may be cut",
            MemjaxWarning, stacklevel=2,
        )  # fmt: skip
    lines = re.sub(r"\n\s*\+", " ", text).splitlines()
    times = [m for x in lines[1:] if (m := re.match(r"\s*\.?tran\s+(\S+)\s+(\S+)", x))]
    end = _number(times[-1][2], where) if times else None
    sources = {}
    for line in lines[1:]:
        if m := _SOURCE.match(line.strip()):
            numbers = [_number(x, where) for x in re.split(r"[\s,]+", m[3].strip()) if x]
            t, u = _SHAPES[m[2]](numbers, end, f"{where}, {m[1]}")
            sources[m[1]] = Sampled(t, u, quantity="voltage" if m[1][0] == "v" else "current")
    if not sources:
        raise StimulusError(
            "no source", where=where, allowed="a deck with PULSE, PWL or SIN at a source"
        )
    return sources


def _number(text: str, where: str) -> float:
    """A number with a factor of SPICE: 10u, 3meg."""
    m = _NUMBER.match(text)
    if not m or m[2] == "mil":
        raise StimulusError(
            f"{text[:40]!r}", where=where, allowed="a number such as 10u or 1e-5, no parameter"
        )
    return float(m[1]) * _FACTORS.get(m[2] or "", 1.0)


def _ended(end: float | None, where: str) -> float:
    """End of the transient analysis [s]."""
    if end is None or not end > 0:
        raise StimulusError("no end", where=where, allowed="a line 'tran STEP END', or PWL")
    return end


def _pwl(x: list[float], end: float | None, where: str) -> tuple[np.ndarray, np.ndarray]:
    t, u = (
        np.array(x[: len(x) // 2 * 2], float).reshape(-1, 2).T
        if len(x) > 1
        else (np.zeros(0), np.zeros(0))
    )
    if len(x) % 2 or not len(t) or not np.all(np.diff(t) > 0) or t[0] < 0:
        raise StimulusError(
            "PWL", where=where, allowed="pairs of time and value, times ascending from 0 or later"
        )
    if t[0] > 0:
        t, u = np.append(0.0, t), np.append(u[0], u)
    return (np.append(t, end), np.append(u, u[-1])) if end is not None and end > t[-1] else (t, u)


def _pulse(x: list[float], end: float | None, where: str) -> tuple[np.ndarray, np.ndarray]:
    if len(x) < 2:
        raise StimulusError("PULSE", where=where, allowed="v1 v2 td tr tf pw per")
    stop = _ended(end, where)
    low, high, delay, rise, fall, width, period = (
        *x[:7],
        *(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)[len(x[:7]) :],
    )[:7]
    rise, fall = rise or 1e-3 * stop / 50, fall or 1e-3 * stop / 50
    width, period = width or stop, period or 2 * stop
    count = int(min(np.ceil(max(stop - delay, 0.0) / period), _MOST // 4))
    if len(x) > 7 and x[7] > 0:
        count = min(count, int(x[7]))
    start = delay + period * np.arange(count)[:, None]
    t = (start + np.array([0.0, rise, rise + width, rise + width + fall])).reshape(-1)
    u = np.tile([low, high, high, low], count)
    grid = np.unique(np.concatenate([[0.0, stop], t[t < stop]]))
    return grid, np.interp(grid, t, u) if count else np.full(grid.shape, low)


def _sine(x: list[float], end: float | None, where: str) -> tuple[np.ndarray, np.ndarray]:
    if len(x) < 2:
        raise StimulusError("SIN", where=where, allowed="vo va freq td theta")
    stop = _ended(end, where)
    offset, amplitude, frequency, delay, theta = (*x[:5], *(0.0, 0.0, 0.0, 0.0, 0.0)[len(x[:5]) :])[
        :5
    ]
    frequency = frequency or 1 / stop
    t = np.linspace(0.0, stop, int(min(max(_PERIOD * frequency * stop, _PERIOD), _MOST)) + 1)
    since = np.maximum(t - delay, 0.0)
    return t, offset + amplitude * np.exp(-theta * since) * np.sin(2 * np.pi * frequency * since)


_SHAPES = {"pwl": _pwl, "pulse": _pulse, "sin": _sine, "sine": _sine}
