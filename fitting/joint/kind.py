"""Files of several kinds at once."""

from ..kinds import Kind
from .content import write
from .options import configure, fit, run, used
from .report import advice, build

KIND = Kind(
    label="joint fit",
    configure=configure,
    used=used,
    fit=fit,
    run=run,
    write=write,
    build=build,
    advice=advice,
    joined=False,
    joins=True,
)
"""Files of several kinds."""
