"""Traced programs kept on disk: JAX's own cache spares the compiler a second time, this one the tracer too."""

import contextlib
import dataclasses
import functools
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import equinox as eqx
import jax
import jax.core
import jax.export
import numpy as np

from .files import read_sealed, write_sealed

T = TypeVar("T", bound=Callable[..., Any])

_ADDRESS = " at 0x"
"""What a representation holds where it is of this process only."""


def _folder() -> Path | None:
    """Return the folder of programs: JAX's compilation cache, and only if run-time checks do not call Python back."""
    root = jax.config.values.get("jax_compilation_cache_dir")
    return Path(root) / "traced" if root and os.environ.get("EQX_ON_ERROR") == "nan" else None


def traced_files() -> list[Path]:
    """All files of memjax and of fitting, beside it, from which programs are traced, in order."""
    package = Path(__file__).parents[1]
    roots = package, package.parent / "fitting"
    return [x for r in roots for x in sorted(r.rglob("*.*")) if x.suffix in (".py", ".c")]


@functools.cache
def source_digest() -> str:
    """Digest of the source of memjax and fitting, from which programs are traced, and of what traces them."""
    digest = hashlib.sha256(f"{jax.__version__} {eqx.__version__}".encode())
    for path in traced_files():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def signature(arguments: Any, *, static: bool = False) -> str:
    """Return what arguments of one program have in common: shapes of arrays, and all other values exactly.

    Parameters
    ----------
    arguments : PyTree
        Modules, dataclasses, containers, arrays, and what is static.
    static : bool
        Whether arrays in it are static, too: then their numbers count.

    Returns
    -------
    str
        Equal for no two arguments that need different programs. It holds an address (`` at 0x``) where something has
        no other representation.

    Notes
    -----
    No `repr` of a model decides: those are for people, and leave numbers out. A field without a value tells as much
    as one with an array: which of the optional parameters are given decides on the program.
    """
    x = arguments

    def inner(value, constant=static):
        return signature(value, static=constant)

    if is_array(x):
        numbers = hashlib.sha256(np.asarray(x).tobytes()).hexdigest() if static else ""
        return f"{x.dtype}{list(x.shape)}{numbers}"
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        fixed = static or not isinstance(x, eqx.Module)
        texts = {
            f.name: inner(getattr(x, f.name, None), fixed or f.metadata.get("static", False))
            for f in dataclasses.fields(x)
        }
        return f"{type(x)!r}({', '.join(f'{n}={text}' for n, text in texts.items())})"
    if isinstance(x, dict):
        return f"{type(x)!r}({', '.join(f'{k!r}: {inner(v)}' for k, v in x.items())})"
    if isinstance(x, list | tuple):
        return f"{type(x)!r}({', '.join(map(inner, x))})"
    return repr(x)


def _key(name: str, arguments: Any) -> str | None:
    """Name of a program's file; None where something in it has no lasting representation."""
    content = f"{name} {signature(arguments)}"
    content += f" {jax.default_backend()} {jax.config.values['jax_enable_x64']} {source_digest()}"
    return None if _ADDRESS in content else hashlib.sha256(content.encode()).hexdigest()


def seal_compiled_programs() -> None:
    """Let JAX keep its compiled programs with checksums.

    JAX writes them as they are: where its compression has no checksum of its own a single flipped bit may change what
    a program computes, and a process that is killed leaves half a file. There is no public place for this; a JAX
    that has moved it keeps its programs as before.
    """
    try:
        from jax._src import compilation_cache

        base = compilation_cache.LRUCache
    except (ImportError, AttributeError):  # another JAX
        return
    if base.__name__ == "SealedCache":
        return

    class SealedCache(base):
        """Compiled programs by their keys."""

        def get(self, key: str) -> bytes | None:
            return read_sealed(Path(self.path) / f"{key}.sealed")

        def put(self, key: str, value: bytes) -> None:
            write_sealed(Path(self.path) / f"{key}.sealed", value)

    compilation_cache.LRUCache = SealedCache


def _load_or_trace(path: Path, call: Callable, leaves: list) -> jax.export.Exported:
    """The program of a call, from its file, or traced and put there."""
    content = read_sealed(path)
    if content is not None:
        return jax.export.deserialize(bytearray(content))
    program = jax.export.export(jax.jit(call))(*leaves)
    write_sealed(path, bytes(program.serialize()))
    return program


def cached_text(name: str, arguments: Any, make: Callable[[], str]) -> str:
    """A text that follows from our source and the signature of arguments, kept on disk beside the programs.

    Parameters
    ----------
    name : str
        What is made.
    arguments : PyTree
        What it is made of, see `signature`.
    make : callable
        Makes it.
    """
    folder, key = _folder(), _key(name, arguments)
    path = None if folder is None or key is None else folder / key
    content = read_sealed(path) if path else None
    if content is not None:
        return content.decode()
    text = make()
    if path:
        write_sealed(path, text.encode())
    return text


