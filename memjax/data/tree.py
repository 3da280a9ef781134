"""Arrays by name, perhaps in groups, as records: what JSON, MATLAB, HDF5, Parquet and numpy files hold."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from memjax.errors import ReaderError

from .base import Options, Table
from .large import hash_rows
from .row_checks import repeated_rows

_SHOWN = 6
_FEW = 8
"""Columns that a table without names may have, at most; beyond it the other axis holds the columns."""


@dataclass(frozen=True, kw_only=True)
class Array:
    """An array of a file.

    Parameters
    ----------
    values : ndarray
        Numbers, or words.
    unit : str or None
        Unit that the file states beside it.
    """

    values: np.ndarray
    unit: str | None = None


Tree = Mapping[str, Any]
"""Arrays and groups of arrays (`Tree` again) by name; single numbers and words are settings."""


def tree_tables(tree: Tree, options: Options, *, where: str) -> tuple[Table, ...]:
    """Records of a file that holds arrays by name.

    Parameters
    ----------
    tree : Tree
        Arrays and groups.
    options : Options
        What the user says: columns may be named by their paths, as ``sweep 3/current``.
    where : str
        File, for messages.

    Returns
    -------
    tuple of Table
        One for each group that holds columns of one length, and one for each curve where an array has two axes.

    Raises
    ------
    ReaderError
        If no two arrays have one length.
    """
    leaves = dict(_leaves(tree, ()))
    if chosen := _chosen(leaves, options.columns):
        return tuple(_curves(leaves, chosen))
    groups: dict[tuple[str, ...], dict[str, Array]] = {}
    for path, leaf in leaves.items():
        groups.setdefault(path[:-1], {})[path[-1]] = leaf
    tables = [t for path, members in groups.items() if (t := _table(members, path, leaves))]
    if not tables:  # a group for each quantity: voltage/data, current/data
        whole = _table({"/".join(path): leaf for path, leaf in leaves.items()}, (), leaves)
        tables = [whole] if whole else []
    if not tables:
        listed = ", ".join(f"{'/'.join(p)!r} {a.values.shape}" for p, a in leaves.items())
        raise ReaderError(
            f"no two arrays of one length; it holds {listed[:200] or 'no arrays'}", where=where,
            allowed="a voltage and a current, point by point",
        )  # fmt: skip
    tables = [_with_repeats(table) for table in _without_copies(tables)]
    if len(tables) == 1:
        tables = [replace(tables[0], label="")]
    return tuple(tables)


def _without_copies(tables: list[Table]) -> list[Table]:
    """Tables without those that hold the numbers of an earlier one, which the first table's warnings name."""
    distinct: list[Table] = []
    remarks: list[str] = []
    for table in tables:
        twin = next((t for t in distinct if _is_copy(t, table)), None)
        if twin is None:
            distinct.append(table)
        else:
            remarks.append(f"{table.label!r} holds the numbers of {twin.label!r} again: left out")
    distinct[0] = replace(distinct[0], warnings=(*distinct[0].warnings, *remarks))
    return distinct


def _is_copy(a: Table, b: Table) -> bool:
    """Whether two tables hold the same columns."""
    if a.names != b.names or len(a.lines) != len(b.lines):
        return False
    pairs = zip(map(np.asarray, a.columns), map(np.asarray, b.columns), strict=True)
    return all(x.dtype.kind == y.dtype.kind and x.tobytes() == y.tobytes() for x, y in pairs)


def _with_repeats(table: Table) -> Table:
    """The table with a warning where rows stand in it twice."""
    codes = hash_rows([np.asarray(c) for c in table.columns])
    remarks = [r.replace("line", "point") for r in repeated_rows(codes, table.lines)]
    return replace(table, warnings=(*table.warnings, *remarks))


