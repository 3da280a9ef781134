"""Responses to single pulses as a kind of data."""

from memjax.lazy import deferred

from ..kinds import Kind
from .options import claims, configure, fit, takes, used

KIND = Kind(
    label="delay and relaxation",
    takes=takes,
    claims=claims,
    configure=configure,
    used=used,
    refused={
        "batch": "one file of one device",
        "uncertainty nuts": "laplace or profile, since derivatives of delays are secants",
    },
    fit=fit,
    content=deferred("fitting.transients.content:content"),
    tables=deferred("fitting.transients.content:tables"),
    pictures=deferred("fitting.transients.report:pictures"),
    sections=deferred("fitting.transients.report:sections"),
    advice=deferred("fitting.transients.report:advice"),
)
"""Responses to single pulses."""
