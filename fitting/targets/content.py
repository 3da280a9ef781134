"""What a fit directory holds of targets: fit.json, the targets as a table, and simulated members."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas

from ..fit_json import common_content
from ..report import fill
from .fit import TargetFit
from .protocol import Protocol

SHOWN = 8
"""Members that are drawn, beside the one without noise."""


def content_of_targets(fit: TargetFit, *, seed: int) -> dict:
    """Content of ``fit.json``, but for its provenance."""
    content = common_content(
        fit,
        kind="targets",
        n_points=len(fit.checks),
        n_sweeps=len(fit.problem.protocols),
        reduced_chi2=float(np.mean([c.off**2 for c in fit.checks])),
        covariance_from="the tolerances of the targets: needed parameters while the others stay, others one by one",
        seed=seed,
        notes=list(fit.notes),
        warnings=list(fit.warnings),
        reader=["targets"],
    )
    content["targets"] = {
        "wanted": [
            {
                "name": c.label,
                "value": c.target.value,
                "tolerance": c.target.margin,
                "unit": c.unit,
                "protocol": place[0],
                "begin_s": fit.problem.protocols[place[0]].begin_of(c.target.name),
                "simulated": _number(c.value),
                "statistic": "mean" if c.target.of_train else "median",
                "scatter": c.scatter,
                "standard_error": c.error,
                "shown": c.shown,
                "members": c.members,
                "met": c.met,
                "nearest": fit.nearest.get(c.label),
            }
            for c, place in zip(fit.checks, fit.problem.places, strict=True)
        ],
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
        "protocols": [_about(p) for p in fit.problem.protocols],
    }
    return content


def _number(x: float) -> float | None:
    """The number; None where it is none."""
    return float(x) if np.isfinite(x) else None


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


def tables(fit: TargetFit, *, seed: int) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """The targets in the place of what was measured, and members with noise under each protocol."""
    wanted = pandas.DataFrame(
        [
            {"name": c.label, "value": c.target.value, "tolerance": c.target.margin, "unit": c.unit}
            for c in fit.checks
        ]
    )  # fmt: skip
    parts = []
    for k, protocol in enumerate(fit.problem.protocols):
        trace = protocol.simulate(fit.device, members=SHOWN, seed=seed)
        signal = protocol.signal if protocol.kind == "train" else ""
        for m in range(SHOWN):
            part = {"protocol": k, "member": m, "t_s": np.asarray(trace.t)}
            part |= {"v_V": np.asarray(trace.v)[m], "i_A": np.asarray(trace.i)[m]}
            part |= {"signal": np.asarray(trace.state[signal])[m]} if signal in trace.state else {}
            parts.append(pandas.DataFrame(part))
    return wanted, pandas.concat(parts, ignore_index=True)


def write(fit: TargetFit, folder: Path, *, seed: int = 0, **about: Any) -> list[str]:
    """Fill a fit directory; arguments as for `fitting.report.fill`."""
    return fill(content_of_targets(fit, seed=seed), tables(fit, seed=seed), folder, **about)
