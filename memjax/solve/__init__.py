"""One solve of one device: adaptive, on a grid, or by another solver of diffrax."""

from .adaptive import solve_adaptive as solve_adaptive, solve_stiff as solve_stiff
from .fixed import solve_fixed as solve_fixed
from .foreign import solve_by_diffrax as solve_by_diffrax
from .solution import Solution as Solution, before as before
