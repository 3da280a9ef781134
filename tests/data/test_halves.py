"""Sweeps that a file labels in halves are joined; those that begin or end in their midst are not counted."""

import numpy as np
import pytest

import memjax as mj
from memjax.observables import complete_excursions, summarise, switching

UP = np.arange(41) / 40
V = np.concatenate([UP, UP[::-1]])
OUT = np.arange(82) <= 40
I = V / np.where((V >= 0.6) & OUT | (V > 0.31) & ~OUT, 1e6, 1e12)
"""Switches at 0.6 V, is back at 0.3 V."""


def _read(path, v, i, label=None, t=None) -> mj.Measurement:
    columns = (
        {"v_V": v, "i_A": i}
        | ({} if label is None else {"sweep": label})
        | ({} if t is None else {"t_s": t})
    )
    rows = "\n".join(
        ",".join(f"{x:.8g}" for x in row) for row in zip(*columns.values(), strict=True)
    )
    path.write_text(",".join(columns) + "\n" + rows + "\n")
    return mj.read(path)


def test_halves_with_labels_of_their_own_are_joined(tmp_path):
    label = np.repeat(np.arange(10), 41)
    m = _read(tmp_path / "halves.csv", np.tile(V, 5), np.tile(I, 5), label)
    assert m.labels.tolist() == [0, 2, 4, 6, 8]
    assert any("halves" in w for w in m.warnings)
    found = summarise(switching(m))
    assert found["positive"]["excursions"] == found["positive"]["switched"] == 5
    assert found["positive"]["v_th_V"]["max"] == 0.6
    assert found["positive"]["v_hold_V"]["median"] == 0.3


def test_sweeps_that_are_no_halves_keep_their_labels(tmp_path):
    label = np.repeat(np.arange(4), 82)
    m = _read(tmp_path / "whole.csv", np.tile(V, 4), np.tile(I, 4), label)
    assert m.labels.tolist() == [0, 1, 2, 3]
    up = _read(tmp_path / "up.csv", np.tile(UP, 4), np.tile(I[:41], 4), np.repeat(np.arange(4), 41))
    assert up.labels.tolist() == [0, 1, 2, 3]
    again = _read(
        tmp_path / "t.csv", V, I, np.repeat([0, 1], 41), np.tile(np.arange(41) * 1e-3, 2)
    )  # their time starts again
    assert again.labels.tolist() == [0, 1]


@pytest.mark.parametrize("part", [slice(0, 4 * 82 + 20), slice(61, None)], ids=["ends", "begins"])
def test_a_sweep_that_was_cut_off_is_not_counted(tmp_path, part):
    """By its 20th row the last one has not switched; the first one is on already where the data begin."""
    m = _read(tmp_path / "cut.csv", np.tile(V, 5)[part], np.tile(I, 5)[part])
    found = switching(m)
    assert len(found) == 5
    assert len(complete_excursions(found)) == 4
    summary = summarise(found)
    assert summary["incomplete"] == 1
    one = summary["positive"]
    assert (one["excursions"], one["never_switched"], one["never_returned"]) == (4, 0, 0)
    assert one["v_th_V"]["min"] == one["v_th_V"]["max"] == 0.6


def test_a_way_back_alone_has_no_switching_voltage(tmp_path):
    m = _read(tmp_path / "back.csv", V[41:], I[41:])
    (found,) = switching(m)
    assert (found.branches, found.switched, found.v_th, found.v_hold) == ("back", False, None, 0.3)
    assert summarise([found])["positive"]["never_switched"] == 0


def test_ways_out_alone_are_sweeps_that_could_not_return(tmp_path):
    m = _read(tmp_path / "out.csv", np.tile(UP, 3), np.tile(I[:41], 3), np.repeat(np.arange(3), 41))
    one = summarise(switching(m))["positive"]
    assert (one["excursions"], one["switched"], one["never_returned"]) == (3, 3, 0)
