"""Decays of a resistance as a kind of data."""

from memjax.runtime.lazy import deferred_functions

from ..kinds import Curve, HoldOut, Kind
from ..records import run_records
from .options import RetentionConfig, fit, held_out, takes

KIND = Kind(
    label="resistance against time",
    takes=takes,
    configs=(RetentionConfig,),
    refused={"stochastic": "one run has no distribution"},
    fit=fit,
    run=run_records,
    **deferred_functions(
        "fitting.retention.report", "content", "tables", "row", "pictures", "sections", "advice"
    ),
    hold_out=HoldOut(held_out, "the second half of the time"),
    curve=Curve("t_s", "r_ohm"),
)
"""Decays of a resistance."""
