"""Options of batches."""

import argparse

import pytest

from fitting.batch.fit import CHUNK
from fitting.batch.options import configure
from memjax.errors import UsageError


def test_a_batch_is_asked_for_and_its_chunk_is_a_number_of_devices():
    parser = argparse.ArgumentParser(exit_on_error=False)
    configure(parser)
    plain = parser.parse_args([])
    assert (plain.batch, plain.chunk, plain.wafer_map) == (False, CHUNK, None)
    given = parser.parse_args(["--batch", "--chunk", "5", "--wafer-map", "map.csv"])
    assert (given.batch, given.chunk, given.wafer_map) == (True, 5, "map.csv")
    with pytest.raises((argparse.ArgumentError, UsageError)):
        parser.parse_args(["--chunk", "0"])
