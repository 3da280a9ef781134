"""What the population as a prior did to the devices of a batch: a table with a row per device, and in a few words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .report import write_table
from .rows import Row

SHRUNKEN = "shrunken.csv"
"""File of the devices with the population as their prior."""

_NAMED = 10  # devices outside that a note names at most


def write_shrunken(rows: Sequence[Row], units: Mapping[str, str], path: Path) -> None:
    """Write ``shrunken.csv``: the devices with the population as their prior, in order; units by parameter."""
    table = []
    for r in rows:
        p = r.posterior
        if p is None:
            raise ValueError("devices that were not fitted with a prior")
        status = "failed" if p.failure else "outside" if p.outside else "shrunken"
        cells: dict[str, Any] = {"name": r.name, "status": status}
        for name, unit in units.items():
            cells[f"{name} [{unit}]"] = p.values.get(name, "")
            cells[f"{name} std [{unit}]"] = p.std.get(name, "")
            cells[f"{name} shift [std]"] = p.shift.get(name, "")
        known = {"excess_chi2": p.excess, "distance2": p.distance, "p_value": p.p_value}
        cells |= {n: "" if x is None else x for n, x in ({"loss": p.loss} | known).items()}
        table.append(cells | {n: getattr(p, n) for n in ("verdict", "reason", "failure")})
    write_table(table, path)


def shrinkage(rows: Sequence[Row]) -> dict[str, Any]:
    """For ``batch.json``: how many devices were drawn to the population, which lie outside, and what it did.

    Of each parameter the median of the moduli of the shifts [standard deviations of the device's own fit], and that of
    the ratios of the standard deviations with and without the population.
    """
    pairs = [(r, r.posterior) for r in rows if r.posterior is not None and not r.posterior.failure]
    drawn = [(r, p) for r, p in pairs if not p.outside]
    parameters = {}
    for name in drawn[0][1].values if drawn else ():
        ratio = float(np.median([p.std[name] / r.std[name] for r, p in drawn]))
        shift = float(np.median([abs(p.shift[name]) for _, p in drawn]))
        parameters[name] = {"median_shift": shift, "std_ratio": ratio}
    outside = [r.name for r, p in pairs if p.outside]
    failed = sum(bool(r.posterior and r.posterior.failure) for r in rows)
    counts = {"shrunken": len(drawn), "outside": outside, "failed": failed}
    return {"file": SHRUNKEN} | counts | {"parameters": parameters}


def remarks_on(rows: Sequence[Row]) -> list[str]:
    """What has to be known of devices with the population as their prior."""
    effect, out = shrinkage(rows), []
    if outside := effect["outside"]:
        names = ", ".join(outside[:_NAMED]) + ", ..." * (len(outside) > _NAMED)
        text = "outside the population, which was taken from the others"
        out.append(f"{text}: {names}; their own fits stand")
    posteriors = [r.posterior for r in rows if not r.failure and r.posterior]
    reasons = [p.failure for p in posteriors if p.failure]
    if reasons:
        out.append(f"not fitted with the population as prior: {len(reasons)} devices: {reasons[0]}")
    return out
