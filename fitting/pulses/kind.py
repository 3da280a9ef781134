"""Potentiation and depression as a kind of data."""

from ..command import with_provenance
from ..kinds import Kind
from ..report import pictures_and_sections
from .content import write
from .options import USED, configure, fit, held_out, run, takes
from .report import drawn, pictures, sections

KIND = Kind(
    label="conductance per pulse",
    build=pictures_and_sections(pictures, sections),
    configure=configure,
    fit=fit,
    run=run,
    held_out=held_out,
    held="every second cycle",
    axes=("pulse", "g_S"),
    drawn=drawn,
    used=USED,
    write=with_provenance(write),
    takes=takes,
)
"""Potentiation and depression."""
