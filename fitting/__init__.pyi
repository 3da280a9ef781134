from .amortised.descent import TrainingSettings as TrainingSettings
from .amortised.network import DensitySettings as DensitySettings
from .amortised.posterior import AmortisedPosterior as AmortisedPosterior
from .amortised.protocol import SweepProtocol as SweepProtocol
from .amortised.result import DevicePosteriors as DevicePosteriors
from .amortised.store import load_amortised as load_amortised, save_amortised as save_amortised
from .amortised.train import amortise as amortise
from .automatic.fit import AutomaticFit as AutomaticFit, fit_auto as fit_auto
from .automatic.shortlist import Shortlist as Shortlist, shortlist as shortlist
from .batch.fit import Row as Row, fit_batch as fit_batch
from .choice.comparison import (
    Comparison as Comparison,
    compare_models as compare_models,
)
from .circuits.estimate import Estimate as Estimate
from .circuits.fit import SpikeFit as SpikeFit, fit_spikes as fit_spikes
from .circuits.voltage_fit import VoltageFit as VoltageFit, fit_voltages as fit_voltages
from .inference.devices import Devices as Devices
from .inference.endurance import fit_endurance as fit_endurance
from .inference.hierarchy import Hierarchy as Hierarchy, fit_population as fit_population
from .inference.nuts import draw as draw, draw_fit as draw_fit
from .inference.posterior import SyntheticLikelihood as SyntheticLikelihood
from .inference.profile_likelihood import Profile as Profile, profiles as profiles
from .inference.sample import Sample as Sample
from .joint.fit import JointFit as JointFit, fit_jointly as fit_jointly
from .problems import (
    AbstractFitProblem as AbstractFitProblem,
    PulseProblem as PulseProblem,
    RetentionProblem as RetentionProblem,
    SweepProblem as SweepProblem,
    TargetProblem as TargetProblem,
    TransientProblem as TransientProblem,
    laplace as laplace,
    nuts as nuts,
    profile as profile,
    solve as solve,
)
from .progress import ProgressBar as ProgressBar
from .pulses.fit import PulseFit as PulseFit, fit_pulses as fit_pulses
from .residuals import Residuals as Residuals
from .result import AbstractFit as AbstractFit
from .retention.fit import RetentionFit as RetentionFit, fit_retention as fit_retention
from .stochastic.result import Stochastic as Stochastic
from .sweeps.fit import fit as fit
from .sweeps.problem import Problem as Problem
from .sweeps.randomness import calibrate as calibrate
from .sweeps.result import FitResult as FitResult
from .targets.fit import TargetFit as TargetFit, fit_targets as fit_targets
from .targets.protocol import TargetSettings as TargetSettings
from .targets.target import Target as Target
from .transients.fit import TransientFit as TransientFit, fit_transients as fit_transients
