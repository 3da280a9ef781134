"""Memory that is free, and sizes that are worked out before anything is allocated."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MemjaxError

if TYPE_CHECKING:
    import numpy as np

_GIB = 2**30


def free_memory() -> int | None:
    """Memory of this machine and its control group that is free [bytes]; None where the system does not say."""
    limits = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits += [int(r.split()[1]) * 1024 for r in lines if r.startswith("MemAvailable")]
        group = Path("/sys/fs/cgroup")
        limit, usage = ((group / f"memory.{k}").read_text().strip() for k in ("max", "current"))
        if limit != "max":
            # What files left in memory is counted as used, and gives way.
            stat = dict(r.split() for r in (group / "memory.stat").read_text().splitlines())
            limits.append(int(limit) - int(usage) + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):
        pass
    return min(limits) if limits else None


def check_size(
    count: "int | float | np.number",
    size: int | float,
    *,
    what: str,
    where: str,
    error: type[MemjaxError],
    fix: str = "",
) -> None:
    """Refuse so many things of a size [bytes] where the memory that is free does not hold them.

    Parameters
    ----------
    count : float
        How many.
    size : float
        What one of them takes at least [bytes].
    what : str
        Their name in the plural.
    where : str
        Option, key or function that asks for them.
    error : type
        Of the error.
    fix : str
        What to do about it.

    Raises
    ------
    MemjaxError
        Of that type; it says how many would fit.
    """
    count, free = float(count), free_memory()
    if free is None or count * size <= free:
        return
    raise error(
        f"{count:g} {what} take {count * size / _GIB:.3g} GiB", where=where,
        allowed=f"at most {free / size:.2g}, which the {free / _GIB:.3g} GiB that are free hold", fix=fix,
    )  # fmt: skip
