"""Calibration of memjax devices and circuits to measurements."""

from .batch import Row as Row, fit_batch as fit_batch
from .circuits import (
    Estimate as Estimate,
    SpikeFit as SpikeFit,
    VoltageFit as VoltageFit,
    fit_spikes as fit_spikes,
    fit_voltages as fit_voltages,
)
from .fit import FitResult as FitResult, fit as fit
from .hierarchy import (
    Devices as Devices,
    Hierarchy as Hierarchy,
    fit_population as fit_population,
)
from .problem import Problem as Problem
from .profile import Profile as Profile, profiles as profiles
from .pulses import PulseFit as PulseFit, fit_pulses as fit_pulses
from .randomness import Stochastic as Stochastic
from .retention import RetentionFit as RetentionFit, fit_retention as fit_retention
from .sampling import (
    Sample as Sample,
    SyntheticLikelihood as SyntheticLikelihood,
    draw as draw,
    draw_fit as draw_fit,
)
from .stochastic import calibrate as calibrate
from .transients import TransientFit as TransientFit, fit_transients as fit_transients
