"""Wanted numbers as a kind of data."""

from memjax.runtime.lazy import deferred_functions

from ..kinds import Kind
from .options import TargetConfig, TrainTargetConfig, config_for, fit

KIND = Kind(
    label="targets",
    claims=lambda request: bool(request.target),
    configs=(TargetConfig, TrainTargetConfig),
    choose=config_for,
    refused={f"uncertainty {x}": "tolerances are no measurement" for x in ("profile", "nuts")},
    fit=fit,
    **deferred_functions(
        "fitting.targets.report", "content", "tables", "pictures", "sections", "advice"
    ),
)
"""Wanted numbers."""
