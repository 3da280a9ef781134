"""JSON of pulse measurements as published with arXiv-type repositories of one laboratory: Gset, Greset, V, W."""

from typing import Any, final

import numpy as np

from memjax.data.base import NAMED_COLUMNS, AbstractRecordReader, Source, Verdict, verdict
from memjax.data.pulse_record import RESET, SET, PulseProtocol, PulseRecord
from memjax.errors import ReaderError
from memjax.runtime.documents import parse_json

_MOST_VOLTAGE = 100.0
"""Of a pulse that programs a device, at most [V]."""

_NEEDED = ("Gset", "Greset", "repeats")
_SETTINGS = ("V", "W", "T", "n", "read_V", "R_s", "R_min", "min_risetime", "spp", "repeats")


@final
class PulseJsonReader(AbstractRecordReader):
    """One device per file: `Gset` and `Greset` hold all cycles one after the other.

    Notes
    -----
    These files store each cycle of `Greset` backwards; which way it runs is seen from which of its
    ends is the last reading of `Gset`.

    References
    ----------
    .. [1] https://github.com/ztill/TD_learning_on_memristors (files of memristor_data)
    """

    name = "pulse-json"
    description = "JSON with Gset, Greset, repeats and the pulses' V, W, T, read_V"

    def sniff(self, head: str) -> Verdict:
        """Sure of JSON that names a conductance per set pulse."""
        known = head.lstrip().startswith("{") and '"Gset"' in head
        return verdict(known, NAMED_COLUMNS, "JSON with the key Gset, a conductance per set pulse")

    def records(self, source: Source) -> tuple[PulseRecord, ...]:
        """The record of the file."""
        where = str(source.path)
        try:
            content: dict[str, Any] = parse_json(source.text)
            up, down = (_cycles(content, name, where) for name in ("Gset", "Greset"))
            protocol, protocol_remarks = _protocol(content, where)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ReaderError(
                f"no record of pulses: {type(error).__name__}: {error}",
                where=where,
                allowed=f"numbers under {', '.join(_NEEDED)}, and V, W, read_V",
            ) from error
        down, remarks = _forwards(up, down)
        remarks += protocol_remarks + _count_remarks(content, up, down)
        return (
            PulseRecord(
                device=source.path.stem,
                g=np.concatenate([up, down[:, 1:]], axis=1),
                kinds=np.repeat([SET, RESET], [up.shape[1] - 1, down.shape[1] - 1]),
                cycles=np.arange(len(up)),
                protocol=protocol,
                reader=self.name,
                source={
                    "file": where,
                    "sha256": source.sha256,
                    "settings": {k: content[k] for k in _SETTINGS if k in content},
                },
                warnings=remarks,
            ),
        )


def _cycles(content: dict[str, Any], name: str, where: str) -> np.ndarray:
    """Conductances of one branch, cycle by cycle."""
    repeats, values = content["repeats"], content[name]
    if not _is_number(repeats) or repeats != round(repeats) or repeats < 1:
        raise ReaderError(f"repeats = {repeats!r:.40}", where=where, allowed="a whole number >= 1")
    if not isinstance(values, list) or not all(map(_is_number, values)):
        raise ReaderError(
            f"{name} holds no plain numbers", where=where, allowed="a list of numbers"
        )
    repeats = int(repeats)
    if len(values) % repeats or len(values) < 2 * repeats:
        raise ReaderError(
            f"{name} of {len(values)} values for {repeats} repeats", where=where,
            allowed="whole cycles of at least 2 values",
        )  # fmt: skip
    return np.array(values, float).reshape(repeats, -1)


def _is_number(x: Any) -> bool:
    """Whether it is a number that a float holds."""
    return isinstance(x, int | float) and not isinstance(x, bool) and abs(x) < 1e300


def _protocol(content: dict[str, Any], where: str) -> tuple[PulseProtocol, tuple[str, ...]]:
    """Pulses and reading, and what the file does not say of them."""
    volts, widths = (_pair(content, n, where) for n in ("V", "W"))
    period, read = content.get("T"), content["read_V"]
    longest = max(widths)
    wrong = {
        f"V = {volts}": volts[0] * volts[1] < 0 and max(map(abs, volts)) <= _MOST_VOLTAGE,
        f"W = {widths}": min(widths) > 0,
        f"read_V = {read!r:.40}": _is_number(read) and 0 < abs(read) < max(map(abs, volts)),
        f"T = {period!r:.40}": period is None or (_is_number(period) and period >= longest),
    }
    if what := next((name for name, fine in wrong.items() if not fine), ""):
        raise ReaderError(
            what, where=where,
            allowed=f"V of two signs up to {_MOST_VOLTAGE:g} V, W > 0 s, |read_V| below |V| and not 0, T of at least W",
        )  # fmt: skip
    protocol = PulseProtocol(
        voltages=volts, widths=widths, period=None if period is None else float(period),
        read_voltage=float(read),
    )  # fmt: skip
    return protocol, ("no T: the time from pulse to pulse is not known",) * (period is None)


def _pair(content: dict[str, Any], name: str, where: str) -> tuple[float, float]:
    """Two numbers: of set and of reset."""
    value = content[name]
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
        raise ReaderError(
            f"{name} = {value!r:.40}", where=where, allowed="two numbers: of set and of reset"
        )
    return float(value[0]), float(value[1])


def _count_remarks(content: dict[str, Any], up: np.ndarray, down: np.ndarray) -> tuple[str, ...]:
    """Describe counts of pulses in the file that are not those of its conductances."""
    counts = [up.shape[1] - 1, down.shape[1] - 1]
    stated = content.get("n", counts)
    if stated == counts:
        return ()
    return (f"n = {stated!r:.40} where the conductances are those of {counts} pulses a cycle",)


def _forwards(up: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Reset branches in the order of time, and what was assumed."""
    if len(up) != len(down):
        raise ReaderError(
            f"{len(up)} cycles of Gset, {len(down)} of Greset", allowed="as many of either"
        )
    first, last = (float(np.mean(np.abs(down[:, k] - up[:, -1]))) for k in (0, -1))
    warnings = (
        () if 0.0 in (first, last) else ("neither end of Greset is the last reading of Gset",)
    )
    return (down[:, ::-1] if last < first else down), warnings
