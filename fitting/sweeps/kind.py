"""Sweeps as a kind of data."""

from memjax.cli.command import number
from memjax.runtime.lazy import deferred

from ..kinds import Kind
from .options import configure, fit, held_out, takes, used, write

KIND = Kind(
    label="sweeps",
    takes=takes,
    rest=True,
    configure=configure,
    used=used,
    fit=fit,
    write=write,
    build=deferred("fitting.sweeps.report:build"),
    batched=False,
    held_out=held_out,
    held="every second sweep",
    axes=("v_V", "i_A"),
    report_options={
        f"{name}_threshold": {"type": number("A"), "metavar": "A", "help": f"current {what}"}
        for name, what in (
            ("on", "above which the device is on"),
            ("hold", "below which it is off"),
        )
    },
)
"""Sweeps of the voltage or the current."""
