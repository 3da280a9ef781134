"""Decays of a resistance as a kind of data."""

from ..kinds import Kind
from ..records import run_records
from .content import content, row, tables
from .options import fit, held_out, takes
from .report import advice, pictures, sections

KIND = Kind(
    label="resistance against time",
    takes=takes,
    used=("device", "read_voltage", "reader", "batch"),
    refused={"stochastic": "one run has no distribution"},
    fit=fit,
    run=run_records,
    content=content,
    tables=tables,
    row=row,
    pictures=pictures,
    sections=sections,
    advice=advice,
    held_out=held_out,
    held="the second half of the time",
    axes=("t_s", "r_ohm"),
)
"""Decays of a resistance."""
