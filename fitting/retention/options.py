"""The part of ``memjax fit`` that takes resistance against time."""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from memjax.cli.command import UsageError, say
from memjax.data import DecayRecord

from ..command import Stages, refuse_draws, write_fit
from ..kinds import provenance, refuse_unused
from ..records import environment_of, one_record, records_in, row_of, run_records
from .content import write
from .fit import RetentionFit, fit_retention, halves

USED = ("device", "read_voltage", "reader", "batch")
"""Options that mean something here."""


def takes(options: argparse.Namespace, name: str) -> bool:
    """Whether a file holds decays."""
    found = records_in(options, name)
    return found is not None and all(isinstance(r, DecayRecord) for r in found)


def run(options: argparse.Namespace, device: Any) -> int:
    """Fit; the exit status."""
    if options.stochastic:
        raise UsageError(
            "not with such files: one run has no distribution", where="--stochastic", fix="leave it out"
        )  # fmt: skip
    refuse_draws(options, used=False)
    env = environment_of(options, reversible=False)
    refuse_unused(options, USED, what="resistance against time")
    return run_records(options, partial(_one, device=device, env=env, options=options))


def fit(options: argparse.Namespace, device: Any) -> RetentionFit:
    """The fit of one run of the files."""
    env = environment_of(options, reversible=False)
    record: Any = one_record(options)
    if options.half:
        record, _ = halves(record)
    with Stages(checked=False) as stages:
        return _fitted(record, device, env, options, stages)


def held_out(options: argparse.Namespace) -> DecayRecord:
    """Readings that a fit of half of them leaves out."""
    record: Any = one_record(options)
    return halves(record)[1]


def _fitted(record: Any, device: Any, env: Any, options: argparse.Namespace, tick) -> RetentionFit:
    """The fit of one run."""
    if options.read_voltage is not None:
        record = replace(record, read_voltage=options.read_voltage)
    about = {"fix": dict(options.fix), "start": dict(options.start), "env": env, "tick": tick}
    return fit_retention(record, device, free=options.free, **about)


def _one(record: Any, out: Path, *, device: Any, env: Any, options, tick) -> dict:
    """Fit one run into a folder; what came out, in a row."""
    found = _fitted(record, device, env, options, tick)
    for warning in record.warnings:
        say("note", warning)
    content = write_fit(write, found, options, out, **provenance(options))
    about, best = content["retention"], content["retention"]["laws"][0]
    row = row_of(content) | {"law": best["name"], "rms_relative": best["rms_relative"]}
    return row | {"device_rms_relative": about["device_rms_relative"]}
