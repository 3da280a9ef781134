"""Kernels of neurons: built by a compiler of C, kept on disk, and called by XLA."""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...compile_cache import read_sealed, write_sealed
from .source import Shape, Source, kernel_source
from .translation import UntranslatableError

COMPILER = "MEMJAX_CC"
"""Environment variable: the compiler of C, `cc` by default; where it is empty, no kernel is built."""

_FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
_FLAGS += ["-ffinite-math-only", "-fno-signed-zeros", "-fno-strict-aliasing", "-fschedule-insns"]
_FLAGS += ["-fPIC", "-shared", "-x", "c", "-", "-lm"]
"""Rounding as written, so that numbers do not depend on what stands around an operation; loops in whole vectors.

What is not finite is looked for in the bits of the states at the end of each step, see `Carry.broken` there.
"""

_SECONDS = 120.0
"""After which a compiler is given up."""

_libraries: list[ctypes.CDLL] = []
"""Kernels in use: XLA holds addresses in them."""


@dataclass(frozen=True)
class Kernel:
    """An exchange interval of all neurons of a group on one device, as a call by XLA.

    Parameters
    ----------
    target : str
        Name of the call.
    source : Source
        What it was built from.
    shape : Shape
        What it was built for.
    """

    target: str
    source: Source
    shape: Shape

    def __call__(
        self, own: Any, carry: Any, first, dense: Sequence, tables: Sequence, words: int
    ) -> tuple[Any, list]:
        """The carry after an exchange interval, and the words of spikes of `memjax.network.delivery.push_spike`.

        Parameters
        ----------
        own, carry : PyTree
            As `kernel_source` was given, with arrays of all lanes.
        first : Int[Array, ""]
            Number of the first step.
        dense : sequence of Float[Array, " places"]
            Arrivals of those receptors that have arrays of them.
        tables : sequence of tuple
            Of each table of connections: where rows begin, targets, weights; numbers, steps and number of the spikes
            that are due.
        words : int
            How many words for the spikes of a lane.
        """
        leaves, tree = jax.tree.flatten(carry)
        owns = jax.tree.leaves(own)
        arguments = [jnp.asarray(self.source.constants), first, *owns, *leaves, *dense]
        arguments += [x for table in tables for x in table]
        shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves]
        shapes += [jax.ShapeDtypeStruct(leaves[0].shape, np.uint32)] * words
        # Each group of lanes is read before it is written: states may stay where they are.
        aliases = {2 + len(owns) + k: k for k in range(len(leaves))}
        results = jax.ffi.ffi_call(self.target, shapes, input_output_aliases=aliases)(*arguments)
        return jax.tree.unflatten(tree, results[: len(leaves)]), list(results[len(leaves) :])


def kernel_of(lane: Callable, own: Any, carry: Any, shape: Shape) -> Kernel | str:
    """The kernel of a lane's equations, see `kernel_source`; why there is none, where there is none."""
    if jax.default_backend() != "cpu":
        return "not a CPU"
    compiler = find_compiler()
    if compiler is None:
        return f"no compiler of C ({COMPILER} names one)"
    try:
        source = kernel_source(lane, own, carry, shape)
    except UntranslatableError as e:
        return f"no translation of {e}"
    try:
        return Kernel(_register(source.text, compiler), source, shape)
    except (OSError, subprocess.SubprocessError) as e:
        said = (getattr(e, "stderr", None) or str(e)).strip().splitlines() or [type(e).__name__]
        return f"{compiler}: {said[0]}"


def find_compiler() -> str | None:
    """Path of the compiler of C; None where there is none, or none is wanted."""
    name = os.environ.get(COMPILER, "cc")
    return shutil.which(name) if name else None


@functools.cache
def _register(text: str, compiler: str) -> str:
    """Name by which XLA calls a kernel."""
    flags = [*_FLAGS, f"-I{jax.ffi.include_dir()}"]
    if platform.machine() in ("x86_64", "AMD64"):
        flags.append("-mprefer-vector-width=512")
    content = "\0".join([text, *flags, _about(compiler), _processor()])
    digest = hashlib.sha256(content.encode()).hexdigest()
    target = f"memjax_network_{digest[:32]}"
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
    call = jax.ffi.pycapsule(_libraries[-1].memjax_network_kernel)
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
