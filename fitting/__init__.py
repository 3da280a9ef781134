"""Calibration of memjax devices to measurements."""

from .fit import FitResult as FitResult
from .fit import fit as fit
from .problem import Problem as Problem
