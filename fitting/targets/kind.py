"""Wanted numbers as a kind of data."""

from memjax.lazy import deferred

from ..kinds import Kind
from .options import configure, fit, used

KIND = Kind(
    label="targets",
    claims=lambda options: bool(options.target),
    configure=configure,
    used=used,
    refused={f"uncertainty {x}": "tolerances are no measurement" for x in ("profile", "nuts")},
    fit=fit,
    content=deferred("fitting.targets.content:content"),
    tables=deferred("fitting.targets.content:tables"),
    pictures=deferred("fitting.targets.report:pictures"),
    sections=deferred("fitting.targets.report:sections"),
    advice=deferred("fitting.targets.report:advice"),
    joined=False,
)
"""Wanted numbers."""
