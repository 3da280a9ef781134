"""Step kernels, and the diffrax solvers that wrap them."""

from .drift_implicit import (
    DriftImplicitEuler as DriftImplicitEuler,
)
from .drift_implicit import (
    drift_implicit_euler_step as drift_implicit_euler_step,
)
from .rosenbrock import Rodas3 as Rodas3
from .rosenbrock import rodas3_step as rodas3_step
