"""What makes XLA and JAX compile in half the time, for tests and pages."""

import functools
import itertools
import os
import subprocess
import sys

QUICK = (
    "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=1 "
    "--xla_cpu_parallel_codegen_split_count=1"
)
"""Options of XLA. With level 0 numbers depend on the batch to rounding; parts that are compiled in threads take more
processor time, which tests side by side do not have."""

_PROGRAMS = 500
"""Programs of one context of MLIR: what it holds grows with them."""


def compile_quickly() -> None:
    """Set them before JAX is imported, unless the user has set some; XLA ends at options that it does not know."""
    if "XLA_FLAGS" not in os.environ:
        probe = [sys.executable, "-c", "import jax; jax.devices()"]
        with_flags = {**os.environ, "XLA_FLAGS": QUICK}
        done = subprocess.run(probe, env=with_flags, capture_output=True, check=False)
        os.environ["XLA_FLAGS"] = QUICK if done.returncode == 0 else ""


def lower_quickly() -> None:
    """Let JAX lower many programs in one context of MLIR: to make one is a fifth of what a single operation takes.

    There is no public place for this; a JAX that has moved it makes one for each program, as before.
    """
    import jax

    jax.config.update("jax_traceback_in_locations_limit", 0)  # nobody reads these locations
    try:
        from jax._src.interpreters import mlir

        make = mlir.make_ir_context
    except (ImportError, AttributeError):
        return
    numbers = itertools.count()
    kept = functools.lru_cache(1)(lambda generation: make())
    mlir.make_ir_context = lambda: kept(next(numbers) // _PROGRAMS)
