"""Currents of a voltage and a resistance."""

import numpy as np
import pytest

from memjax.cli import main
from memjax.data import read
from memjax.errors import ReaderError


@pytest.mark.parametrize("unit", ["ohm", "kohm", "kΩ", "MOhm"])
def test_the_current_is_the_voltage_over_the_resistance(tmp_path, unit):
    path = tmp_path / "r.csv"
    path.write_text(f"V (mV),R ({unit})\n100,2\n200,4\n300,0\n")
    m = read(path, columns={"v": "V", "r": "R"})
    factor = {"ohm": 1, "kohm": 1e3, "kΩ": 1e3, "MOhm": 1e6}[unit]
    np.testing.assert_allclose(m.i, [0.1 / 2 / factor, 0.2 / 4 / factor])
    assert any("right where the resistance was read at that voltage" in w for w in m.warnings)
    assert "1 row with NaN dropped: line 4" in m.warnings


def test_numbered_columns_are_named_by_their_numbers(tmp_path, capsys):
    path = tmp_path / "form.txt"
    path.write_text("121 2.0 3.2 5945 1\n122 2.0 2.9 5306 1\n")
    assert main(["read", str(path)]) == 2
    err = capsys.readouterr().err
    assert "first rows: 121 2.0 3.2 5945 1 | 122 2.0 2.9 5306 1" in err
    assert "v=NAME,r=NAME" in err
    assert main(["read", str(path), "--columns", "v=3,r=4"]) == 0
    m = read(path, columns={"v": "3", "r": "4"})
    np.testing.assert_allclose(m.i, [3.2 / 5945, 2.9 / 5306])
    assert any("taken as ohm" in w for w in m.warnings)


def test_both_or_another_unit_is_refused(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("V (V),I (A),R (V)\n1,2,3\n1,2,3\n")
    with pytest.raises(ReaderError, match="both i and r"):
        read(path, columns={"i": "I", "r": "R"})
    with pytest.raises(ReaderError, match="unit 'V' of column"):
        read(path, columns={"v": "V", "r": "R"})


def test_numbers_suggest_what_three_columns_are(tmp_path):
    path = tmp_path / "n.txt"
    path.write_text("\n".join(f"{0.1 * k}\t{1e-3 * (k % 3)}\t{k % 3}" for k in range(9)))
    remarks = r"--columns t=1,v=3,i=2, if column 3 is the voltage \(column 1 increases throughout"
    with pytest.raises(ReaderError, match=remarks):
        read(path)
    m = read(path, columns={"t": "1", "v": "3", "i": "2"})
    np.testing.assert_allclose(m.i, 1e-3 * m.v)
