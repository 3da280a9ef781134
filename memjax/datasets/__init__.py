"""Public measurements by name: what each set is, where it lies, and its files, checked by SHA-256."""

from ..runtime.lazy import attach as _attach

# The names stand in __init__.pyi, which type checkers read.
__getattr__, __dir__ = _attach(__name__)
