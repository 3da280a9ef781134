"""Responses to single pulses as a kind of data."""

from ..kinds import Kind
from .content import content, tables
from .options import claims, configure, fit, takes, used
from .report import advice, pictures, sections

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
    content=content,
    tables=tables,
    pictures=pictures,
    sections=sections,
    advice=advice,
)
"""Responses to single pulses."""
