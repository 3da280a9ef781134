"""Places of devices on a wafer, from names and from tables."""

import pytest

from fitting.batch import wafer
from memjax.errors import DataError


def test_names_tell_row_and_column_or_coordinates():
    names = ["wafer2_R4_B9", "r3c5_forming", "chip-row2_col7", "x12_y3", "sweep4", "car2_c3"]
    found, why = wafer.from_names(names)
    assert found == {
        "wafer2_R4_B9": (9.0, 4.0),
        "r3c5_forming": (5.0, 3.0),
        "chip-row2_col7": (7.0, 2.0),
        "x12_y3": (12.0, 3.0),
    }
    assert why == "2 devices have no place on the wafer map"
    assert "tell no row and column" in wafer.from_names(["a", "b", "r1c1"])[1]
    assert "lie at one place" in wafer.from_names(["a_r1c1", "b_r1c1"])[1]


def test_a_table_tells_places_by_name_or_file(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("name,x,y\na,0,1.5\nb.csv,2,3\n")
    assert wafer.from_table(path, ["a", "b"]) == ({"a": (0.0, 1.5), "b": (2.0, 3.0)}, "")
    path.write_text("Name,X,Y\na,0,1.5\nb.csv,2,3\n")
    assert wafer.from_table(path, ["a", "b"]) == ({"a": (0.0, 1.5), "b": (2.0, 3.0)}, "")
    with pytest.raises(DataError, match="none of the devices"):
        wafer.from_table(path, ["c"])
    path.write_text("name,x\na,0\n")
    with pytest.raises(DataError, match="no column 'y'"):
        wafer.from_table(path, ["a"])
