"""Responses to single pulses as a kind of data."""

from memjax.runtime.lazy import deferred_functions

from ..kinds import Kind
from .options import TransientConfig, claims, fit, takes

KIND = Kind(
    label="delay and relaxation",
    takes=takes,
    claims=claims,
    configs=(TransientConfig,),
    refused={
        "batch": "one file of one device",
        "uncertainty nuts": "laplace or profile, since derivatives of delays are secants",
    },
    fit=fit,
    **deferred_functions(
        "fitting.transients.report", "content", "tables", "pictures", "sections", "advice"
    ),
)
"""Responses to single pulses."""
