"""HDF5 files."""

import h5py
import numpy as np
import pytest

from memjax.data import read
from memjax.errors import ReaderError

from .arrays import I, V, assert_loops


def test_units_are_attributes(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["bias"], file["current"] = 1e3 * V, 1e6 * I
        file["bias"].attrs["units"], file["current"].attrs["unit"] = "mV", "uA"
        file["operator"] = "me"
    m = read(path)
    np.testing.assert_allclose([m.v, m.i], [V, I], rtol=1e-15)
    assert (m.reader, m.warnings, m.source["settings"]) == ("hdf5", (), {"operator": "me"})


def test_groups_are_records_and_a_path_names_one(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for k in (1, 2):
            file[f"sweep {k}/voltage"], file[f"sweep {k}/current"] = V, k * I
    assert_loops(read(path), 1, 2)
    only = {"v": "sweep 2/voltage", "i": "sweep 2/current"}
    assert_loops(read(path, columns=only), 2)


def test_a_group_for_each_quantity_is_read(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["voltage/data"], file["current/data"] = V, I
    assert_loops(read(path), 1)


def test_compound_datasets_have_columns(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["loop"] = np.rec.fromarrays([V, I], names="V,I")
    assert_loops(read(path), 1)


def test_arrays_of_another_length_are_named(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["V"], file["I"], file["spectrum"] = V, I, np.arange(7.0)
    m = read(path)
    assert_loops(m, 1)
    assert "arrays of other lengths are not read: spectrum" in m.warnings


def test_a_damaged_file_is_one_error(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["V"], file["I"] = V, I
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ReaderError, match="damaged HDF5 file"):
        read(path)
