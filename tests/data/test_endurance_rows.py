"""One cell a line, two resistances for each cycle."""

import numpy as np
import pytest

from memjax.data import read_records
from memjax.errors import ReaderError

RNG = np.random.default_rng(0)
HIGH, LOW = 1e5 * np.exp(RNG.normal(size=(5, 12))), 5e3 * np.exp(0.1 * RNG.normal(size=(5, 12)))


def write(path, first, second, separator="\t"):
    pairs = np.stack([first, second], axis=-1).reshape(len(first), -1)
    lines = [
        separator.join([f"{121 + k}.000", *(f"{x:.3f}" for x in row)])
        for k, row in enumerate(pairs)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("separator", ["\t", ","])
def test_states_are_told_by_their_numbers(tmp_path, swapped, separator):
    pair = (LOW, HIGH) if swapped else (HIGH, LOW)
    records = read_records(write(tmp_path / "c.csv", *pair, separator))
    assert [r.device for r in records] == ["121", "122", "123", "124", "125"]
    np.testing.assert_allclose([r.hrs for r in records], HIGH, atol=5e-4)
    np.testing.assert_allclose([r.lrs for r in records], LOW, atol=5e-4)
    assert "in ohm" in records[0].warnings[0]


def test_states_that_do_not_take_turns_are_not_guessed(tmp_path):
    path = write(tmp_path / "c.csv", HIGH, HIGH)
    with pytest.raises(ReaderError, match="no conductance per pulse"):
        read_records(path)
    with pytest.raises(ReaderError, match="no two states in turn"):
        read_records(path, reader="endurance-rows")


def test_a_line_that_is_cut_is_named(tmp_path):
    path = write(tmp_path / "c.csv", HIGH, LOW)
    path.write_text(path.read_text()[:-40] + "\n")
    with pytest.raises(ReaderError, match=r"fewer cells than the 25 of the first line; .*line 5"):
        read_records(path, reader="endurance-rows")
