"""Formats that memjax does not read: what each is, and a line that makes a table of it."""

from pathlib import Path

from memjax.errors import ReaderError

_SAVE = "np.savetxt({out!r}, {x}, delimiter=',', header='v_V,i_A', comments='')"
_NPY = "import numpy as np; x = np.load({path!r}); " + _SAVE.replace("{x}", "x")
_NPZ = "import numpy as np; d = np.load({path!r}); print(list(d)); " + _SAVE.replace(
    "{x}", "np.column_stack([d['V'], d['I']])"
)
_MAT = (
    "import numpy as np, scipy.io; d = scipy.io.loadmat({path!r}, squeeze_me=True); print(list(d)); "
    + _SAVE.replace("{x}", "np.column_stack([d['V'], d['I']])")
)
_HDF = "import numpy as np, h5py; d = h5py.File({path!r}); d.visit(print); " + _SAVE.replace(
    "{x}", "np.column_stack([d['V'][()].ravel(), d['I'][()].ravel()])"
)
_FORMATS = (
    (b"\x93NUMPY", "an array of numpy", _NPY, "header names its columns"),
    (b"MATLAB 5.0 MAT-file", "a file of MATLAB", _MAT, "V and I are the names that it prints"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 (.h5, .mat of MATLAB 7.3, .nc)", _HDF, "V and I are the names that it prints"),
)  # fmt: skip


def other_format(data: bytes, path: Path) -> ReaderError | None:
    """Why a file of numpy, MATLAB or HDF5 is not read, with a command that converts it; None for others.

    Parameters
    ----------
    data : bytes
        Content.
    path : Path
        Where it lies.
    """
    match = next((f for f in _FORMATS if data.startswith(f[0])), None)
    if match is None and data.startswith(b"PK\x03\x04") and path.suffix.lower() == ".npz":
        match = (b"", "arrays of numpy (.npz)", _NPZ, "V and I are the names that it prints")
    # MATLAB 7.3 writes 512 bytes of its own before HDF5 begins.
    if data.startswith(b"MATLAB 7.3") or data[512:520] == b"\x89HDF\r\n\x1a\n":
        match = _FORMATS[2]
    if match is None:
        return None
    recipe = match[2].format(path=path.name, out=path.stem + ".csv")
    return ReaderError(
        f"{match[1]} is not read", where=str(path), allowed="text, .xls, .xlsx, .lvm",
        fix=f'convert it in its folder: python -c "{recipe}" ({match[3]})',
    )  # fmt: skip
