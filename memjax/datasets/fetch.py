"""The files of a public set on this machine: a local copy, or a download, each checked by SHA-256."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import ReaderError
from ..runtime.flags import check_flags
from .catalogue import PREFIX, DataFile, DataSet, describe

if TYPE_CHECKING:
    from ..data import Measurement
    from ..data.records import Records

LOCAL, MIRROR = "MEMJAX_DATA", "MEMJAX_MIRROR"
"""Environment variables: a folder with copies, and a server that stands in for the repositories' own."""


def fetch(name: str, file: str | None = None, *, trust: bool = False) -> tuple[Path, ...]:
    """The original files of a public set, from the folder of ``MEMJAX_DATA``, the cache or the network.

    Parameters
    ----------
    name : str
        Name of the set, see `memjax.datasets.names`.
    file : str, optional
        One file of the set, by its path or the last part of it; all by default.
    trust : bool
        Whether a file without a recorded checksum may be downloaded.

    Returns
    -------
    tuple of Path
        The files. Those from the network lie in the cache of the user's account.

    Raises
    ------
    ReaderError
        If a file is a pickle, has no recorded checksum and is not trusted, cannot be reached, or is not the file
        that was recorded.
    """
    check_flags({"trust": trust}, where="memjax.datasets")
    data_set = describe(name)
    chosen = data_set.files if file is None else (data_set.file(file),)
    if not chosen:
        raise ReaderError(
            "no original file is known by name",
            where=f"{PREFIX}{name}",
            fix=f"see {data_set.repository}",
        )
    return tuple(_path(f, data_set, trust) for f in chosen)


def path_of(name: str, file: str | None = None, *, trust: bool = False) -> Path:
    """The one file that stands for a set: the named one, else the tidy copy where it is at hand, else the original.

    Raises
    ------
    ReaderError
        As `fetch`, and if a set of several files is at hand as originals only and none is named.
    """
    check_flags({"trust": trust}, where="memjax.datasets.path_of")
    data_set = describe(name)
    if file is None and data_set.tidy is not None:
        local = _local_copy(data_set.tidy, data_set)
        if local is not None:
            return local
    if file is None and len(data_set.files) > 1:
        choices = ", ".join(f"{PREFIX}{name}/{f.name}" for f in data_set.files)
        raise ReaderError(
            "a set of several files", where=f"{PREFIX}{name}", allowed=choices, fix="name one"
        )
    return fetch(name, file, trust=trust)[0]


def load(
    name: str,
    file: str | None = None,
    *,
    trust: bool = False,
    options: Mapping[str, Any] | None = None,
) -> "Measurement | Records":
    """Read a public set.

    Parameters
    ----------
    name : str
        Name of the set.
    file : str, optional
        One of its original files; by default the tidy copy where ``MEMJAX_DATA`` holds it, else the original.
    trust : bool
        Whether a file without a recorded checksum may be downloaded.
    options : mapping, optional
        Options of `memjax.read`, such as ``{"point_time": 0.01}``.

    Returns
    -------
    Measurement or Records
        What the file holds: voltage and current, or conductances per pulse, decays, cycles, spikes.

    Raises
    ------
    ReaderError
        As `fetch`, and if the file cannot be read.
    """
    check_flags({"trust": trust}, where="memjax.datasets.load")
    from ..data import has_records, read, read_records

    path = path_of(name, file, trust=trust)
    return read_records(path) if has_records(path) else read(path, **dict(options or {}))


def is_local(file: DataFile) -> bool:
    """Whether the folder of ``MEMJAX_DATA`` holds a copy, checked or not."""
    path = _copy_path(file)
    return path is not None and path.is_file()


def _copy_path(file: DataFile) -> Path | None:
    """Return the path that a local copy would have."""
    folder = os.environ.get(LOCAL)
    return Path(folder) / file.copy if folder and file.copy else None


def _local_copy(file: DataFile, data_set: DataSet) -> Path | None:
    """The copy in the folder of ``MEMJAX_DATA``, verified; None where there is none."""
    path = _copy_path(file)
    if path is None or not path.is_file():
        return None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != file.sha256:
        raise _mismatch(
            str(path),
            file,
            digest,
            fix=f"remove it, or take the original from {data_set.repository}",
        )
    return path


def _mismatch(where: str, file: DataFile, digest: str, *, fix: str) -> ReaderError:
    return ReaderError(
        f"SHA-256 {digest[:12]}... is not that of {file.name}",
        where=where,
        allowed=f"{file.sha256}",
        fix=fix,
    )


def _path(file: DataFile, data_set: DataSet, trust: bool) -> Path:
    """One original file on this machine."""
    where = f"{PREFIX}{data_set.name}"
    if file.pickled:
        raise ReaderError(
            f"{file.path} is a pickle, which runs code when it is opened",
            where=where,
            allowed="a table; memjax never opens pickles",
            fix=f"set {LOCAL} to a folder with a tidy copy, or write the arrays of {data_set.repository} as a table",
        )
    local = _local_copy(file, data_set)
    if local is not None:
        return local
    if file.sha256 is None and not trust:
        raise ReaderError(
            f"nobody has recorded the SHA-256 of {file.path}, so a download cannot be verified",
            where=where,
            fix="download it with --trust (trust=True in Python), or by hand from " + str(file.url),
        )
    return _download(file, where)


def _download(file: DataFile, where: str) -> Path:
    """The file in the cache, downloaded first where it is not there, and verified each time."""
    pooch = _pooch()
    url = _address(str(file.url))
    # The address stands in the cached name, so that one path at two commits is two files.
    cached = hashlib.sha256(str(file.url).encode()).hexdigest()[:16] + "-" + file.name
    known = None if file.sha256 is None else f"sha256:{file.sha256}"
    try:
        return Path(
            pooch.retrieve(
                url, known_hash=known, fname=cached, path=pooch.os_cache("memjax") / "datasets"
            )
        )
    except (
        ValueError
    ) as error:  # pooch's own: the checksum is another one, and the download was deleted
        if "hash" not in str(error):
            raise
        raise ReaderError(
            f"what {url} serves is not the recorded {file.name}",
            where=where,
            allowed=f"SHA-256 {file.sha256}",
            fix="the file has changed or the transfer was damaged: try again, or tell the authors of memjax",
        ) from error
    except OSError as error:  # requests' errors are OSErrors: no network, no such address, refused
        raise ReaderError(
            f"{file.path} cannot be downloaded ({type(error).__name__})",
            where=where,
            fix=f"connect to a network, or set {LOCAL} to a folder that holds {file.copy or file.path}",
        ) from error


def _pooch() -> Any:
    """The library that downloads, silent where it succeeds."""
    try:
        import pooch
    except ImportError as error:
        raise ReaderError(
            "downloads need the package pooch", where="datasets", fix="pip install 'memjax[files]'"
        ) from error
    pooch.get_logger().setLevel("ERROR")
    return pooch


def _address(url: str) -> str:
    """The address, at the mirror where one is set."""
    mirror = os.environ.get(MIRROR)
    return url if not mirror else mirror.rstrip("/") + urlsplit(url).path
