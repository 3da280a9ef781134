"""Potentiation and depression as a kind of data."""

from ..kinds import Kind
from ..report import pictures_and_sections
from .options import USED, configure, fit, run, takes, write
from .report import pictures, sections

KIND = Kind(
    label="conductance per pulse",
    build=pictures_and_sections(pictures, sections),
    configure=configure,
    fit=fit,
    run=run,
    used=USED,
    write=write,
    takes=takes,
)
"""Potentiation and depression."""
