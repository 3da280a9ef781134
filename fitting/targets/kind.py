"""Wanted numbers as a kind of data."""

from ..kinds import Kind
from ..report import pictures_and_sections
from .options import configure, run, takes
from .report import pictures, sections

KIND = Kind(
    label="targets",
    build=pictures_and_sections(pictures, sections),
    asked=takes,
    configure=configure,
    run=run,
)
"""Wanted numbers."""
