"""A choice among models as a kind of fit above those of data."""

from ..kinds import Kind
from .options import run, used
from .report import COMPARISON, build

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
    build=build,
    joined=False,
    file=COMPARISON,
)
"""Several models of the same data."""
