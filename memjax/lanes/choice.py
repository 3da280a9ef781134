"""Which backend is to compute: kernels in C where there are any, kernels alone, or XLA."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PolicyError, UsageError
from .backend import LaneFunction, Unavailable
from .cc.library import CompilerError, working_compiler

if TYPE_CHECKING:
    from .drivers import Driver
    from .program import StepProgram

BACKEND = "MEMJAX_BACKEND"
"""Environment variable: the backend."""

BACKENDS = ("auto", "cc", "xla")
"""Kernels in C where there are any and XLA elsewhere, kernels or an error, XLA."""

_REASON = f"as {BACKEND} or memjax.use_backend says"
"""Why there is no function where XLA is wanted."""

_chosen: ContextVar[str | None] = ContextVar("memjax_backend", default=None)


def chosen_backend() -> str:
    """The backend that is in use: of `use_backend`, else of the environment, else "auto".

    Raises
    ------
    UsageError
        Where the environment names none.
    """
    return _chosen.get() or _checked(os.environ.get(BACKEND, "").strip().lower() or "auto", BACKEND)


def use_backend(name: str | None) -> AbstractContextManager[None]:
    """Choose what computes within a block of code.

    Parameters
    ----------
    name : str or None
        "auto" takes kernels in C where there are any, and XLA elsewhere; "cc" takes kernels, and is an error where
        there is none; "xla" takes no kernel; None leaves the choice as it is. No algorithm, start or tolerance depends
        on it. A problem of a fit keeps the backend with which it was solved. Threads that the block starts begin
        without its choice.

    Raises
    ------
    UsageError
        For another name.
    """
    return contextlib.nullcontext() if name is None else _choose(_checked(name, "backend"))


@contextlib.contextmanager
def _choose(name: str) -> Iterator[None]:
    """See `use_backend`."""
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


def _checked(name: str, where: str) -> str:
    if name not in BACKENDS:
        allowed = ", ".join(BACKENDS)
        raise UsageError(f"no backend {name!r}", where=where, allowed=allowed, fix="say auto")
    return name


def unavailable(reason: str) -> Unavailable:
    """A reason why XLA computes; an error where kernels alone are wanted.

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
    return Unavailable(reason)


def compile_lanes(program: "StepProgram", driver: "Driver", reason: str = "") -> LaneFunction:
    """The function of a program under a driver by the backend that is in use: a kernel in C where there is one.

    Parameters
    ----------
    program : StepProgram
        The step.
    driver : Driver
        The loop.
    reason : str
        Why there is none, where that is known.

    Raises
    ------
    PolicyError
        Where there is none, and kernels alone are wanted.
    """
    from .cc.backend import Cc
    from .xla import Xla

    if chosen_backend() == "xla":
        return Xla(_REASON).compile(program, driver)
    function = Unavailable(reason) if reason else Cc().compile(program, driver)
    if isinstance(function, LaneFunction):
        return function
    return Xla(unavailable(function.reason).reason).compile(program, driver)


def backend_in_use(folder: Path | None = None) -> str:
    """Return what compiles here: "cc" and the compiler, or "xla" and the reason; this does not load JAX.

    Parameters
    ----------
    folder : Path, optional
        Where kernels are kept.
    """
    if chosen_backend() == "xla":
        return Unavailable(_REASON).backend
    try:
        return f"cc ({working_compiler(folder)[1]})"
    except CompilerError as e:
        return Unavailable(str(e)).backend
