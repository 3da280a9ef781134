"""JAX as the command line runs it: float64, and programs compiled once per machine."""

import hashlib
import os
import platform
from pathlib import Path

from .command import say

_OFF = ("off", "0", "")


def cache_folder() -> Path | None:
    """Folder of compiled programs: MEMJAX_CACHE, or memjax/xla in the user's cache; None: switched off.

    Notes
    -----
    There is one folder per kind of processor in it: XLA's code runs only where it was compiled, and
    a home directory may be shared between machines.
    """
    chosen = os.environ.get("MEMJAX_CACHE")
    if chosen is not None and chosen.strip().lower() in _OFF:
        return None
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = Path(chosen).expanduser() if chosen else home / "memjax" / "xla"
    return root / _processor()


def _processor() -> str:
    """Short name of the kind of processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").split("\n") if info.exists() else []
    flags = next(
        (line for line in lines if line.startswith(("flags", "Features"))), platform.processor()
    )
    return f"{platform.machine()}-{hashlib.sha256(flags.encode()).hexdigest()[:12]}"


def prepare_jax() -> None:
    """Compute in float64 and keep compiled programs, unless the user keeps them elsewhere by JAX's own variable."""
    # Else XLA says of every program it loads that the processor lacks "prefer-no-gather".
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax

    jax.config.update("jax_enable_x64", True)
    folder = cache_folder()
    if folder is None or (
        "MEMJAX_CACHE" not in os.environ and "JAX_COMPILATION_CACHE_DIR" in os.environ
    ):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        say(
            "warning",
            f"programs are compiled anew each time: {folder} cannot be written ({error.strerror})",
        )
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
