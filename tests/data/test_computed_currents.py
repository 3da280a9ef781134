"""Currents that a file holds as logarithms or as densities."""

import numpy as np
import pytest

from memjax.data import read
from memjax.errors import ReaderError

LOOP = np.array([0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5, 0.0])
SIZE = np.abs(1e-3 * LOOP) + 1e-9


@pytest.fixture
def write(tmp_path):
    def write(head, *columns):
        path = tmp_path / "x.csv"
        rows = ["\t".join(f"{x:.15g}" for x in row) for row in zip(*columns, strict=True)]
        path.write_text("\n".join([head.replace(";", "\t"), *rows]) + "\n")
        return path

    return write


@pytest.mark.integration
@pytest.mark.parametrize(
    ("head", "x"),
    [
        ("log(Current)", np.log10(SIZE)),
        ("log10(I)", np.log10(SIZE)),
        ("Log I (A)", np.log10(SIZE)),
        ("log10|I/uA|", np.log10(1e6 * SIZE)),
        ("log10(|I| (mA))", np.log10(1e3 * SIZE)),
        ("Current (log A)", np.log10(SIZE)),
        ("ln|I|", np.log(SIZE)),
        ("ln(I/A)", np.log(SIZE)),
    ],
)
def test_logarithms_are_undone_and_said(write, head, x):
    m = read(write(f"Voltage (V);{head}", LOOP, x))
    np.testing.assert_allclose(m.i, SIZE, rtol=1e-12)
    assert m.modulus
    word = "natural" if head.startswith("ln") else "decadic"
    assert any(f"{head!r} is taken as the {word} logarithm of a modulus" in w for w in m.warnings)


def test_a_current_beside_its_logarithm_is_taken_as_it_is(write):
    m = read(write("V (V);log(I);I (A)", LOOP, np.log10(SIZE), 1e-3 * LOOP))
    np.testing.assert_allclose(m.i, 1e-3 * LOOP)
    assert m.warnings == ("columns left aside: log(I)",)


@pytest.mark.integration
def test_a_logarithm_is_undone_where_the_user_names_it(write):
    path = write("V (V);log(I);I (A)", LOOP, np.log10(SIZE), 1e-3 * LOOP)
    np.testing.assert_allclose(read(path, columns={"i": "log(I)"}).i, SIZE)


def test_logarithms_of_many_curves(write):
    m = read(write("V1;log(I1);V2;log(I2)", LOOP, np.log10(SIZE), LOOP, np.log10(2 * SIZE)))
    np.testing.assert_allclose(m.i, np.concatenate([SIZE, 2 * SIZE]))
    assert m.modulus


@pytest.mark.parametrize("x", [1e-3 * LOOP, 10 + LOOP])
def test_numbers_that_are_no_logarithms_are_refused(write, x):
    with pytest.raises(ReaderError, match=r"'log\(I\)' holds .* no logarithms of currents"):
        read(write("V (V);log(I)", LOOP, x))


def test_an_infinite_logarithm_is_a_dropped_row(write):
    x = np.log10(SIZE)
    x[3] = -np.inf
    m = read(write("V (V);log(I)", LOOP, x))
    assert len(m.i) == 8
    assert "1 row with NaN dropped: line 5" in m.warnings


@pytest.mark.integration
@pytest.mark.parametrize(
    ("head", "per_si"),
    [
        ("J (A/cm2)", 1e-4),
        ("J [A cm-2]", 1e-4),
        ("Current density (mA/cm^2)", 0.1),
        ("J / A m-2", 1.0),
        ("I (A/m2)", 1.0),
    ],
)
def test_densities_ask_for_the_area_and_take_it(write, head, per_si):
    path = write(f"V (V);{head}", LOOP, 1e7 * per_si * LOOP)
    with pytest.raises(ReaderError, match=r"is a current density in .* --area 100um"):
        read(path)
    m = read(path, area=1e-10)
    np.testing.assert_allclose(m.i, 1e-3 * LOOP)
    assert m.warnings == (f"the current is {head!r} times the area, 1e-10 m^2 (100 um^2)",)


def test_densities_of_many_curves(write):
    m = read(write("V1 (V);J1 (A/m2);V2 (V);J2 (A/m2)", LOOP, LOOP, LOOP, 2 * LOOP), area=1e-3)
    np.testing.assert_allclose(m.i, 1e-3 * np.concatenate([LOOP, 2 * LOOP]))


def test_a_density_without_a_unit_is_refused(write):
    with pytest.raises(ReaderError, match="density without a unit"):
        read(write("V (V);Current density", LOOP, LOOP), area=1e-10)


def test_an_area_that_is_none_or_not_needed_is_said(write):
    path = write("V (V);I (A)", LOOP, LOOP)
    assert "the area is not used: the file holds a current" in read(path, area=1e-10).warnings
    for area, says in ((100.0, "unit behind it"), (0.0, "allowed: > 0"), (-1.0, "allowed: > 0")):
        with pytest.raises(ReaderError, match=says):
            read(path, area=area)
