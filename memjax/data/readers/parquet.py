"""Parquet files."""

import io
from typing import Any, final

import numpy as np

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.binary import PARQUET_MAGIC
from memjax.data.libraries import library
from memjax.data.tree import Array, tree_tables
from memjax.errors import ReaderError


@final
class ParquetReader(AbstractReader):
    """Columns by name, as pandas, polars and pyarrow write them; a field's metadata `unit` or `units` is its unit."""

    name = "parquet"
    description = "Parquet: columns by name; needs memjax[files]"

    def judge(self, source: Source) -> Verdict:
        """Sure of Parquet's first four bytes."""
        return verdict(source.data.startswith(PARQUET_MAGIC), 0.95, "it begins with PAR1")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """The record of the file, or one for each list of lists."""
        where = str(source.path)
        parquet = library("pyarrow.parquet", where=where)
        try:
            table = parquet.read_table(io.BytesIO(source.data))
        except Exception as error:  # pyarrow raises many kinds on damaged files
            raise ReaderError(
                f"a damaged Parquet file ({error})",
                where=where,
                fix="copy it again from its source",
            ) from None
        names = [n for n in table.column_names if not n.startswith("__index_level_")]
        tree = {n: _array(table, n) for n in names}
        return tree_tables(tree, options, where=where)


def _array(table: Any, name: str) -> Array:
    """Values of a column, NaN where there is none; words where it holds words."""
    values = table.column(name).to_numpy()
    metadata = table.schema.field(name).metadata or {}
    unit = metadata.get(b"unit") or metadata.get(b"units")
    if values.dtype.kind == "O":
        values = np.array([str(x) for x in values])
    return Array(values=values, unit=unit.decode() if unit else None)
