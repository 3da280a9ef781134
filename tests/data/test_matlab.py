"""MATLAB files, written by scipy (versions 4 and 5) and in the layout of version 7.3 by h5py."""

import h5py
import numpy as np
import pytest
import scipy.io

from memjax.data import read
from memjax.errors import ReaderError

from .arrays import I, T, V, assert_loops


@pytest.mark.parametrize("version", ["4", "5"])
def test_variables_are_columns(tmp_path, version):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"V": V, "I": I, "t": T}, format=version)
    m = read(path)
    assert_loops(m, 1)
    np.testing.assert_array_equal(m.t, T)
    assert m.reader == "matlab"


def test_structures_and_their_arrays_are_records(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"data": {"V": V, "I": I}, "operator": "me"})
    assert_loops(read(path), 1)
    scipy.io.savemat(path, {"runs": [{"V": V, "I": k * I} for k in (1, 2)]})
    assert_loops(read(path), 1, 2)


def test_a_matrix_holds_a_curve_in_each_column(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"V": V[:, None], "I": np.stack([I, 2 * I], axis=1)})
    assert_loops(read(path), 1, 2)


def version_73(path, fill):
    """HDF5 behind MATLAB's 512 bytes, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        fill(file)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116))


def test_version_7_3_is_read_with_cells_and_structures(tmp_path):
    path = tmp_path / "a.mat"

    def flat(file):
        file["V"], file["I"] = V[None], I[None]
        file["note"] = np.frombuffer("device A1".encode("utf-16-le"), "<u2")[:, None]
        file["note"].attrs["MATLAB_class"] = np.bytes_("char")

    version_73(path, flat)
    m = read(path)
    assert_loops(m, 1)
    assert m.reader == "matlab"
    assert m.source["settings"] == {"note": "device A1"}

    def cells(file):
        for k in (1, 2):
            file[f"#refs#/{k}/V"], file[f"#refs#/{k}/I"] = V[None], k * I[None]
        file.create_dataset("runs", (1, 2), dtype=h5py.ref_dtype)
        for k in (1, 2):
            file["runs"][0, k - 1] = file[f"#refs#/{k}"].ref

    version_73(path, cells)
    assert_loops(read(path), 1, 2)


def test_objects_and_damaged_files_are_refused_by_name(tmp_path):
    path = tmp_path / "a.mat"
    opaque = np.zeros(1, dtype=[("s0", "O"), ("s1", "O"), ("s2", "O"), ("arr", "O")])
    scipy.io.savemat(path, {"tab": opaque})
    with pytest.raises(ReaderError, match="no variable that holds numbers; variables: tab"):
        read(path)
    scipy.io.savemat(path, {"V": V, "I": I})
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ReaderError, match="damaged MATLAB file"):
        read(path)


def test_an_element_of_an_unknown_kind_is_refused_before_scipy_sees_it(tmp_path):
    """A kind beyond the table of scipy's reader makes it read memory that is not its own."""
    path = tmp_path / "a.mat"
    for compress in (False, True):
        scipy.io.savemat(path, {"data": {"V": V, "I": I}}, do_compression=compress)
        assert_loops(read(path), 1)
    scipy.io.savemat(path, {"V": V, "I": I})
    data = bytearray(path.read_bytes())
    at = data.index(V.astype("<f8").tobytes()) - 8
    assert data[at] == 9  # the kind of doubles
    data[at + 1] = 78
    path.write_bytes(bytes(data))
    with pytest.raises(ReaderError, match="damaged MATLAB file"):
        read(path)
