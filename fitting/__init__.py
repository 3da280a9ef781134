"""Calibration of memjax devices and circuits to measurements."""

from memjax.runtime.lazy import attach as _attach

# The names stand in __init__.pyi, which type checkers read.
__getattr__, __dir__ = _attach(__name__)
