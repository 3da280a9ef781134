"""Decays of a resistance as a kind of data."""

from ..kinds import Kind
from ..report import pictures_and_sections
from .options import fit, run, takes
from .report import pictures, sections

KIND = Kind(
    label="resistance against time",
    build=pictures_and_sections(pictures, sections),
    fit=fit,
    run=run,
    takes=takes,
)
"""Decays of a resistance."""
