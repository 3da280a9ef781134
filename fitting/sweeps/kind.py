"""Sweeps as a kind of data."""

from ..kinds import Kind
from .report import build

KIND = Kind(label="sweeps", build=build)
"""Sweeps of the voltage or the current."""
