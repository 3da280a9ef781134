"""Numbers read off a trace, simulated or measured alike."""

from ..runtime.lazy import attach as _attach

# The names stand in __init__.pyi, which type checkers read.
__getattr__, __dir__ = _attach(__name__)
