"""Step kernels, and the diffrax solvers that wrap them."""

from .drift_implicit import (
    DriftImplicitEuler as DriftImplicitEuler,
    drift_implicit_euler_step as drift_implicit_euler_step,
)
from .rosenbrock import Rodas3 as Rodas3, rodas3_step as rodas3_step
