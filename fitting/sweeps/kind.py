"""Sweeps as a kind of data."""

from ..kinds import Kind
from .options import USED, configure, fit, run, takes, write
from .report import build

KIND = Kind(
    label="sweeps",
    build=build,
    configure=configure,
    fit=fit,
    run=run,
    used=USED,
    write=write,
    takes=takes,
    batched=False,
)
"""Sweeps of the voltage or the current."""
