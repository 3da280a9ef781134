"""Outputs that appear whole or not at all: they are written under a temporary name and then renamed."""

import contextlib
import glob
import hashlib
import json
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import OutputError

LOCK = ".lock"
"""The file in a folder that the process which writes to it has locked."""

_FILLED: set[Path] = set()
"""Temporary files and folders that threads of this process are filling."""


def strict_json(content: Any) -> str:
    """JSON for a file: indented, and without NaN or infinity, which JSON does not have.

    Raises
    ------
    ValueError
        For numbers that are not finite.
    """
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def write_json(path: str | Path, content: Any) -> None:
    """Write `strict_json` to a file that appears whole or not at all."""
    with writing(path) as temporary:
        temporary.write_text(strict_json(content), encoding="utf-8")


def is_inside(name: str) -> bool:
    """Whether a path that a file names stays in the folder of that file: a stranger's file reads no other ones."""
    path = os.path.normpath(name)
    return not os.path.isabs(path) and path.split(os.sep)[0] != os.pardir and "\0" not in name


def _temporary_path(path: Path) -> Path:
    """A hidden name next to `path` that no other process uses, and no other thread.

    An interrupt saves what is reached in a thread of its own, while the fit may be writing its folder.
    """
    return path.with_name(f".{path.name}.{threading.get_ident()}.{os.getpid()}.part")


def remove_temporaries(folder: Path, name: str = "*") -> None:
    """Remove temporary files in a folder whose process was killed; `name` is that of the output, or a pattern."""
    for path in folder.glob(f".{name}.*.part"):
        process = path.suffixes[-2][1:]
        if process.isdigit() and not _is_alive(int(process)):
            _remove(path)


def remove_own_temporaries() -> None:
    """Remove what threads of this process are filling, before it ends without coming back to them."""
    for path in tuple(_FILLED):
        # Under another name first: what a thread still writes to it fails, rather than lets it stay.
        gone = path.with_name(f"{path.name}.gone")
        with contextlib.suppress(OSError):
            path.rename(gone)
            _remove(gone)


