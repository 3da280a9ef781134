"""Arrays that numpy saved."""

import numpy as np
import pytest

from memjax.data import read
from memjax.errors import ReaderError

from .arrays import I, T, V, assert_loops


def test_arrays_by_name_are_columns(tmp_path):
    np.savez(tmp_path / "a.npz", V=V, I=I, time=T, device="A1")
    m = read(tmp_path / "a.npz")
    assert_loops(m, 1)
    np.testing.assert_array_equal(m.t, T)
    assert (m.reader, m.source["settings"]) == ("numpy", {"device": "A1"})


def test_an_array_of_records_has_its_columns_by_name(tmp_path):
    np.save(tmp_path / "a.npy", np.rec.fromarrays([I, V], names="current,voltage"))
    assert_loops(read(tmp_path / "a.npy"), 1)


@pytest.mark.parametrize("transposed", [False, True])
def test_many_currents_under_one_voltage_are_curves(tmp_path, transposed):
    many = np.stack([I, 2 * I, 4 * I])
    np.savez_compressed(tmp_path / "a.npz", V=V, I=many.T if transposed else many)
    assert_loops(read(tmp_path / "a.npz"), 1, 2, 4)


def test_pairs_of_voltages_and_currents_are_curves_and_their_axis_is_said(tmp_path):
    np.savez(tmp_path / "a.npz", V=np.stack([V, V]), I=np.stack([I, 2 * I]))
    m = read(tmp_path / "a.npz")
    assert_loops(m, 1, 2)
    assert any("longer axis is taken as the points" in w for w in m.warnings)
    assert_loops(read(tmp_path / "a.npz", columns={"v": "V", "i": "I"}), 1, 2)


def test_one_array_without_names_asks_for_columns_and_reads_with_them(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.column_stack([V, I]))
    with pytest.raises(ReaderError, match=r"'1', '2' \(no header\).*--columns v="):
        read(path)
    assert_loops(read(path, columns={"v": "1", "i": "2"}), 1)
    np.save(path, np.stack([V, I]))
    m = read(path, columns={"v": "1", "i": "2"})
    assert_loops(m, 1)
    assert any("longer axis" in w for w in m.warnings)


def test_arrays_of_other_names_are_chosen_by_the_user(tmp_path):
    np.savez(tmp_path / "a.npz", x=V, y=I, z=2 * I)
    assert_loops(read(tmp_path / "a.npz", columns={"v": "x", "i": "z"}), 2)


def test_pickles_are_never_read_and_the_message_says_why(tmp_path):
    objects = np.array([1.0, None], dtype=object)
    np.save(tmp_path / "a.npy", objects)
    np.savez(tmp_path / "a.npz", V=V, I=objects)
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94K\x01a.")
    for name, what in (("a.npy", "an array"), ("a.npz", "the array 'I'"), ("a.pkl", "a Python")):
        with pytest.raises(ReaderError, match=rf"{what}.*pickle.*run any program") as caught:
            read(tmp_path / name)
        assert len(caught.value.lines) == 1


@pytest.mark.parametrize("keep", [40, 200, 500])
def test_a_truncated_file_is_one_error(tmp_path, keep):
    np.savez(tmp_path / "a.npz", V=V, I=I)
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(data[:keep])
    with pytest.raises(ReaderError, match="damaged file of numpy"):
        read(tmp_path / "b.npz")
