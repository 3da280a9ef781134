"""Decays of a resistance as a kind of data."""

from ..kinds import Kind
from ..report import pictures_and_sections
from .options import USED, fit, run, takes, write
from .report import pictures, sections

KIND = Kind(
    label="resistance against time",
    build=pictures_and_sections(pictures, sections),
    fit=fit,
    run=run,
    used=USED,
    write=write,
    takes=takes,
)
"""Decays of a resistance."""
