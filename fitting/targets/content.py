"""What a fit directory holds of targets: fit.json, the targets as a table, and simulated members."""

import argparse
from typing import Any

import numpy as np
import pandas

from ..fit_json import finite
from .check import Check
from .fit import TargetFit
from .protocol import Protocol

SHOWN = 8
"""Members that are drawn, beside the one without noise."""


def content(fit: TargetFit, options: argparse.Namespace) -> dict:
    """What ``fit.json`` holds of targets."""
    del options
    protocols, checks = fit.problem.protocols, zip(fit.checks, fit.problem.places, strict=True)
    return {
        "n_points": len(fit.checks),
        "n_sweeps": len(protocols),
        "reduced_chi2": float(np.mean([c.off**2 for c in fit.checks])),
        "covariance_from": "the tolerances of the targets: needed parameters while the others stay, others one by one",
        "reader": ["targets"],
        "targets": {
            "wanted": [_wanted(fit, c, place[0]) for c, place in checks],
            "parameters": [
                {
                    "name": n,
                    "start": fit.start[n],
                    "value": x,
                    "needed": n in fit.needed,
                    "alone_ln": fit.alone[n],
                }
                for n, x in fit.values.items()
            ],
            "missed": list(fit.missed),
            "protocols": [_about(p) for p in protocols],
        },
    }


def _row(check: Check) -> dict[str, Any]:
    """A target, its tolerance and unit."""
    t = check.target
    return {"name": t.label, "value": t.value, "tolerance": t.margin, "unit": t.unit}


def _wanted(fit: TargetFit, check: Check, protocol: int) -> dict[str, Any]:
    """A target, and what members show of it."""
    target = check.target
    return _row(check) | {
        "protocol": protocol,
        "begin_s": fit.problem.protocols[protocol].begin_of(target.name),
        "simulated": finite(check.value),
        "statistic": "mean" if target.of_train else "median",
        "scatter": check.scatter,
        "standard_error": check.error,
        "shown": check.shown,
        "members": check.members,
        "met": check.met,
        "nearest": fit.nearest.get(target.label),
    }


def _about(protocol: Protocol) -> dict:
    """What a protocol drives and watches."""
    t = np.asarray(protocol.stimulus.breakpoints(), float)
    levels = {n: float(e.level) for n, e in protocol.events.items()}
    return {
        "kind": protocol.kind,
        "observables": list(protocol.names),
        "duration_s": float(protocol.stimulus.duration),
        "corners": len(t),
        "levels": levels,
    }


def tables(fit: TargetFit, options: argparse.Namespace) -> dict[str, pandas.DataFrame]:
    """The targets in the place of what was measured, and members with noise under each protocol."""
    parts = []
    for k, protocol in enumerate(fit.problem.protocols):
        trace = protocol.simulate(fit.device, members=SHOWN, seed=options.seed)
        columns = {"v_V": trace.v, "i_A": trace.i}
        if protocol.kind == "train" and protocol.signal in trace.state:
            columns["signal"] = trace.state[protocol.signal]
        for m in range(SHOWN):
            part = {"protocol": k, "member": m, "t_s": np.asarray(trace.t)}
            parts.append(pandas.DataFrame(part | {n: np.asarray(x)[m] for n, x in columns.items()}))
    wanted = pandas.DataFrame([_row(c) for c in fit.checks])
    return {"measured": wanted, "simulated": pandas.concat(parts, ignore_index=True)}
