"""Options with which XLA compiles in two thirds of the time; with level 0 numbers depend on the batch to rounding."""

import os
import subprocess
import sys

QUICK = "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=1"


def compile_quickly() -> None:
    """Set them before JAX is imported, unless the user has set some; XLA ends at options that it does not know."""
    if "XLA_FLAGS" in os.environ:
        return
    probe = [sys.executable, "-c", "import jax; jax.devices()"]
    with_flags = {**os.environ, "XLA_FLAGS": QUICK}
    known = subprocess.run(probe, env=with_flags, capture_output=True, check=False).returncode == 0
    os.environ["XLA_FLAGS"] = QUICK if known else ""
