"""Which backend is to compute: kernels in C where there are any, kernels alone, or XLA."""

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

from ..errors import PolicyError, UsageError

BACKEND = "MEMJAX_BACKEND"
"""Environment variable: the backend."""

BACKENDS = ("auto", "cc", "xla")
"""Kernels in C where there are any and XLA elsewhere, kernels or an error, XLA."""

_chosen: ContextVar[str | None] = ContextVar("memjax_backend", default=None)


def chosen_backend() -> str:
    """The backend that is in use: of `use_backend`, else of the environment, else "auto".

    Raises
    ------
    UsageError
        Where the environment names none.
    """
    return _chosen.get() or _checked(os.environ.get(BACKEND, "").strip().lower() or "auto", BACKEND)


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Choose what computes within a block of code.

    Parameters
    ----------
    name : str
        "auto" takes kernels in C where there are any, and XLA elsewhere; "cc" takes kernels, and is an error where
        there is none; "xla" takes no kernel. No algorithm, start or tolerance depends on it. A problem of a fit keeps
        the backend with which it was solved.

    Raises
    ------
    UsageError
        For another name.
    """
    token = _chosen.set(_checked(name, "use_backend"))
    try:
        yield
    finally:
        _chosen.reset(token)


def _checked(name: str, where: str) -> str:
    if name not in BACKENDS:
        allowed = ", ".join(BACKENDS)
        raise UsageError(f"no backend {name!r}", where=where, allowed=allowed, fix="say auto")
    return name


def refuse_xla(reason: str) -> None:
    """Raise an error where kernels alone are wanted and there is none.

    Raises
    ------
    PolicyError
        With the reason.
    """
    if chosen_backend() == "cc":
        raise PolicyError(
            f"no kernel in C: {reason}",
            where="backend cc",
            fix=f"say {BACKEND}=auto or mj.use_backend('auto'): XLA computes the same",
        )
