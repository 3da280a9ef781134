"""Sweeps as a kind of data."""

from ..kinds import Kind
from .options import USED, configure, fit, held_out, run, takes, write
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
    held_out=held_out,
    held="every second sweep",
    axes=("v_V", "i_A"),
    rest=True,
)
"""Sweeps of the voltage or the current."""
