"""What differs between versions of JAX in the programs that it traces."""

from collections.abc import Mapping
from typing import Any


def scan_parts(params: Mapping[str, Any]) -> tuple[int, int]:
    """How many operands of a scan are the same in all turns, and how many it carries from turn to turn."""
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    # From jax 0.12 on the operands are said as trees: constants, what is carried, rows.
    constants, carried, _ = params["ft_in"].unpack()
    return len(list(constants)), len(list(carried))
