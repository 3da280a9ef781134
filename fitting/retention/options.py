"""The part of ``memjax fit`` that takes resistance against time."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memjax.data import DecayRecord
from memjax.io.request import bench_from

from ..command import parameters, stages_of
from ..records import one_record, records_in

if TYPE_CHECKING:
    from .fit import RetentionFit


def takes(options: argparse.Namespace, name: str) -> bool:
    """Whether a file holds decays."""
    records = records_in(options, name)
    return records is not None and all(isinstance(r, DecayRecord) for r in records)


def fit(options: argparse.Namespace, device: Any) -> "RetentionFit":
    """The fit of one run of the files."""
    from .fit import fit_retention, halves

    record: Any = one_record(options)
    if options.half:
        record, _ = halves(record)
    if options.read_voltage is not None:
        record = replace(record, read_voltage=options.read_voltage)
    env = bench_from(options)[1]
    with stages_of(options, ["relaxation"], checked=False, notes=record.warnings) as stages:
        return fit_retention(record, device, **parameters(options), env=env, tick=stages)


def held_out(options: argparse.Namespace) -> DecayRecord:
    """Readings that a fit of half of them leaves out."""
    from .fit import halves

    record: Any = one_record(options)
    return halves(record)[1]
