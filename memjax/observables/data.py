"""What observables read: a measurement, or one member of a trace that solved."""

from typing import Any

import numpy as np

from ..core.result import Trace
from ..errors import BoundsError, DataError


def check_positive(value: Any, *, what: str) -> None:
    """Raise `BoundsError` unless a current [A] is a finite number above 0."""
    if not isinstance(value, int | float | np.number) or not (np.isfinite(value) and value > 0):
        text = f"{value:g}" if isinstance(value, int | float | np.number) else repr(value)
        raise BoundsError(f"{what} = {text} A", allowed="a finite current > 0 A")


def numbers(x: Any, *, where: str, what: str) -> np.ndarray:
    """An array in float64.

    Raises
    ------
    DataError
        For a trace, a measurement, or anything else that is no array of numbers.
    """
    if not isinstance(x, Trace):
        try:
            return np.asarray(x, float)
        except (TypeError, ValueError):
            pass
    raise DataError(
        f"a {type(x).__name__} in place of {what}",
        where=where,
        allowed="an array of numbers, such as trace.t, trace.i[m] or trace.state[name][m]",
    )


def one_member(data: Any, *, where: str, time: bool = False) -> Any:
    """The data themselves, or the only member of a `Trace`.

    Parameters
    ----------
    data : Measurement, Member or Trace
        What a caller was given.
    where : str
        Name of the caller, for messages.
    time : bool
        Whether times are needed.

    Raises
    ------
    SolveError
        If a solve of the member failed.
    BoundsError
        For a trace of several members, or data without time where that is needed.
    DataError
        For anything that has no voltage, current and sweep labels.
    """
    if isinstance(data, Trace):
        count = data.result.shape[0]
        if count != 1:
            raise BoundsError(
                f"a trace of {count} members",
                where=where,
                allowed="one member",
                fix=f"loop over them: [{where}(trace.member(m)) for m in range({count})]",
            )
        return data.member(0)
    if isinstance(data, type) or any(getattr(data, n, None) is None for n in ("v", "i", "sweep")):
        name = f"the class {data.__name__}" if isinstance(data, type) else type(data).__name__
        raise DataError(
            f"{name} in place of data",
            where=where,
            allowed="a Measurement, trace.member(m), or a trace of one member",
        )
    if time and getattr(data, "t", None) is None:
        raise BoundsError("data without time", where=where, allowed="a time column")
    return data
