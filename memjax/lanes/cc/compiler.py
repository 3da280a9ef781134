"""The compiler of C: which one is meant, what it says of itself, and whether what it builds can be loaded."""

import contextlib
import ctypes
import functools
import os
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from ...errors import escape
from ...runtime.files import read_sealed, write_sealed

COMPILER = "MEMJAX_CC"
"""Environment variable: the compiler of C, `cc` by default; where it says that none is wanted, no kernel is built."""

ZIG = "zig"
"""Name of a compiler of C by its package, whose command for it is `zig cc`."""

_NONE = ("", "none", "off", "0")

_LONGEST = 200
"""Characters of what a compiler says that are repeated."""


class CompilerError(Exception):
    """The compiler gave no library that can be loaded; the message says what it did, in a clause."""


def compiler_name() -> str | None:
    """The compiler that is asked for; None where none is wanted."""
    name = os.environ.get(COMPILER, "cc").strip()
    return None if name.lower() in _NONE else name


def find_compiler() -> str | None:
    """Return the path of the C compiler; None if there is none, or if none is wanted.

    The clang of the package `ziglang` is taken where no other one is, and where `zig` is asked for.
    """
    name = compiler_name()
    if name is None:
        return None
    packed = _packed_compiler() if name == ZIG or COMPILER not in os.environ else None
    return shutil.which(name) or packed


def _packed_compiler() -> str | None:
    """The compiler of a Python package, if it is installed; nothing of it is imported."""
    spec = find_spec("ziglang")
    places = spec.submodule_search_locations if spec else None
    return next((x for folder in places or () if (x := shutil.which(ZIG, path=folder))), None)


def compiler_command(compiler: str) -> list[str]:
    """The words that call a compiler."""
    return [compiler, "cc"] if Path(compiler).stem == ZIG else [compiler]


def call_compiler(command: Sequence[str], text: str, seconds: float) -> str:
    """Run a compiler on a text and return what it writes to its standard output, whose bytes need not be text.

    Raises
    ------
    CompilerError
        Where it does not start or end in time, or ends badly: with the line that says why.
    """
    pipe = subprocess.PIPE
    try:
        # A session, so that what it has started ends with it.
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        ) as process:
            try:
                said, errors = process.communicate(text.encode(), seconds)
            except BaseException:
                _kill(process)
                raise
    except subprocess.TimeoutExpired:
        raise CompilerError(f"no end after {seconds:g} s") from None
    except OSError as error:
        raise CompilerError(f"it does not start ({error.strerror or error})") from error
    if process.returncode:
        raise CompilerError(_reason(errors) or f"exit status {process.returncode}")
    return said.decode(errors="replace")


def _kill(process: subprocess.Popen) -> None:
    """End a process and those it has started."""
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _reason(errors: bytes) -> str:
    """The first line that says what is wrong; the first one where none does."""
    lines = [x.strip() for x in errors.decode(errors="replace").splitlines() if x.strip()]
    line = next((x for x in lines if "error" in x.lower()), lines[0] if lines else "")
    return escape(line[:_LONGEST])


@functools.cache
def identity_of(compiler: str, seconds: float) -> str:
    """Return the path of a compiler with all links resolved, and its version text."""
    said = call_compiler([*compiler_command(compiler), "--version"], "", seconds)
    return f"{os.path.realpath(compiler)}\n{said}"


def load_library(file: Path, symbol: str) -> ctypes.CDLL:
    """A library that has a symbol.

    Raises
    ------
    CompilerError
        Where it is none, is cut, is of another processor, or lacks the symbol.
    """
    try:
        _check_whole(file.read_bytes())
        library = ctypes.CDLL(str(file))
        getattr(library, symbol)
    except FileNotFoundError:
        raise CompilerError("it wrote no library") from None
    except (OSError, AttributeError) as error:
        reason = escape(str(error).replace(f"{file}: ", ""))[:_LONGEST]
        raise CompilerError(f"its library cannot be loaded ({reason})") from error
    return library


def _check_whole(content: bytes) -> None:
    """Refuse half a library, which would end the process that loads it: the table of its sections stands at its end."""
    if content[:6] != b"\x7fELF\2\1":  # 64 bits, little-endian
        return
    if len(content) < 64:
        raise OSError("file cut")
    table, size, count = struct.unpack_from("<Q10xHH", content, 40)
    if table + size * count > len(content):
        raise OSError("file cut")


def obtain_library(
    compile_to: Callable[[Path], None], symbol: str, cache_path: Path | None
) -> ctypes.CDLL:
    """The library that was kept, where it can be loaded; else a new one, which is kept once it is loaded.

    Parameters
    ----------
    compile_to : callable
        Writes the library.
    symbol : str
        What it has to have.
    cache_path : Path or None
        Where it is kept; None for nowhere.

    Raises
    ------
    CompilerError, OSError
        Where there is none.
    """
    with tempfile.TemporaryDirectory(prefix="memjax-", ignore_cleanup_errors=True) as folder:
        # Of two names: a library that was loaded once is not read again.
        old, new = Path(folder) / "kept.so", Path(folder) / "built.so"
        content = read_sealed(cache_path) if cache_path else None
        if content is not None:
            old.write_bytes(content)
            with contextlib.suppress(CompilerError):  # of another processor or system
                return load_library(old, symbol)
        compile_to(new)
        library = load_library(new, symbol)
        if cache_path:
            write_sealed(cache_path, new.read_bytes())
        return library
