"""Potentiation and depression as a kind of data."""

from memjax.runtime.lazy import deferred, deferred_functions

from ..kinds import Curve, HoldOut, Kind
from ..records import run_records
from .options import PulseConfig, fit, held_out, takes

KIND = Kind(
    label="conductance per pulse",
    takes=takes,
    configs=(PulseConfig,),
    refused={"stochastic": "the randomness of such files is fitted anyway"},
    fit=fit,
    run=run_records,
    **deferred_functions("fitting.pulses.content", "content", "tables", "row"),
    **deferred_functions("fitting.pulses.report", "pictures", "sections", "advice"),
    hold_out=HoldOut(held_out, "every second cycle"),
    curve=Curve("pulse", "g_S", deferred("fitting.pulses.report:drawn")),
)  # fmt: skip
"""Potentiation and depression."""
