"""Potentiation and depression as a kind of data."""

from ..kinds import Kind
from ..report import pictures_and_sections
from .report import pictures, sections

KIND = Kind(label="conductance per pulse", build=pictures_and_sections(pictures, sections))
"""Potentiation and depression."""
