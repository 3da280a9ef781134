"""Sweeps as a kind of data."""

from memjax.runtime.lazy import deferred

from ..config import Option
from ..kinds import Kind
from .options import SweepConfig, fit, held_out, takes, write

KIND = Kind(
    label="sweeps",
    takes=takes,
    rest=True,
    configs=(SweepConfig,),
    fit=fit,
    write=write,
    build=deferred("fitting.sweeps.report:build"),
    batched=False,
    held_out=held_out,
    held="every second sweep",
    axes=("v_V", "i_A"),
    report_options={
        f"{name}_threshold": Option(f"current {what}", "number", metavar="A", unit="A")
        for name, what in (
            ("on", "above which the device is on"),
            ("hold", "below which it is off"),
        )
    },
)
"""Sweeps of the voltage or the current."""
