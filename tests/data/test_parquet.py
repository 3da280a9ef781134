"""Parquet files."""

import importlib

import numpy as np
import pandas as pd
import pytest

from memjax.data import binary, read
from memjax.data.base import Options, Source
from memjax.data.readers.parquet import ParquetReader
from memjax.errors import ReaderError

from .arrays import I, V, assert_loops

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def test_columns_of_pandas_are_read_with_their_labels(tmp_path):
    path = tmp_path / "a.parquet"
    loops = {
        "V": np.tile(V, 2),
        "I": np.concatenate([I, 2 * I]),
        "cycle": np.repeat([3, 8], len(V)),
    }
    pd.DataFrame(loops).to_parquet(path)
    m = read(path)
    assert_loops(m, 1, 2)
    assert (m.reader, m.labels.tolist()) == ("parquet", [3, 8])


def test_the_metadata_of_a_field_is_its_unit(tmp_path):
    path = tmp_path / "a.parquet"
    fields = [
        pyarrow.field("bias", pyarrow.float64(), metadata={"unit": "mV"}),
        pyarrow.field("current", pyarrow.float64(), metadata={"units": "nA"}),
    ]
    table = pyarrow.table([1e3 * V, 1e9 * I], schema=pyarrow.schema(fields))
    parquet.write_table(table, path)
    m = read(path)
    np.testing.assert_allclose([m.v, m.i], [V, I], rtol=1e-15)
    assert m.warnings == ()


@pytest.mark.integration
def test_a_missing_library_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"V": V, "I": I}).to_parquet(path)

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ReaderError, match=r"library pyarrow.*pip install memjax\[files\]"):
        read(path)


def test_a_damaged_file_is_one_error(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"V": V, "I": I}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ReaderError, match="damaged Parquet file"):
        read(path)


def test_a_file_that_unpacks_to_too_much_is_refused_while_it_unpacks(tmp_path, monkeypatch):
    """A few kilobytes stand for any number of equal rows: 16 MB of them."""
    path, rows = tmp_path / "equal.parquet", 1_000_000
    zeros = np.zeros(rows)
    parquet.write_table(pyarrow.table({"V": zeros, "I": zeros}), path)
    assert path.stat().st_size < 50_000
    monkeypatch.setattr(binary, "UNPACKED_AT_LEAST", 16 * rows - 1)
    with pytest.raises(ReaderError, match="unpack to more than"):
        read(path)
    monkeypatch.setattr(binary, "UNPACKED_AT_LEAST", 20 * rows)
    data = path.read_bytes()
    assert ParquetReader().parse(Source(path=path, data=data, text="", sha256=""), Options())