def _leaves(tree: Tree, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Array]]:
    """Path and array of all arrays below."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, str(name)))
        elif isinstance(value, Array):
            yield (*path, str(name)), replace(value, values=_plain(value.values))


def _plain(values: np.ndarray) -> np.ndarray:
    """The array without axes of length 1; times of day as seconds since the first one."""
    values = np.squeeze(values)
    if values.dtype.kind in "mM":
        values = (values - values.ravel()[0]) / np.timedelta64(1, "s") if values.size else values
    return values.astype(float) if values.dtype.kind in "biuf" else values


def _is_column(array: Array) -> bool:
    return array.values.ndim == 1 and array.values.size > 1 and array.values.dtype.kind in "fUO"


def _chosen(leaves: Mapping[tuple[str, ...], Array], columns: Mapping[str, str]) -> dict:
    """Role, path and name of the arrays that the user names; empty unless voltage and current are among them."""
    paths_by_role = {}
    for role, name in columns.items():
        paths = [p for p in leaves if name in ("/".join(p), p[-1])]
        if len(paths) == 1:
            paths_by_role[role] = (paths[0], name)
    return paths_by_role if {"v", "i"} <= paths_by_role.keys() else {}


def _curves(leaves: Mapping[tuple[str, ...], Array], chosen: dict) -> Iterator[Table]:
    """A record for each curve of the arrays that the user named."""
    named = {name: leaves[path] for path, name in chosen.values()}
    table = _table(named, (), leaves)
    if table is None:
        return
    several = [n for n in named if n not in table.names]
    count = max((sum(c.startswith(f"{n}_") for c in table.names) for n in several), default=1)
    for k in range(count):
        names = [n if n in table.names else f"{n}_{k:03d}" for n in named]
        at = [table.names.index(n) for n in names if n in table.names]
        yield replace(
            table, names=tuple(named), columns=tuple(table.columns[a] for a in at),
            units=tuple(table.units[a] for a in at), label=str(k) if count > 1 else "",
            roles={role: name for role, (_, name) in chosen.items()},
            warnings=table.warnings if k == 0 else (),
        )  # fmt: skip


def _table(
    members: Mapping[str, Array], path: tuple[str, ...], leaves: Mapping[tuple[str, ...], Array]
) -> Table | None:
    """Columns of one length of a group; None where there are not two."""
    remarks: list[str] = []
    columns: dict[str, Array] = {}
    lengths = [len(a.values) for a in members.values() if _is_column(a)]
    for name, array in members.items():
        if _is_column(array):
            columns[name] = array
        elif array.values.ndim == 2 and array.values.dtype.kind == "f":
            columns |= _split(name, array, lengths, alone=len(leaves) == 1, remarks=remarks)
    if len(columns) < 2:
        return None
    length = Counter(len(a.values) for a in columns.values()).most_common(1)[0][0]
    same_length = {n: a for n, a in columns.items() if len(a.values) == length}
    if len(same_length) < 2:
        return None
    aside = [n for n, a in members.items() if a.values.ndim and n not in same_length and not any(
        k.startswith(f"{n}_") or not n for k in same_length)]  # fmt: skip
    if aside:
        remarks.append(f"arrays of other lengths are not read: {', '.join(aside[:_SHOWN])}")
    return Table(
        names=tuple(same_length), columns=tuple(_cells(a.values) for a in same_length.values()),
        lines=list(range(1, length + 1)), units=tuple(a.unit for a in same_length.values()),
        settings={n: str(a.values) for n, a in members.items() if a.values.ndim == 0},
        label="/".join(path), warnings=tuple(remarks),
    )  # fmt: skip


def _cells(values: np.ndarray) -> list[str] | np.ndarray:
    return values if values.dtype.kind == "f" else [str(x) for x in values]


def _split(
    name: str, array: Array, lengths: list[int], *, alone: bool, remarks: list[str]
) -> dict[str, Array]:
    """Columns of an array of two axes: numbered from 1 where it is all that the file holds, else behind its name."""
    rows, columns = array.values.shape
    across = columns in lengths if lengths and rows not in lengths else rows < columns
    if not lengths or not {rows, columns} & set(lengths):
        what = f"the array {name!r}" if name else "the array"
        remarks.append(f"{what} of {rows} by {columns}: its longer axis is taken as the points")
    values = array.values.T if across else array.values
    if alone:
        few = min(rows, columns) <= _FEW
        remarks[:] = [] if few and rows >= columns else remarks
        return {str(k + 1): Array(values=x) for k, x in enumerate(values.T)}
    return {f"{name}_{k:03d}": Array(values=x, unit=array.unit) for k, x in enumerate(values.T)}
