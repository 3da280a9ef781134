"""Checks of the arguments of pictures, which take arrays and not the objects that hold them."""

from typing import Any

from ..errors import BoundsError


def check_arrays(where: str, example: str, **arrays: Any) -> None:
    """Raise `BoundsError` for a trace, a measurement, a name or a class in place of numbers.

    Parameters
    ----------
    where : str
        Name of the picture.
    example : str
        A right call.
    **arrays
        Arguments by name.
    """
    for name, value in arrays.items():
        holds = any(getattr(value, n, None) is not None for n in ("sweep", "state", "spikes"))
        if value is None or holds or isinstance(value, str | type):
            kind = value.__name__ if isinstance(value, type) else type(value).__name__
            raise BoundsError(
                f"a {kind} in place of {name}", where=f"plot.{where}", allowed=f"numbers: {example}"
            )


def check_recording(where: str, recording: Any) -> None:
    """Raise `BoundsError` for anything but the `Recording` of a network."""
    if isinstance(recording, type) or any(
        getattr(recording, n, None) is None for n in ("sizes", "spikes", "duration")
    ):
        raise BoundsError(
            f"a {type(recording).__name__} in place of a recording",
            where=f"plot.{where}",
            allowed="a Recording, as memjax.network.run gives it",
            fix="of a simulation, draw plot.traces or plot.raster",
        )
