"""``memjax simulate --fit F --like PULSES``: the pulses of a measured file again, with fresh randomness."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError
from ..io.request import file_of
from .command import UsageError

if TYPE_CHECKING:
    from ..data import PulseRecord

_BRANCH = ("P", "D")
_NOT_HERE = ("stimulus", "save_every", "read_noise", "carry_state", "point_time", "compliance",
             "series_resistance", "parallel_resistance", "parallel_capacitance")  # fmt: skip


def pulses_like(options: argparse.Namespace) -> "list[PulseRecord]":
    """Conductances per pulse of the file of ``--like``; none where it holds sweeps or curves.

    Raises
    ------
    DataError
        For resistances against time and spike times, which no waveform can be read from.
    """
    from ..data import PulseRecord, has_records, read_records

    path = file_of(options.like)
    if options.columns is not None or not has_records(path, reader=options.reader):
        return []
    records = [r for r in read_records(path, reader=options.reader) if isinstance(r, PulseRecord)]
    if records:
        return records
    raise DataError(
        "no voltage and no pulses in the file", where=f"--like {options.like}",
        allowed="sweeps, curves with time, or conductances per pulse", fix="say --stimulus S.csv",
    )  # fmt: skip


def simulate_like_pulses(
    records: "list[PulseRecord]", options: argparse.Namespace, out: Path
) -> None:
    """Simulate as many fresh cycles of the same pulses as were measured, member by member.

    Each cycle begins where the one before ended; the table reads as conductances per pulse again.
    """
    import numpy as np
    import pandas as pd

    from ..io.pulse_fit import load_pulse_fit
    from ..runtime.files import writing
    from ..synapse import PulseNoise
    from ..synapse.pulsed import simulate_pulses

    conflicts = [n for n in _NOT_HERE if getattr(options, n) is not None]
    if options.fit is None or conflicts or out.suffix.lower() != ".csv":
        reason = (
            "no --fit"
            if options.fit is None
            else f"--{conflicts[0]}"
            if conflicts
            else f"--out {out}"
        )
        raise UsageError(
            reason.replace("_", "-"), where=f"--like {options.like}, conductances per pulse",
            allowed="--fit of such a file, --members, --seed, --deterministic, --out OUT.csv",
        )  # fmt: skip
    pulsed, noise = load_pulse_fit(options.fit, cycles=True)
    noise = PulseNoise.none() if options.deterministic else noise
    record = _record(records, options, pulsed.device.name)
    names = [str(x) for x in record.cycles]
    branch = np.array(_BRANCH)[record.kinds]
    first = np.concatenate([[branch[0]], branch])
    pulse = np.concatenate([[0], *(1 + np.arange(len(record.branch(k))) for k in _runs(record))])
    tables = []
    for m in range(options.members):
        g = simulate_pulses(
            pulsed, noise, record.kinds, cycles=len(record.g), seed=options.seed, member=m
        )
        tables.append(
            pd.DataFrame(
                {
                    "member": m,
                    "device": record.device,
                    "branch": np.tile(first, len(g)),
                    "cycle": np.repeat(names, g.shape[1]),
                    "pulse": np.tile(pulse, len(g)),
                    "g_S": np.maximum(g, np.finfo(float).tiny).ravel(),
                }
            )
        )
    with writing(out) as target:
        pd.concat(tables).to_csv(target, index=False)


def _runs(record: "PulseRecord") -> list[int]:
    """Kinds in the order of their runs, if each has one.

    Raises
    ------
    DataError
        If set and reset pulses take turns: no table of branches says that.
    """
    import numpy as np

    kinds = record.kinds
    order = [int(kinds[0]), *(int(k) for k in kinds[1:][np.diff(kinds) != 0])]
    if len(order) > 2:
        raise DataError(
            "set and reset pulses that take turns", where=str(record.source.get("file", "--like")),
            allowed="one run of each in a cycle",
        )  # fmt: skip
    return order


def _record(records: "list[PulseRecord]", options: argparse.Namespace, model: str) -> "PulseRecord":
    """The record of the device that was fitted, or the only one of the file."""
    from ..errors import ModelError
    from ..io.pulse_fit import pulses_of

    if model != options.model:
        raise ModelError(
            f"parameters of the model {model!r}", where=options.fit, allowed=f"those of {options.model!r}"
        )  # fmt: skip
    device = pulses_of(options.fit).get("device")
    matches = [r for r in records if r.device == device] or (records if len(records) == 1 else [])
    if not matches:
        raise DataError(
            f"no device {device!r}, which was fitted", where=f"--like {options.like}",
            allowed=", ".join(r.device for r in records[:8]),
        )  # fmt: skip
    return matches[0]
