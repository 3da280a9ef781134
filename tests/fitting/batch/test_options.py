"""Options of batches."""

import pytest

from fitting.app.config import parse_fit
from fitting.batch.fit import CHUNK
from memjax.errors import UsageError

WORDS = ["a.csv", "--model", "vteam", "--out", "out"]


def test_a_batch_is_asked_for_and_its_chunk_is_a_number_of_devices(tmp_path):
    plain = parse_fit(WORDS)
    assert (plain.batch, plain.chunk, plain.wafer_map) == (False, CHUNK, None)
    (tmp_path / "b.csv").touch()
    words = [str(tmp_path), *WORDS[1:], "--batch", "--chunk", "5", "--wafer-map", "map.csv"]
    given = parse_fit(words)
    assert (given.batch, given.chunk, given.wafer_map) == (True, 5, "map.csv")
    assert given.files == [str(tmp_path / "b.csv")]  # files of a folder
    with pytest.raises(UsageError, match="--chunk"):
        parse_fit([*WORDS, "--chunk", "0"])
