"""Wanted numbers as a kind of data."""

from ..kinds import Kind
from .content import content, tables
from .options import configure, fit, used
from .report import advice, pictures, sections

KIND = Kind(
    label="targets",
    claims=lambda options: bool(options.target),
    configure=configure,
    used=used,
    refused={f"uncertainty {x}": "tolerances are no measurement" for x in ("profile", "nuts")},
    fit=fit,
    content=content,
    tables=tables,
    pictures=pictures,
    sections=sections,
    advice=advice,
    joined=False,
)
"""Wanted numbers."""
