"""How many cores a process may use."""

import os


def usable_cores() -> int:
    """Cores that this process may run on: those of its affinity, where the system knows one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
