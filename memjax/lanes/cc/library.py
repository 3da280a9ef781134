"""Texts in C built by a compiler, kept on disk, and known to XLA; JAX is loaded where a text is built."""

import ctypes
import functools
import hashlib
import platform
import threading
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from ...errors import KernelWarning, escape
from ..backend import Unavailable
from .compiler import (
    COMPILER,
    CompilerError,
    call_compiler,
    compiler_command,
    compiler_name,
    find_compiler,
    identity_of,
    obtain_library,
)

T = TypeVar("T")

_FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
_FLAGS += ["-fno-signed-zeros", "-fno-strict-aliasing"]
_FLAGS += ["-fPIC", "-shared", "-pthread", "-x", "c", "-", "-lm"]
"""Rounding as written, so that numbers do not depend on what stands around an operation; loops in whole vectors.

Numbers that are not finite go through all operations as in XLA: with `-ffinite-math-only` bounds hid them.
"""

_FLAGS_OF_GCC = {"f": ["-fno-tree-pre", "-fschedule-insns"], "d": ["-fno-tree-pre"]}
"""By the kind of numbers: results that it takes out of one branch for another keep it from making whole vectors;
scheduling before registers are given out takes a fifth less time in float32, a quarter more in float64 (gcc 12).
"""

_SECONDS = 120.0
"""After which a compiler is given up."""

_TRIAL = Path(__file__).with_name("trial.c")

_PATIENCE = 20.0
"""Seconds after which a compiler of next to nothing is given up."""

_libraries: dict[str, ctypes.CDLL] = {}
"""Kernels in use by the names by which XLA calls them: it holds addresses in them."""

_lock = threading.Lock()


def build(make: Callable[[str, str], T]) -> T | Unavailable:
    """Return what `make` makes with the compiler of C, given its path and name, or why there is none.

    Where that is the compiler's fault, the user is warned.
    """
    import jax

    from .translation import UntranslatableError

    if jax.default_backend() != "cpu":
        return Unavailable("not a CPU")
    try:
        return make(*working_compiler(_folder()))
    except UntranslatableError as e:
        return Unavailable(f"no translation of {e}")
    except CompilerError as e:
        reason = str(e)
    if compiler_name():
        _warn(reason)
    return Unavailable(reason)


@functools.cache
def _warn(reason: str) -> None:
    """Say once in a process what slows it down."""
    fix = f"name a compiler that works in {COMPILER}, or 'none'"
    warnings.warn(f"{reason}; XLA computes the same, slower; {fix}", KernelWarning, stacklevel=3)


def working_compiler(folder: Path | None) -> tuple[str, str]:
    """Path and name of the compiler of C, which has built a library that could be loaded.

    Raises
    ------
    CompilerError
        Where there is none.
    """
    name, compiler = compiler_name(), find_compiler()
    if name is None:
        raise CompilerError(f"no compiler of C: none is wanted ({COMPILER})")
    if compiler is None:
        fix = f"{COMPILER} names one, pip install 'memjax[compiler]' brings one"
        raise CompilerError(f"no compiler of C: {escape(name)} is not there ({fix})")
    tried = _try_compiler(compiler, folder)
    if isinstance(tried, CompilerError):
        raise tried
    return compiler, tried


@functools.cache
def _try_compiler(compiler: str, folder: Path | None) -> str | CompilerError:
    """Name and version of a compiler, by a library that it built; or what is wrong with it, asked once a process."""
    text = _TRIAL.read_text()
    try:
        library, _ = _obtain(text, compiler, "f", "memjax_compiler", folder, _PATIENCE)
    except (OSError, CompilerError) as e:
        return CompilerError(f"no compiler of C: {compiler}: {e}")
    return (ctypes.c_char * 64).in_dll(library, "memjax_compiler").value.decode(errors="replace")


def register(text: str, compiler: str, real: str) -> str:
    """Name by which XLA calls the function `memjax_kernel` of a text that computes with a kind of numbers.

    Raises
    ------
    CompilerError
        Where there is no such function; the same text is not built again.
    """
    with _lock:  # of threads that want the same kernel one builds it
        target = _register(text, compiler, real)
    if isinstance(target, CompilerError):
        raise target
    return target


@functools.cache
def _register(text: str, compiler: str, real: str) -> str | CompilerError:
    import jax

    try:
        library, digest = _obtain(text, compiler, real, "memjax_kernel", _folder())
    except (OSError, CompilerError) as e:
        return CompilerError(f"{compiler}: {e}")
    target = f"memjax_{digest[:32]}"
    # XLA takes one address for each name, and a compiler may have several.
    if target in _libraries:
        return target
    _libraries[target] = library
    call = jax.ffi.pycapsule(library.memjax_kernel)
    jax.ffi.register_ffi_target(target, call, platform="cpu")
    return target


def _obtain(
    text: str,
    compiler: str,
    real: str,
    symbol: str,
    folder: Path | None,
    seconds: float = _SECONDS,
) -> tuple[ctypes.CDLL, str]:
    """The library of a text, see `obtain_library`, and the digest of all that it depends on."""
    flags = [*_FLAGS, f"-I{_headers()}"]
    if platform.machine() in ("x86_64", "AMD64"):
        flags.append("-mprefer-vector-width=512")
    identity = identity_of(compiler, _PATIENCE)
    flags += [] if "clang" in identity else _FLAGS_OF_GCC[real]
    content = "\0".join([text, *flags, identity, _processor()])
    digest = hashlib.sha256(content.encode()).hexdigest()

    def compile_to(file: Path) -> None:
        call_compiler([*compiler_command(compiler), *flags, "-o", str(file)], text, seconds)

    return obtain_library(compile_to, symbol, folder and folder / f"{digest}.so"), digest


def _headers() -> str:
    """XLA's headers, as `jax.ffi.include_dir` gives them, without loading it."""
    spec = find_spec("jaxlib")
    places = spec.submodule_search_locations if spec else None
    return str(Path(next(iter(places or ["."])), "include"))


def _folder() -> Path | None:
    """Return the folder of kernels: beside the programs in JAX's compilation cache, if there is one."""
    import jax

    root = jax.config.values.get("jax_compilation_cache_dir")
    return Path(root) / "kernels" if root else None


@functools.cache
def _processor() -> str:
    """Describe this processor: kernels use its own instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x for x in lines if x.startswith(("flags", "Features"))), platform.machine())
