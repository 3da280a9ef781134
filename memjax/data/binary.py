"""Files that are no text: by what they begin, unpacked where they are gzipped, refused where they are pickles."""

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from memjax.errors import ReaderError

WORKBOOK_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
NUMPY_MAGIC = b"\x93NUMPY"
MATLAB_MAGIC = b"MATLAB 5.0 MAT-file"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
NETCDF3_MAGIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
PARQUET_MAGIC = b"PAR1"
MOST_UNPACKED = 200
"""How many times its size a packed file may hold: tables of numbers hold some 3 to 30 times."""

UNPACKED_AT_LEAST = 64 * 2**20
"""What any packed file may hold [bytes], however small it is."""

_PART = 2**20

_GZIP_MAGIC = b"\x1f\x8b"
_HDF5_OFFSETS = (0, 512, 1024, 2048, 4096)
"""Where the signature of HDF5 may stand: MATLAB 7.3 writes 512 bytes of its own before it."""


def _within(file: gzip.GzipFile, size: int, where: str) -> bytes:
    """Return the content of a packed file, refused while it unpacks if it becomes too large."""
    most = most_unpacked(size)
    parts, total = [], 0
    while part := file.read(_PART):
        total += len(part)
        if total > most:
            raise too_large(size, where)
        parts.append(part)
    return b"".join(parts)


def too_large(size: int, where: str) -> ReaderError:
    """The error of a packed content of a size."""
    return ReaderError(
        f"{size / 2**20:.3g} MiB that unpack to more than {most_unpacked(size) / 2**20:.4g} MiB", where=where,
        allowed=f"at most {MOST_UNPACKED} times the size of the file", fix="unpack it by hand",
    )  # fmt: skip


def most_unpacked(size: int) -> int:
    """Bytes that a packed content of a size may hold at most."""
    return max(size * MOST_UNPACKED, UNPACKED_AT_LEAST)


def inflate(data: bytes) -> bytes:
    """Return a content that zlib had packed.

    Raises
    ------
    zlib.error
        If it is damaged, or holds more than `most_unpacked`.
    """
    most = most_unpacked(len(data))
    engine = zlib.decompressobj()
    content = engine.decompress(data, most)
    if engine.unconsumed_tail or not engine.eof:
        raise zlib.error("it ends early, or holds too much")
    return content


def check_archive(data: bytes, *, where: str) -> None:
    """Refuse an archive (zip: workbooks, .npz) whose members unpack to more than `MOST_UNPACKED` times its size.

    Raises
    ------
    ReaderError
        Before anything unpacks: `zipfile` gives no more of a member than the size that the archive states.
    """
    if not data.startswith(WORKBOOK_MAGIC[0]):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):  # damaged, or of a later zip
        return  # what reads it says what is wrong
    if total > most_unpacked(len(data)):
        raise too_large(len(data), where)


def is_hdf5(data: bytes) -> bool:
    """Whether a content is HDF5, perhaps behind a block of the user's."""
    return any(data[k : k + len(HDF5_MAGIC)] == HDF5_MAGIC for k in _HDF5_OFFSETS)


def is_binary(data: bytes, path: Path) -> bool:
    """Whether a content is of one of the binary formats that have a reader; MATLAB 4 has no mark but its name."""
    magic = (*WORKBOOK_MAGIC, NUMPY_MAGIC, MATLAB_MAGIC, *NETCDF3_MAGIC, PARQUET_MAGIC)
    old = path.suffix.lower() == ".mat" and b"\x00" in data[:20]
    return data.startswith(magic) or is_hdf5(data) or old


def unpacked(data: bytes, *, where: str) -> bytes:
    """The content, unpacked where it is gzipped.

    Raises
    ------
    ReaderError
        If the gzipped content is damaged, or the content is a pickle.
    """
    if data.startswith(_GZIP_MAGIC):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                data = _within(file, len(data), where)
        except (OSError, EOFError, zlib.error) as error:
            raise ReaderError(
                f"a damaged gzip file ({error})", where=where, fix="copy it again from its source"
            ) from None
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise ReaderError(
            "a Python pickle, which can run any program when it is read", where=where,
            allowed="files of numbers: CSV, .npz, .h5, .parquet",
            fix="where you trust it, save its arrays with numpy.savez and read that",
        )  # fmt: skip
    return data
