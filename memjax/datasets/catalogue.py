"""The facts of the public sets: repository, commit, licence, device, DOI, files and their checksums."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from urllib.parse import quote

from ..errors import ReaderError

PREFIX = "dataset:"
"""What stands before the name of a set where a file is asked for."""


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file of a public set.

    Parameters
    ----------
    path : str
        Where it lies in its repository; empty for a tidy copy, which no repository holds.
    url : str or None
        Where it can be downloaded.
    copy : str or None
        Where the folder of ``MEMJAX_DATA`` holds the same bytes.
    sha256 : str or None
        Checksum; None where nobody has recorded it, so that a download cannot be verified.
    size : int or None
        Size [byte].
    """

    path: str
    url: str | None
    copy: str | None
    sha256: str | None
    size: int | None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return (self.path or self.copy or "").rsplit("/", 1)[-1]

    @property
    def pickled(self) -> bool:
        """Whether it is a Python pickle, which runs code when it is opened and is never read."""
        return self.name.endswith((".pkl", ".pickle"))


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A public set of measurements.

    Parameters
    ----------
    name : str
        Name by which memjax knows it.
    title, device, measured : str
        What it is, on which device, and what was measured.
    repository, licence : str
        Address of the public repository, and the licence that it states.
    commit, doi : str or None
        State of the repository, and the DOI of the publication that the repository names.
    subset : str or None
        What of the original the tidy copy holds, where it is not all.
    pattern : str or None
        Where the repository holds all files of the set.
    files : tuple of DataFile
        Original files that are known one by one.
    tidy : DataFile or None
        Copy with columns in SI.
    """

    name: str
    title: str
    device: str
    measured: str
    repository: str
    licence: str
    commit: str | None = None
    doi: str | None = None
    subset: str | None = None
    pattern: str | None = None
    files: tuple[DataFile, ...] = ()
    tidy: DataFile | None = None

    def file(self, path: str) -> DataFile:
        """The original file of that path, or of that last part of a path.

        Raises
        ------
        ReaderError
            If no file, or more than one, is called so.
        """
        matches = [f for f in self.files if path in (f.path, f.name)]
        if len(matches) != 1:
            allowed = (
                ", ".join(f.path for f in self.files) or "the set has no file that is known by name"
            )
            what = "several files" if matches else "no file"
            raise ReaderError(f"{what} {path!r}", where=f"{PREFIX}{self.name}", allowed=allowed)
        return matches[0]


def names() -> tuple[str, ...]:
    """Names of all public sets, in alphabetical order."""
    return tuple(sorted(_catalogue()))


def describe(name: str) -> DataSet:
    """The facts of one set.

    Raises
    ------
    ReaderError
        If there is no set of that name.
    """
    if name not in _catalogue():
        raise ReaderError(
            f"no public set {name!r}",
            where="datasets",
            allowed=", ".join(names()),
            fix="see 'memjax datasets'",
        )
    return _catalogue()[name]


@cache
def _catalogue() -> dict[str, DataSet]:
    """All sets by name."""
    content = tomllib.loads(files("memjax.datasets").joinpath("catalogue.toml").read_text("utf-8"))
    return {name: _data_set(name, dict(entry)) for name, entry in content.items()}


def _data_set(name: str, entry: dict) -> DataSet:
    """A set out of its table of the catalogue."""
    originals = tuple(
        _file(
            f,
            _download_address(entry["repository"], f.get("commit", entry.get("commit")), f["path"]),
        )
        for f in entry.pop("files", ())
    )
    tidy = _file(entry.pop("tidy"), None) if "tidy" in entry else None
    return DataSet(name=name, files=originals, tidy=tidy, **entry)


def _file(entry: dict, url: str | None) -> DataFile:
    return DataFile(
        path=entry.get("path", ""),
        url=url,
        copy=entry.get("copy"),
        sha256=entry.get("sha256"),
        size=entry.get("size"),
    )


def _download_address(repository: str, commit: str | None, path: str) -> str | None:
    """Return the address of a file of a repository at a commit on GitHub; None without a commit."""
    owner = repository.removeprefix("https://github.com/")
    return commit and f"https://raw.githubusercontent.com/{owner}/{commit}/{quote(path)}"
