"""One solve of one device: adaptive, on a grid, or by another solver of diffrax."""

from .adaptive import solve_adaptive as solve_adaptive, solve_stiff as solve_stiff
from .events import locate_events as locate_events
from .fixed import solve_fixed as solve_fixed
from .foreign import solve_by_diffrax as solve_by_diffrax
from .signals import (
    check_signals as check_signals,
    seen as seen,
    terminal_values as terminal_values,
)
from .solution import Solution as Solution, before as before
