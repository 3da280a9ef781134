"""Measurements, the readers of laboratory files, and what an instrument adds to what it reads."""

from ..runtime.lazy import attach as _attach

# The names stand in __init__.pyi, which type checkers read.
__getattr__, __dir__ = _attach(__name__)
