"""A choice among models as a kind of fit above those of data."""

from memjax.runtime.lazy import deferred

from ..constants import COMPARISON
from ..kinds import Kind
from .options import run, used

KIND = Kind(
    label="choice among models",
    above=True,
    claims=lambda options: "," in options.model,
    used=used,
    refused={
        "batch": "it is of one device",
        "preset": "a preset is of one model",
        "stochastic": "calibrate the randomness of the model that is chosen",
    },
    run=run,
    build=deferred("fitting.choice.report:build"),
    joined=False,
    file=COMPARISON,
)
"""Several models of the same data."""
