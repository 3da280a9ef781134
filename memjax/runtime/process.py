"""What a process of the program ``memjax`` has in its environment before JAX is imported; a library changes nothing."""

import contextlib
import os
import sys
from typing import NoReturn

from .files import remove_own_temporaries


def prepare_environment() -> None:
    """Set variables that JAX and equinox read as they are imported, unless the user has set them."""
    if "jax" in sys.modules or "equinox" in sys.modules:
        return
    # XLA complains on standard error about each program that it loads from the cache.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Run-time checks of diffrax give NaN, a failed solve, where they would call Python back: JAX
    # keeps no program that does, and every adaptive solve checks its times.
    os.environ.setdefault("EQX_ON_ERROR", "nan")


def end_process(status: int) -> NoReturn:
    """End this process though its threads still compute; what they were writing goes."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    remove_own_temporaries()
    os._exit(status)


def is_dask_worker() -> bool:
    """Whether this process is a worker of dask.distributed, which works for the program."""
    try:
        return bool(sys.modules["distributed.worker"].get_worker())
    except (KeyError, ValueError):
        return False
