"""diffrax's solve without its checks of times, which are made here before: a compiled program with them is never kept.

A check at run time calls Python from the compiled program, and JAX keeps no such program in its cache: each process
would compile each adaptive solve again, for two to five seconds.
"""

import threading
from typing import Any

import diffrax as dfx
import equinox.internal as eqxi
from diffrax import _integrate

_lock = threading.RLock()


class _Internal:
    """`equinox.internal` without `error_if`, for diffrax alone: a check in a user's device stays."""

    def __getattr__(self, name: str) -> Any:
        return getattr(eqxi, name)

    @staticmethod
    def error_if(x: Any, pred: Any, msg: str) -> Any:
        """The value as it is."""
        return x


def solve_trusted(*args: Any, **options: Any) -> dfx.Solution:
    """`diffrax.diffeqsolve` at times that ascend between its ends, with a first step forwards: nothing checks them."""
    if (
        getattr(_integrate, "eqxi", None) is not eqxi
    ):  # another diffrax: its checks cost time, and are as good
        return dfx.diffeqsolve(*args, **options)
    with _lock:
        _integrate.eqxi = _Internal()
        try:
            return dfx.diffeqsolve(*args, **options)
        finally:
            _integrate.eqxi = eqxi
