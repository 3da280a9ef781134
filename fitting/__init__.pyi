from .amortised.density import TrainingSettings as TrainingSettings
from .amortised.network import DensitySettings as DensitySettings
from .amortised.posterior import (
    AmortisedPosterior as AmortisedPosterior,
    DevicePosteriors as DevicePosteriors,
)
from .amortised.protocol import SweepProtocol as SweepProtocol
from .amortised.store import load_amortised as load_amortised, save_amortised as save_amortised
from .amortised.train import (
    DevicePrior as DevicePrior,
    SimulationSettings as SimulationSettings,
    amortise as amortise,
)
from .automatic.fit import AutomaticFit as AutomaticFit, fit_auto as fit_auto
from .automatic.shortlist import Shortlist as Shortlist, shortlist as shortlist
from .batch.fit import BatchProblem as BatchProblem, Row as Row
from .choice.comparison import (
    Comparison as Comparison,
    compare_models as compare_models,
)
from .circuits.fit import MomentProblem as MomentProblem, SpikeFit as SpikeFit
from .circuits.spikes import SpikeProblem as SpikeProblem
from .circuits.voltage_fit import TraceProblem as TraceProblem, VoltageFit as VoltageFit
from .deprecated import (
    fit as fit,
    fit_batch as fit_batch,
    fit_jointly as fit_jointly,
    fit_pulses as fit_pulses,
    fit_retention as fit_retention,
    fit_spikes as fit_spikes,
    fit_targets as fit_targets,
    fit_transients as fit_transients,
    fit_voltages as fit_voltages,
)
from .inference.devices import Devices as Devices
from .inference.endurance import fit_endurance as fit_endurance
from .inference.hierarchy import Hierarchy as Hierarchy, fit_population as fit_population
from .inference.nuts import draw as draw, draw_fit as draw_fit
from .inference.posterior import SyntheticLikelihood as SyntheticLikelihood
from .inference.profile_likelihood import Profile as Profile, profiles as profiles
from .inference.sample import Sample as Sample
from .joint.fit import JointFit as JointFit, JointProblem as JointProblem
from .progress import ProgressBar as ProgressBar
from .pulses.fit import PulseFit as PulseFit, PulseProblem as PulseProblem
from .residuals import Residuals as Residuals
from .result import AbstractFit as AbstractFit
from .retention.fit import RetentionFit as RetentionFit, RetentionProblem as RetentionProblem
from .saved_fit import SavedFit as SavedFit, load as load
from .solve import (
    AbstractFitProblem as AbstractFitProblem,
    laplace as laplace,
    nuts as nuts,
    profile as profile,
    solve as solve,
)
from .stochastic.result import Stochastic as Stochastic
from .sweeps.fit import SweepProblem as SweepProblem
from .sweeps.problem import Problem as Problem
from .sweeps.randomness import calibrate as calibrate
from .sweeps.result import FitResult as FitResult
from .targets.fit import TargetFit as TargetFit, TargetProblem as TargetProblem
from .targets.protocol import TargetSettings as TargetSettings
from .targets.target import Target as Target
from .transients.fit import TransientFit as TransientFit, TransientProblem as TransientProblem
