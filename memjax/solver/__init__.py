"""Step kernels, and the diffrax solvers that wrap them."""

from .drift_implicit import (
    DriftImplicitEuler as DriftImplicitEuler,
    DriftImplicitMilstein as DriftImplicitMilstein,
    drift_implicit_euler_step as drift_implicit_euler_step,
)
from .dyadic import DyadicController as DyadicController
from .kernel import (
    AbstractKernel as AbstractKernel,
    Equation as Equation,
    Increment as Increment,
    Step as Step,
)
from .rosenbrock import Resolution as Resolution, Rodas3 as Rodas3, rodas3_step as rodas3_step
from .semi_implicit import (
    SemiImplicitEuler as SemiImplicitEuler,
    linear_change as linear_change,
    semi_implicit_euler_step as semi_implicit_euler_step,
)
from .sra_esdirk import SraEsdirk as SraEsdirk
