"""Sweeps as a kind of data."""

from memjax.runtime.lazy import deferred

from ..config import Option
from ..kinds import Curve, HoldOut, Kind
from .options import SweepConfig, fit, held_out, takes

KIND = Kind(
    label="sweeps",
    takes=takes,
    configs=(SweepConfig,),
    fit=fit,
    write=deferred("fitting.sweeps.content:write"),
    build=deferred("fitting.sweeps.report:build"),
    hold_out=HoldOut(held_out, "every second sweep"),
    curve=Curve("v_V", "i_A"),
    report_options={
        f"{name}_threshold": Option(f"current {what}", "number", metavar="A", unit="A")
        for name, what in (
            ("on", "above which the device is on"),
            ("hold", "below which it is off"),
        )
    },
)
"""Sweeps of the voltage or the current."""
