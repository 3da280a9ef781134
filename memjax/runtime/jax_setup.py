"""JAX as the command line runs it: float64, and programs compiled once per machine."""

import hashlib
import os
import platform
from pathlib import Path

from .console import say

_OFF = ("off", "0", "")


def cache_folder() -> Path | None:
    """Folder of compiled programs, None where it is switched off.

    MEMJAX_CACHE names it, or switches it off ("off", "0", empty); else it is memjax/xla in the
    user's cache.

    Notes
    -----
    There is one folder per kind of processor in it: XLA's code runs only where it was compiled, and
    a home directory may be shared between machines.
    """
    setting = os.environ.get("MEMJAX_CACHE")
    if setting is not None and setting.strip().lower() in _OFF:
        return None
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = Path(setting).expanduser() if setting else home / "memjax" / "xla"
    return root / _processor()


def _processor() -> str:
    """Short name of the kind of processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").split("\n") if info.exists() else []
    flags = [line for line in lines if line.startswith(("flags", "Features"))][:1]
    kind = hashlib.sha256("".join(flags or [platform.processor()]).encode()).hexdigest()[:12]
    return f"{platform.machine()}-{kind}"


def prepare_jax() -> None:
    """Compute in float64, in loops that are compiled whole, and keep compiled programs.

    Notes
    -----
    The folder is JAX's own where the user has set JAX_COMPILATION_CACHE_DIR and not MEMJAX_CACHE.
    """
    import jax

    from .compile_cache import fuse_small_loops, seal_compiled_programs

    fuse_small_loops()
    jax.config.update("jax_enable_x64", True)
    folder = cache_folder()
    if folder is not None and _folder_of_jax() is None and _is_own(folder):
        seal_compiled_programs()
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _folder_of_jax() -> str | None:
    """JAX's own folder of compiled programs, where the user has set that one alone."""
    return None if "MEMJAX_CACHE" in os.environ else os.environ.get("JAX_COMPILATION_CACHE_DIR")


def kernel_folder() -> Path | None:
    """Return the folder of kernels once `prepare_jax` was called, without loading JAX."""
    named = _folder_of_jax()
    folder = cache_folder() if named is None else Path(named) if named else None
    return folder and folder / "kernels"


def _is_own(folder: Path) -> bool:
    """Whether the folder can be made and written, for this user alone; a warning says so where not.

    Programs run as they are read: whoever can write to the folder can run code as its user.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid"):
            if folder.stat().st_uid != os.getuid():
                say("warning", f"nothing is kept: {folder} belongs to another user")
                return False
            if folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
        probe = folder / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        say("warning", f"nothing is kept: {folder} cannot be written ({error.strerror})")
        return False
    return True