def _remove(path: Path) -> None:
    """Remove a temporary file or folder, which may have gone."""
    with contextlib.suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Whether there is a process of that number on this machine, or may be."""
    if os.name != "posix":  # elsewhere signal 0 is Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True


def holds_no_result(folder: Path) -> bool:
    """Whether a folder holds nothing but folders, a lock and temporary files.

    It is empty, or a run was killed in it before it had written anything.
    """
    return all(
        p.is_dir() or p.name == LOCK or (p.name.startswith(".") and p.suffix == ".part")
        for p in folder.rglob("*")
    )


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder; the lock ends with the process, however it ends.

    Raises
    ------
    OutputError
        If another one writes to it, or the operating system refuses.
    """
    with _lock(folder / LOCK, folder, "wait for it, or choose another --out"):
        yield


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Keep other processes from a file that is written again and again, as `lock_folder` does; leaves nothing beside
    it.
    """
    lock = path.with_name(f".{path.name}.lock")
    with _lock(lock, path, "wait for it, or choose another file"):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextmanager
def _lock(path: Path, where: Path, fix: str) -> Iterator[None]:
    """Hold the lock that a file stands for."""
    try:
        import fcntl
    except ImportError:  # a system without such locks
        yield
        return
    try:
        lock = open(path, "a")  # noqa: SIM115
    except OSError as error:
        raise _fail(where, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            said = "another run is writing to it"
            raise OutputError(said, where=str(where), fix=fix) from error
        yield


def _fail(path: Path, error: OSError | ValueError) -> OutputError:
    """An `OutputError` that says in one line why the operating system refused."""
    reason = getattr(error, "strerror", None) or error
    return OutputError(
        f"cannot be written ({reason})",
        where=str(path),
        fix="choose another --out",
    )


def prepare_output(
    path: str | Path, *, force: bool = False, folder: bool = False, marker: str | None = None
) -> Path:
    """Check, before anything is computed, that an output can be written.

    Parameters
    ----------
    path : str or Path
        File or folder to be made.
    force : bool
        Whether what exists may be replaced.
    folder : bool
        Whether the output is a folder.
    marker : str, optional
        Name of a file that a folder must hold to be replaced, unless it is empty: ``--force`` on
        the wrong folder must not delete it.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    OutputError
        If it exists and may not be replaced, or its parent is missing or refuses.
    """
    path = Path(os.path.abspath(path))
    try:
        if path.exists() or path.is_symlink():
            _check_existing(path, force, folder, marker)
        if not path.parent.is_dir():
            raise OutputError(
                "no such folder",
                where=str(path),
                allowed="a file in a folder that exists",
                fix=f"make the folder {path.parent} first",
            )
        # Here and not at each write: a folder of many results would be looked through for each of them.
        remove_temporaries(path.parent, glob.escape(path.name))
        probe = _temporary_path(path)
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:  # a NUL in the name is the latter
        raise _fail(path, error) from None
    return path


def _check_existing(path: Path, force: bool, folder: bool, marker: str | None) -> None:
    """Raise where what exists is not to be replaced."""
    where = str(path)
    if path.is_dir() != folder:
        kind = "a file" if folder else "a directory"
        raise OutputError(f"{kind} of that name exists", where=where, fix="choose another --out")
    if folder and holds_no_result(path):
        return
    if not force:
        raise OutputError("it exists already", where=where, fix="add --force to overwrite it")
    if folder and marker and not (path / marker).exists():
        raise OutputError(
            f"the directory holds no {marker}",
            where=where,
            allowed="an empty directory, or one with an earlier result",
            fix="choose another --out: --force does not delete what memjax has not written",
        )


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Give a temporary file beside `path` to write to; rename it on success, remove it otherwise.

    Raises
    ------
    OutputError
        If the operating system refuses.
    """
    path = Path(os.path.abspath(path))
    temporary = _temporary_path(path)
    _FILLED.add(temporary)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise _fail(path, error) from error
    finally:
        _remove(temporary)
        _FILLED.discard(temporary)


@contextmanager
def writing_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path` to fill; put it in the place of `path` on success.

    Notes
    -----
    What stood there is moved aside first and deleted last, so that at no time both are gone. Ask
    `prepare_output` first whether it may be replaced.

    Raises
    ------
    OutputError
        If the operating system refuses.
    """
    path = Path(os.path.abspath(path))
    temporary = _temporary_path(path)
    old = temporary.with_name(temporary.name + ".old")
    _FILLED.add(temporary)
    try:
        _remove(temporary)
        temporary.mkdir()
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        if old.exists() and not path.exists():
            old.rename(path)
        raise _fail(path, error) from error
    finally:
        _remove(temporary)
        _FILLED.discard(temporary)


def _checksum(name: str, content: bytes) -> bytes:
    """Return the checksum of a name and a content: no program stands in the place of another one."""
    return hashlib.sha256(name.encode() + b"\0" + content).digest()


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file that begins with the checksum of its name and content, whole or not at all.

    A disk that is full, or a folder that refuses, costs the time of the next start, and nothing else.
    """
    with contextlib.suppress(OSError, OutputError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with writing(path) as temporary:
            temporary.write_bytes(_checksum(path.name, content) + content)


def read_sealed(path: Path) -> bytes | None:
    """Content of a file of `write_sealed`.

    Returns
    -------
    bytes or None
        None where there is no such file, where it is no plain file or belongs to another user, or where its checksum
        does not fit: then it is removed.
    """
    try:
        with open(path, "rb", opener=_open_plainly) as file:
            # Of the file that is read, whatever the path leads to by now.
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            if hasattr(os, "getuid") and status.st_uid != os.getuid():
                return None
            data = file.read()
    except OSError:
        return None
    size = hashlib.sha256().digest_size
    content = data[size:]
    if data[:size] == _checksum(path.name, content):
        return content
    with contextlib.suppress(OSError):
        path.unlink()
    return None


def _open_plainly(path: str, flags: int) -> int:
    """Open neither what a link leads to, nor wait for what a pipe may bring."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
