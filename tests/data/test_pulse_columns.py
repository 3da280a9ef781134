"""Potentiation and depression without a column that names the branch, and headers in other words."""

import numpy as np
import pytest

from memjax.data import has_records, read_records
from memjax.errors import ReaderError

UP = np.array([1.0, 3.0, 4.0, 5.0])
DOWN = np.array([4.0, 2.0, 1.5, 1.0])
G = np.concatenate([UP, DOWN])


@pytest.fixture
def write(tmp_path):
    def write(head, *columns):
        path = tmp_path / "lot.csv"
        rows = [
            ",".join("" if np.isnan(x) else f"{x:g}" for x in row)
            for row in zip(*columns, strict=True)
        ]
        path.write_text("\n".join([head, *rows]) + "\n")
        return path

    return write


@pytest.mark.parametrize(
    ("head", "scale"),
    [
        ("Pulse #,Conductance (uS)", 1e6),
        ("Pulse number,G (mS)", 1e3),
        ("pulse,conductance", 1.0),
        ("Number of pulses,g_S", 1.0),
        ("Pulse No.,Resistance (kOhm)", None),
    ],
)
def test_one_column_is_parted_at_its_highest_conductance(write, head, scale):
    g = 1 / G / 1e3 if scale is None else G * scale
    (record,) = read_records(write(head, np.arange(8), g))
    np.testing.assert_allclose(record.g, [G], rtol=1e-5)
    assert (record.device, record.kinds.tolist()) == ("lot", [0, 0, 0, 1, 1, 1, 1])
    assert any(
        "up to the highest conductance (pulse 3) are taken as set" in w for w in record.warnings
    )


def test_pulses_from_1_have_a_first_reading_that_is_said(write):
    (record,) = read_records(write("Pulse #,Conductance (uS)", np.arange(1, 9), G))
    np.testing.assert_allclose(record.g, [1e-6 * G])
    assert any("count from 1" in w for w in record.warnings)


def test_depression_may_come_first(write):
    (record,) = read_records(write("Pulse #,Conductance (uS)", np.arange(8), 6 - G))
    assert record.kinds.tolist() == [1, 1, 1, 0, 0, 0, 0]


@pytest.mark.integration
def test_a_column_for_either_branch(write):
    for head in (
        "Pulse,Potentiation (uS),Depression (uS)",
        "Pulse #,LTP (uS),LTD (uS)",
        "pulse,G_P (uS),G_D (uS)",
    ):
        (record,) = read_records(write(head, np.arange(1, 5), UP, DOWN))
        np.testing.assert_allclose(record.g, [1e-6 * G])
        assert record.kinds.tolist() == [0, 0, 0, 1, 1, 1, 1]
    (short,) = read_records(
        write("pulse,P (uS),D (uS)", np.arange(1, 5), UP, [4, 2, np.nan, np.nan])
    )
    assert short.kinds.tolist() == [0, 0, 0, 1, 1]


def test_a_column_per_device(write):
    one, two = read_records(write("Pulse #,Device A (uS),Device B (uS)", np.arange(8), G, 2 * G))
    assert (one.device, two.device) == ("Device A", "Device B")
    np.testing.assert_allclose(two.g, 2 * one.g)


def test_cycles_by_a_count_that_begins_again_or_by_a_column(write):
    pulse = np.tile(np.arange(1, 5), 4)
    (record,) = read_records(write("Pulse #,Conductance (uS)", pulse, np.tile(G, 2)))
    np.testing.assert_allclose(record.g, 1e-6 * np.stack([G, G]))
    assert any("parted where the count of pulses begins again" in w for w in record.warnings)
    cycle = np.repeat([3, 5], 8)
    (record,) = read_records(
        write("Cycle,Pulse #,Conductance (uS)", cycle, np.tile(np.arange(8), 2), np.tile(G, 2))
    )
    assert record.cycles.tolist() == [3, 5]


def test_other_words_for_the_known_columns(tmp_path):
    path = tmp_path / "x.csv"
    rows = [f"P,{k},{g}" for k, g in enumerate(UP)] + [f"D,{k + 1},{g}" for k, g in enumerate(DOWN)]
    path.write_text("Polarity,Pulse #,Conductance (uS)\n" + "\n".join(rows) + "\n")
    (record,) = read_records(path)
    assert record.reader == "pulse-table"
    np.testing.assert_allclose(record.g, [1e-6 * G])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("pulse", "g", "says"),
    [
        (np.arange(24), np.tile(G, 3), "goes up and down 6 times"),
        (np.arange(8), np.ones(8), "does not change"),
        ([0, 1, 2, 3, 5, 6, 7, 8], G, "do not count 0, 1, 2"),
        (np.arange(8), np.where(G == 3, np.nan, G), "missing"),
        (np.arange(8), np.where(G == 3, -3, G), "no positive number"),
        (np.tile(np.arange(4), 3), np.tile(UP, 3), "do not go up and down in turn"),
    ],
)
def test_damaged_tables_are_refused_in_words(write, pulse, g, says):
    with pytest.raises(ReaderError, match=says):
        read_records(write("Pulse #,Conductance (uS)", pulse, g))


@pytest.mark.parametrize(
    "head", ["pulse_V,i_A", "Pulse #,v_V", "pulse_ns,r_ohm", "t_s,r_ohm", "Pulse width (s),G (S)"]
)
def test_other_tables_are_none_of_these(write, head):
    path = write(head, np.arange(8), G)
    assert not has_records(path) or read_records(path)[0].reader != "pulse-columns"


def test_a_temperature_beside_a_decay_is_no_label(write):
    t, r = np.arange(4.0), np.array([1.0, 2, 3, 4])
    for head, columns in (("t,R,T", (t, r, 300 + t)), ("T (K),Time (s),R (kOhm)", (300 + t, t, r))):
        (record,) = read_records(write(head, *columns))
        assert record.t.tolist() == [0, 1, 2, 3]
        assert any("300 to 303, is not used" in w for w in record.warnings)
    (record,) = read_records(write("t_s,r_ohm,temp_C", t, r, np.full(4, 25)))
    assert any("25, is not used" in w for w in record.warnings)


@pytest.mark.integration
def test_columns_that_differ_from_row_to_row_tell_no_runs(write):
    with pytest.raises(ReaderError, match="columns 'x' differ from row to row"):
        read_records(write("t,R,x", np.arange(4), np.ones(4), np.arange(4) ** 2))
