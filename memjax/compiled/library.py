"""Texts in C built by a compiler, kept on disk, and known to XLA."""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax

from ..compile_cache import read_sealed, write_sealed
from .translation import UntranslatableError

T = TypeVar("T")

COMPILER = "MEMJAX_CC"
"""Environment variable: the compiler of C, `cc` by default; where it is empty, no kernel is built."""

_FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
_FLAGS += ["-fno-signed-zeros", "-fno-strict-aliasing"]
_FLAGS += ["-fPIC", "-shared", "-pthread", "-x", "c", "-", "-lm"]
"""Rounding as written, so that numbers do not depend on what stands around an operation; loops in whole vectors.

Numbers that are not finite go through all operations as in XLA: with `-ffinite-math-only` bounds hid them.
"""

_FLAGS_BY_KIND = {"f": ["-fschedule-insns"], "d": []}
"""Scheduling before registers are given out takes a fifth less time in float32, a quarter more in float64 (gcc 12)."""

_SECONDS = 120.0
"""After which a compiler is given up."""

_libraries: list[ctypes.CDLL] = []
"""Kernels in use: XLA holds addresses in them."""


def build(source: Callable[[], T], register: Callable[[T, str], Any]) -> Any:
    """What `register` makes of a source and the compiler of C; why there is none, where there is none."""
    if jax.default_backend() != "cpu":
        return "not a CPU"
    compiler = find_compiler()
    if compiler is None:
        return f"no compiler of C ({COMPILER} names one)"
    try:
        return register(source(), compiler)
    except UntranslatableError as e:
        return f"no translation of {e}"
    except (OSError, subprocess.SubprocessError) as e:
        said = (getattr(e, "stderr", None) or str(e)).strip().splitlines() or [type(e).__name__]
        return f"{compiler}: {said[0]}"


def find_compiler() -> str | None:
    """Path of the compiler of C; None where there is none, or none is wanted."""
    name = os.environ.get(COMPILER, "cc")
    return shutil.which(name) if name else None


_lock = threading.Lock()


def register(text: str, compiler: str, real: str) -> str:
    """Name by which XLA calls the function `memjax_kernel` of a text that computes with a kind of numbers."""
    with _lock:  # of threads that want the same kernel one builds it
        return _register(text, compiler, real)


@functools.cache
def _register(text: str, compiler: str, real: str) -> str:
    flags = [*_FLAGS_BY_KIND[real], *_FLAGS, f"-I{jax.ffi.include_dir()}"]
    if platform.machine() in ("x86_64", "AMD64"):
        flags.append("-mprefer-vector-width=512")
    content = "\0".join([text, *flags, _about(compiler), _processor()])
    digest = hashlib.sha256(content.encode()).hexdigest()
    target = f"memjax_{digest[:32]}"
    kept = _folder()
    path = kept / f"{digest}.so" if kept else None
    library = read_sealed(path) if path else None
    with tempfile.TemporaryDirectory(prefix="memjax-") as folder:
        file = Path(folder) / f"{target}.so"
        if library is None:
            _compile(text, [compiler, *flags, "-o", str(file)])
            if path:
                write_sealed(path, file.read_bytes())
        else:
            file.write_bytes(library)
        _libraries.append(ctypes.CDLL(str(file)))
    call = jax.ffi.pycapsule(_libraries[-1].memjax_kernel)
    jax.ffi.register_ffi_target(target, call, platform="cpu")
    return target


def _folder() -> Path | None:
    """Where kernels are kept: beside the programs in JAX's compilation cache, where there is one."""
    root = jax.config.values.get("jax_compilation_cache_dir")
    return Path(root) / "kernels" if root else None


def _compile(text: str, command: Sequence[str]) -> None:
    options: dict[str, Any] = dict(capture_output=True, text=True, check=True, timeout=_SECONDS)
    subprocess.run(command, input=text, **options)


@functools.cache
def _about(compiler: str) -> str:
    """What a compiler says of itself."""
    options: dict[str, Any] = dict(capture_output=True, text=True, check=True, timeout=_SECONDS)
    return subprocess.run([compiler, "--version"], **options).stdout


@functools.cache
def _processor() -> str:
    """What this processor can: its own instructions are used."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x for x in lines if x.startswith(("flags", "Features"))), platform.machine())
