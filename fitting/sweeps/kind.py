"""Sweeps as a kind of data."""

from ..kinds import Kind
from .options import configure, fit, run, takes
from .report import build

KIND = Kind(
    label="sweeps",
    build=build,
    configure=configure,
    fit=fit,
    run=run,
    takes=takes,
    batched=False,
)
"""Sweeps of the voltage or the current."""
