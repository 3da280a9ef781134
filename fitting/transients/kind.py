"""Responses to single pulses as a kind of data."""

from ..kinds import Kind
from ..report import pictures_and_sections
from .options import asked, configure, fit, run
from .report import pictures, sections

KIND = Kind(
    label="delay and relaxation",
    build=pictures_and_sections(pictures, sections),
    asked=asked,
    configure=configure,
    fit=fit,
    run=run,
)
"""Responses to single pulses."""
