"""JSON of pulse measurements as published with arXiv-type repositories of one laboratory: Gset, Greset, V, W."""

import json
from typing import Any, final

import numpy as np

from memjax.data.base import NAMED_COLUMNS, AbstractRecordReader, Source, Verdict, verdict
from memjax.data.pulse_record import RESET, SET, PulseProtocol, PulseRecord
from memjax.errors import ReaderError

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
            content: dict[str, Any] = json.loads(source.text)
            up, down = (_cycles(content, name, where) for name in ("Gset", "Greset"))
            protocol = _protocol(content)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ReaderError(
                f"no record of pulses: {type(error).__name__}: {error}",
                where=where,
                allowed=f"numbers under {', '.join(_NEEDED)}, and V, W, read_V",
            ) from error
        down, remarks = _forwards(up, down)
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
    repeats, values = int(content["repeats"]), np.asarray(content[name], float)
    if values.ndim != 1 or repeats < 1 or values.size % repeats or values.size < 2 * repeats:
        raise ReaderError(
            f"{name} of shape {values.shape} for {repeats} repeats",
            where=where,
            allowed="whole cycles of at least 2 values",
        )
    return values.reshape(repeats, -1)


def _protocol(content: dict[str, Any]) -> PulseProtocol:
    """Pulses and reading."""
    volts, widths, period = content["V"], content["W"], content.get("T")
    return PulseProtocol(
        voltages=(float(volts[0]), float(volts[1])),
        widths=(float(widths[0]), float(widths[1])),
        period=None if period is None else float(period),
        read_voltage=float(content["read_V"]),
    )


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
