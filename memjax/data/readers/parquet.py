"""Parquet files."""

import io
from typing import Any, final

import numpy as np

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.binary import PARQUET_MAGIC, most_unpacked, too_large
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
        try:
            table = _table(source.data, where)
        except ReaderError:
            raise
        except Exception as error:  # pyarrow raises many kinds on damaged files
            raise ReaderError(
                f"a damaged Parquet file ({error})",
                where=where,
                fix="copy it again from its source",
            ) from None
        names = [n for n in table.column_names if not n.startswith("__index_level_")]
        tree = {n: _array(table, n) for n in names}
        return tree_tables(tree, options, where=where)


def _table(data: bytes, where: str) -> Any:
    """The table of a file, unpacked part by part: a few bytes may stand for any number of equal rows."""
    parquet, arrow = (library(n, where=where) for n in ("pyarrow.parquet", "pyarrow"))
    file, most, parts, size = parquet.ParquetFile(io.BytesIO(data)), most_unpacked(len(data)), [], 0
    groups = (file.metadata.row_group(k) for k in range(file.metadata.num_row_groups))
    if sum(group.total_byte_size for group in groups) > most:
        raise too_large(len(data), where)
    for part in file.iter_batches():
        size += part.nbytes
        if size > most:
            raise too_large(len(data), where)
        parts.append(part)
    return arrow.Table.from_batches(parts, file.schema_arrow)


def _array(table: Any, name: str) -> Array:
    """Values of a column, NaN where there is none; words where it holds words."""
    values = table.column(name).to_numpy()
    metadata = table.schema.field(name).metadata or {}
    unit = metadata.get(b"unit") or metadata.get(b"units")
    if values.dtype.kind == "O":
        values = np.array([str(x) for x in values])
    return Array(values=values, unit=unit.decode() if unit else None)
