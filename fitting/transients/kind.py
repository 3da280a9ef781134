"""Responses to single pulses as a kind of data."""

from memjax.runtime.lazy import deferred_functions

from ..kinds import Kind
from ..records import of_pulsed_curves
from .options import TransientConfig, claims, fit

KIND = Kind(
    label="delay and relaxation",
    takes=of_pulsed_curves,
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
