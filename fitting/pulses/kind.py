"""Potentiation and depression as a kind of data."""

from memjax.runtime.lazy import deferred, deferred_functions

from ..kinds import Kind
from ..records import run_records
from .options import configure, fit, held_out, takes

KIND = Kind(
    label="conductance per pulse",
    takes=takes,
    configure=configure,
    used=("device", "pulse_voltages", "pulse_widths", "pulse_period", "read_voltage", "hold_out", "reversed",
          "reader", "batch"),
    refused={"stochastic": "the randomness of such files is fitted anyway"},
    fit=fit,
    run=run_records,
    **deferred_functions("fitting.pulses.content", "content", "tables", "row"),
    **deferred_functions("fitting.pulses.report", "pictures", "sections", "advice"),
    held_out=held_out,
    held="every second cycle",
    axes=("pulse", "g_S"),
    drawn=deferred("fitting.pulses.report:drawn"),
)  # fmt: skip
"""Potentiation and depression."""
