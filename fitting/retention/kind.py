"""Decays of a resistance as a kind of data."""

from memjax.lazy import deferred

from ..kinds import Kind
from ..records import run_records
from .options import fit, held_out, takes

KIND = Kind(
    label="resistance against time",
    takes=takes,
    used=("device", "read_voltage", "reader", "batch"),
    refused={"stochastic": "one run has no distribution"},
    fit=fit,
    run=run_records,
    content=deferred("fitting.retention.content:content"),
    tables=deferred("fitting.retention.content:tables"),
    row=deferred("fitting.retention.content:row"),
    pictures=deferred("fitting.retention.report:pictures"),
    sections=deferred("fitting.retention.report:sections"),
    advice=deferred("fitting.retention.report:advice"),
    held_out=held_out,
    held="the second half of the time",
    axes=("t_s", "r_ohm"),
)
"""Decays of a resistance."""
