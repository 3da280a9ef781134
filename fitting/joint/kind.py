"""Files of several kinds at once."""

from ..kinds import Kind
from .options import configure, run
from .report import build

KIND = Kind(label="joint fit", build=build, run=run, joins=True, configure=configure)
"""Files of several kinds."""
