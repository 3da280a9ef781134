"""Potentiation and depression as a kind of data."""

from ..kinds import Kind
from ..records import run_records
from .content import content, row, tables
from .options import configure, fit, held_out, takes
from .report import advice, drawn, pictures, sections

KIND = Kind(
    label="conductance per pulse",
    takes=takes,
    configure=configure,
    used=("device", "pulse_voltages", "pulse_widths", "pulse_period", "read_voltage", "hold_out", "reversed",
          "reader", "batch"),
    refused={"stochastic": "the randomness of such files is fitted anyway"},
    fit=fit,
    run=run_records,
    content=content,
    tables=tables,
    row=row,
    pictures=pictures,
    sections=sections,
    advice=advice,
    held_out=held_out,
    held="every second cycle",
    axes=("pulse", "g_S"),
    drawn=drawn,
)  # fmt: skip
"""Potentiation and depression."""
