"""The file of the saved form: an archive of a JSON header and arrays, each with its checksum."""

import io
import json
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import MemjaxError, ModelError
from ..files import strict_json, writing
from ..flags import check_flags
from .decode import Decoder
from .encode import Encoder

SUFFIX = ".memjax"
"""How the name of a saved file ends."""

SCHEMA_VERSION = 1
"""Layout of the files that this version writes; it reads all layouts up to it."""

_FORMAT, _HEADER = "memjax saved object", "header.json"
_LAYOUT = "a file that memjax.save wrote"
_DAMAGE = (
    OSError, EOFError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError,
    zipfile.BadZipFile,
)  # fmt: skip
"""Errors of zip (a `RuntimeError` of what says that it is encrypted), NumPy and the decoder about a file that is not as
`save` writes it."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal objects give equal files


def save(path: str | Path, value: Any) -> None:
    """Write a device, circuit, fit, population, network, trace or measurement to a file.

    Parameters
    ----------
    path : str or Path
        The file, which ends in ``.memjax``. It appears whole or not at all; one that exists is replaced.
    value : Any
        A dataclass (every Equinox module is one) of numbers, text, arrays, and further such; lists, tuples and
        dictionaries of them.

    Raises
    ------
    ModelError
        If something in it has no saved form, or the name ends otherwise.
    OutputError
        If the file cannot be written.

    Notes
    -----
    An archive (zip) of ``header.json`` and ``arrays/N.npy``. Numbers, arrays and their types come back to the bit, and
    what was one object is one object again. Nothing is pickled: loading runs no code of the file.
    """
    if Path(path).suffix != SUFFIX:
        raise ModelError(f"suffix {Path(path).suffix!r}", where=str(path), allowed=SUFFIX)
    content = to_bytes(value)
    with writing(path) as temporary:
        temporary.write_bytes(content)


def to_bytes(value: Any) -> bytes:
    """Return in memory what `save` writes."""
    encoder = Encoder()
    content = encoder.encode(value, type(value).__name__)
    header = {
        "format": _FORMAT,
        "schema_version": SCHEMA_VERSION,
        "memjax": version("memjax"),
        "arrays": [[a.dtype.str, list(a.shape)] for a in encoder.arrays],
        "content": content,
    }
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_HEADER, _EPOCH), strict_json(header))
        for k, array in enumerate(encoder.arrays):
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(_member(k), _EPOCH), buffer.getvalue())
    return whole.getvalue()


def load(path: str | Path, *, classes: tuple[Any, ...] = (), single_precision: bool = False) -> Any:
    """Read what `save` wrote.

    Parameters
    ----------
    path : str or Path
        The file.
    classes : tuple of type, optional
        Classes of one's own that the file holds objects of. Others come from memjax, fitting, and packages that offer
        entry points to memjax.
    single_precision : bool
        Whether numbers of 64 bits may be cut to 32 where JAX has 64 disabled; otherwise that is an error.

    Returns
    -------
    Any
        The object.

    Raises
    ------
    ModelError
        If the file is none of memjax's, damaged or cut short, of a later version, or holds a class that is not known.
    """
    check_flags({"single_precision": single_precision}, where="load")
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ModelError("no such file", where=str(path), allowed=_LAYOUT) from error
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", where=str(path)) from error
    return from_bytes(content, str(path), classes=classes, single_precision=single_precision)


def from_bytes(
    content: bytes, where: str, *, classes: tuple[Any, ...] = (), single_precision: bool = False
) -> Any:
    """The object that `to_bytes` wrote; `where` it is from, for errors."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            offsets = [entry.header_offset for entry in archive.infolist()]
            if len(set(offsets)) < len(offsets):
                # Python from 3.13 only warns of this, and earlier versions read it.
                raise zipfile.BadZipFile("two members begin at one place")
            header = _header(archive, where)
            arrays = [
                np.load(io.BytesIO(archive.read(_member(k))), allow_pickle=False)
                for k in range(len(header["arrays"]))
            ]
        return Decoder(arrays, tuple(classes), where, single_precision).decode(header["content"])
    except MemjaxError:
        raise
    except _DAMAGE as error:
        raise ModelError(
            f"damaged, or none of memjax's ({type(error).__name__}: {error})",
            where=where,
            allowed=_LAYOUT,
        ) from error


def _member(k: int) -> str:
    return f"arrays/{k}.npy"


def _header(archive: zipfile.ZipFile, where: str) -> dict:
    """The header of an archive, of a version that can be read."""
    header = json.loads(archive.read(_HEADER))
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise ModelError("an archive, but none of memjax's", where=where, allowed=_LAYOUT)
    version = header.get("schema_version")
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise ModelError(
            f"schema_version {version!r}",
            where=where,
            allowed=f"1 to {SCHEMA_VERSION}",
            fix=f"update memjax: the file is of memjax {header.get('memjax')}",
        )
    return header
