"""What a fit directory holds of targets: fit.json, the targets as a table, and simulated members."""

import numpy as np
import pandas

from .fit import TargetFit


def content(fit: TargetFit) -> dict:
    """What ``fit.json`` holds of targets."""
    return {
        "n_points": len(fit.checks),
        "n_sweeps": len(fit.problem.protocols),
        "reduced_chi2": float(np.mean([c.off**2 for c in fit.checks])),
        "covariance_from": "the tolerances of the targets: needed parameters while the others stay, others one by one",
        "reader": ["targets"],
        "targets": fit.as_json()
        | {
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
        },
    }


def tables(fit: TargetFit) -> dict[str, pandas.DataFrame]:
    """The targets in the place of what was measured, and members with noise under each protocol."""
    wanted = pandas.DataFrame([c.row() for c in fit.checks])
    return {"measured": wanted, "simulated": fit.members(seed=fit.seed)}
