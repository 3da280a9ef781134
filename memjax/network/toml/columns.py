"""Columns of numbers out of CSV files, and arrays out of .npy or .csv."""

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ...errors import NetworkError
from ...runtime.documents import in_known_case

_LARGEST = 2.0**53
"""Beyond it a column of numbers does not tell whole numbers apart."""


def load_columns(
    path: Path,
    mandatory: tuple[str, ...],
    *,
    optional: tuple[str, ...] = (),
    integers: tuple[str, ...],
) -> dict[str, np.ndarray]:
    """Columns of a CSV file with a header.

    Parameters
    ----------
    path : Path
        The file.
    mandatory, optional : tuple of str
        Names of required and of optional columns.
    integers : tuple of str
        Names of the columns that hold whole numbers.

    Raises
    ------
    NetworkError
        If it cannot be read, has other columns, or holds something else than numbers.
    """
    import pandas as pd

    where, allowed = str(path), f"columns {','.join(mandatory)}"
    allowed += "".join(f"[,{n}]" for n in optional)
    try:
        table = pd.read_csv(path, skipinitialspace=True, skip_blank_lines=False)
    except (OSError, ValueError) as error:
        raise NetworkError(f"cannot be read: {error}", where=where, allowed=allowed) from error
    names = in_known_case([str(n).strip() for n in table.columns], (*mandatory, *optional))
    if not set(mandatory) <= set(names) <= {*mandatory, *optional} or len(set(names)) < len(names):
        raise NetworkError(f"columns {','.join(names)[:80]}", where=where, allowed=allowed)
    columns = {}
    for k, name in enumerate(names):
        x = np.asarray(pd.to_numeric(table.iloc[:, k], errors="coerce"), float)
        is_whole = (x == np.rint(x)) & (np.abs(x) <= _LARGEST)
        wrong = np.flatnonzero(~np.isfinite(x) | ((name in integers) & ~is_whole))
        if wrong.size:
            kind = "whole" if name in integers else "finite"
            raise NetworkError(
                f"{name} = {table.iloc[wrong[0], k]}",
                where=f"{where}, line {wrong[0] + 2}",
                allowed=f"a {kind} number",
            )
        columns[name] = x.astype(np.int64) if name in integers else x
    return columns


def load_array(path: Path) -> Float[np.ndarray, "..."]:
    """Numbers out of .npy, or rows of a .csv without a header.

    Raises
    ------
    NetworkError
        If it cannot be read or holds something else.
    """
    npy = path.suffix.lower() == ".npy"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # of a file without rows, which is refused below
            array = np.load(path, allow_pickle=False) if npy else np.loadtxt(path, delimiter=",")
        array = np.asarray(array, float)
    except (OSError, ValueError, EOFError, TypeError) as error:
        # NumPy's sentences about .npy advise to load what may run a program, those about text name its options.
        is_foreign = npy and not isinstance(error, OSError)
        cause = (
            "it holds no plain array"
            if is_foreign
            else str(error).partition("; use")[0].rstrip(".")
        )
        raise _no_array(path, cause) from error
    if not array.size:
        raise _no_array(path, "it holds no numbers")
    return array


def _no_array(path: Path, cause: str) -> NetworkError:
    """An error that names a file without an array."""
    allowed = "numbers, as .npy or as .csv without a header"
    return NetworkError(f"no array can be read: {cause}", where=str(path), allowed=allowed)