ONE_KERNEL = 4_000_000
"""Bytes of a loop up to which XLA compiles it as one function, see `fuse_small_loops`."""

_OPTION = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold"


def fuse_small_loops() -> None:
    """Let XLA compile a loop of up to 4 MB as one function and not as one for each of its operations.

    Solves of few devices are loops of hundreds of operations on few numbers each, whose time is that of the
    calls: they become up to four times as fast. To be called before anything is compiled; it adds to
    XLA_FLAGS of this process, unless they hold such options already. An XLA that does not know the
    option, or another kind of device, takes no notice.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_OPTION}={ONE_KERNEL}".strip()


def fast_compile_options() -> dict[str, Any]:
    """Options of XLA for programs of many small operations: a third less time to compile, as fast to run."""
    return {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}


@functools.cache
def supported_options(options: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Options that XLA takes on a processor, where this one knows them; none elsewhere."""
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(lambda x: x + 1, compiler_options=options())(0.0)
    except Exception:  # another XLA names them otherwise
        return {}
    return options()


def jit_with_options(f: T, options: Callable[[], dict[str, Any]] = fast_compile_options) -> T:
    """`equinox.filter_jit` of a function of pytrees, with options for XLA where they can be given.

    Parameters
    ----------
    f : callable
        Takes positional arguments, whose arrays are traced.
    options : callable
        Makes the options for a processor, by default `fast_compile_options`; XLA takes them for an outermost
        program only.
    """
    plain = eqx.filter_jit(f)

    @functools.cache
    def with_options() -> Callable:
        # To pyright what `filter_jit` hands on to `jax.jit` is unknown.
        return eqx.filter_jit(f, compiler_options=supported_options(options))  # pyright: ignore[reportCallIssue]

    @functools.wraps(f)
    def wrapper(*args):
        inner = any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(args))
        return (plain if inner else with_options())(*args)

    return cast(T, wrapper)


def is_array(x: Any) -> bool:
    """Whether `equinox.filter_jit` traces a value."""
    return isinstance(x, jax.Array | np.ndarray)


_NO_LOCK, _UNKNOWN = contextlib.nullcontext(), object()


def cached_jit(f: T) -> T:
    """Compile a function of pytrees as `equinox.filter_jit` does, and keep its traced program on disk.

    Parameters
    ----------
    f : callable
        Takes positional arguments, whose arrays are traced, and returns arrays in tuples and
        dictionaries.

    Returns
    -------
    callable
        Under a trace, without a compilation cache, or where a program cannot be kept, this is
        `equinox.filter_jit`. Its ``bind(x)`` is the function of the arguments after the first, which have to be arrays:
        it does not look at the first one again in each call.
    """
    plain, ready, locks = jit_with_options(f), {}, {}

    def key_of(args: tuple, leaves: list) -> str | None:
        under_trace = any(isinstance(x, jax.core.Tracer) for x in leaves)
        return None if _folder() is None or under_trace else _key(f.__qualname__, args)

    def run(key: str | None, args: tuple, leaves: list, structure: Any, static: Any):
        folder = _folder()
        if folder is None or key is None:
            return plain(*args)
        # Of threads that ask for one program at once the first one makes it.
        with locks.setdefault(key, threading.Lock()) if key not in ready else _NO_LOCK:
            program = ready.get(key, _UNKNOWN)
            if program is _UNKNOWN:
                program = _prepare(f, folder / key, leaves, structure, static)
            result = plain(*args) if program is None else program(*leaves)
            ready[key] = program
        return result

    @functools.wraps(f)
    def wrapper(*args):
        dynamic, static = eqx.partition(args, is_array)
        leaves, structure = jax.tree.flatten(dynamic)
        return run(key_of(args, leaves), args, leaves, structure, static)

    def bind(first):
        fixed, keys = jax.tree.leaves(eqx.filter(first, is_array)), {}

        def call(*others):
            more = jax.tree.leaves(others)
            shapes = tuple((x.shape, x.dtype) for x in more)
            if shapes not in keys:
                keys[shapes] = key_of((first, *others), [*fixed, *more])
            key, args = keys[shapes], (first, *others)
            if key is None:
                return plain(*args)
            if (program := ready.get(key)) is not None:
                return program(*fixed, *more)
            dynamic, static = eqx.partition(args, is_array)
            return run(key, args, *jax.tree.flatten(dynamic), static)

        return call

    cast(Any, wrapper).bind = bind
    return cast(T, wrapper)


def _prepare(f: Callable, path: Path, leaves: list, structure: Any, static: Any) -> Callable | None:
    """Return a function of the leaves that runs the program; None if there is none."""

    def call(*arrays):
        return f(*eqx.combine(jax.tree.unflatten(structure, arrays), static))

    try:
        program = _load_or_trace(path, call, leaves)
        return jax.jit(program.call, compiler_options=supported_options(fast_compile_options))
    except Exception:  # a cache may fail in any way, and must not fail the run
        return None
