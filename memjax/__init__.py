"""memjax: the differentiable device-physics engine for ion-based memristive devices."""

from .runtime.lazy import attach as _attach

__version__ = "0.1.0"

# The names stand in __init__.pyi, which type checkers read.
__getattr__, __dir__ = _attach(__name__)
