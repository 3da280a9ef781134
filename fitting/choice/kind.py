"""A choice among models as a kind of fit above those of data."""

from memjax.runtime.lazy import deferred

from ..constants import COMPARISON
from ..kinds import Kind
from .options import LABEL, ChoiceConfig

KIND = Kind(
    label=LABEL,
    phrase=f"a {LABEL}",
    configs=(ChoiceConfig,),
    refused={
        "batch": "it is of one device",
        "preset": "a preset is of one model",
        "stochastic": "calibrate the randomness of the model that is chosen",
    },
    build=deferred("fitting.choice.report:build"),
    file=COMPARISON,
)
"""Several models of the same data."""
