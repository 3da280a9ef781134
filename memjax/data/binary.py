"""Files that are no text: by what they begin, unpacked where they are gzipped, refused where they are pickles."""

import gzip
import zlib
from pathlib import Path

from memjax.errors import ReaderError

WORKBOOK_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
NUMPY_MAGIC = b"\x93NUMPY"
MATLAB_MAGIC = b"MATLAB 5.0 MAT-file"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
NETCDF3_MAGIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
PARQUET_MAGIC = b"PAR1"
_GZIP_MAGIC = b"\x1f\x8b"
_HDF5_OFFSETS = (0, 512, 1024, 2048, 4096)
"""Where the signature of HDF5 may stand: MATLAB 7.3 writes 512 bytes of its own before it."""


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
            data = gzip.decompress(data)
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
