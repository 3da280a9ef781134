"""Responses to single pulses as a kind of data."""

from ..command import with_provenance
from ..kinds import Kind
from ..report import pictures_and_sections
from .content import write
from .options import USED, asked, configure, fit, run, takes
from .report import pictures, sections

KIND = Kind(
    label="delay and relaxation",
    build=pictures_and_sections(pictures, sections),
    asked=asked,
    configure=configure,
    fit=fit,
    run=run,
    takes=takes,
    used=USED,
    write=with_provenance(write),
)
"""Responses to single pulses."""
