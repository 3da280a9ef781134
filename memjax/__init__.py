"""memjax: the differentiable device-physics engine for ion-based memristive devices."""

import os as _os
import sys as _sys

try:  # a worker of dask.distributed works for the program
    _worker = _sys.modules["distributed.worker"].get_worker()
except (KeyError, ValueError):
    _worker = None
if _worker or "memjax" in (
    _os.path.basename(_sys.argv[0]) if _sys.argv else "",
    *_sys.orig_argv[1:3],
):
    # The program memjax, not the library: XLA complains on standard error about each program that
    # it loads from the cache, and listens to this variable only until jax is imported.
    _os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Run-time checks of diffrax give NaN, a failed solve, where they would call Python back: JAX
    # keeps no program that does, and every adaptive solve checks its times.
    _os.environ.setdefault("EQX_ON_ERROR", "nan")

from .lazy import attach as _attach

__version__ = "0.1.0"

# The names stand in __init__.pyi, which type checkers read.
__getattr__, __dir__ = _attach(__name__)
