"""Decays of a resistance as a kind of data."""

from ..command import with_provenance
from ..kinds import Kind
from ..report import pictures_and_sections
from .content import write
from .options import USED, fit, held_out, run, takes
from .report import pictures, sections

KIND = Kind(
    label="resistance against time",
    build=pictures_and_sections(pictures, sections),
    fit=fit,
    run=run,
    held_out=held_out,
    held="the second half of the time",
    axes=("t_s", "r_ohm"),
    used=USED,
    write=with_provenance(write),
    takes=takes,
)
"""Decays of a resistance."""
