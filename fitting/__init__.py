"""Calibration of memjax devices to measurements."""

from .fit import FitResult as FitResult, fit as fit
from .problem import Problem as Problem
