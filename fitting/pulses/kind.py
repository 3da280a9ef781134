"""Potentiation and depression as a kind of data."""

from ..kinds import Kind
from ..report import pictures_and_sections
from .options import configure, fit, run, takes
from .report import pictures, sections

KIND = Kind(
    label="conductance per pulse",
    build=pictures_and_sections(pictures, sections),
    configure=configure,
    fit=fit,
    run=run,
    takes=takes,
)
"""Potentiation and depression."""
