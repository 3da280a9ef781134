"""Rates of networks as functions of parameters and weights, and three ways to differentiate them."""

from .expected import (
    ExpectedRates as ExpectedRates,
    RateDerivatives as RateDerivatives,
    expected_rates as expected_rates,
)
from .growth import PathwiseGrowth as PathwiseGrowth
from .pathwise import SoftRates as SoftRates, soft_rates as soft_rates
from .surrogate import SurrogateRates as SurrogateRates, surrogate_rates as surrogate_rates
