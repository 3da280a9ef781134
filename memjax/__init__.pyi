from . import (
    crossbar as crossbar,
    datasets as datasets,
    io as io,
    learning as learning,
    network as network,
    neuron as neuron,
    observables as observables,
    plot as plot,
    presets as presets,
    solver as solver,
    synapse as synapse,
    testing as testing,
)
from .circuit import (
    Bench as Bench,
    BenchedDevice as BenchedDevice,
    Capacitor as Capacitor,
    Circuit as Circuit,
    CurrentLimiter as CurrentLimiter,
    CurrentSource as CurrentSource,
    Mosfet as Mosfet,
    Resistor as Resistor,
    VoltageSource as VoltageSource,
)
from .core import fields as fields, params as params, system as system, units as units
from .core.expected import expected as expected
from .core.fields import describe as describe, param as param, setting as setting, state as state
from .core.result import Result as Result, Trace as Trace
from .core.system import AbstractSystem as AbstractSystem, Environment as Environment, Jump as Jump
from .core.watch import (
    Crossing as Crossing,
    Event as Event,
    Integral as Integral,
    TimeAbove as TimeAbove,
)
from .crossbar import Crossbar as Crossbar
from .data import Measurement as Measurement, ReadNoise as ReadNoise, read as read
from .device import (
    AbstractDevice as AbstractDevice,
    AbstractOhmicDevice as AbstractOhmicDevice,
    AgFilament as AgFilament,
    AndThresholdSwitch as AndThresholdSwitch,
    Diffusive1M1T1R as Diffusive1M1T1R,
    DiffusiveMemristor as DiffusiveMemristor,
    DiffusiveSpice as DiffusiveSpice,
    DriftMemristor as DriftMemristor,
    Ecm as Ecm,
    EventSwitches as EventSwitches,
    HybridDevice as HybridDevice,
    JartVcm as JartVcm,
    LangevinChain as LangevinChain,
    LangevinMemristor as LangevinMemristor,
    LinearIonDrift as LinearIonDrift,
    MetastableSwitches as MetastableSwitches,
    SecondOrderDiffusive as SecondOrderDiffusive,
    StanfordPKU as StanfordPKU,
    ThresholdSwitch as ThresholdSwitch,
    Vteam as Vteam,
    Yakopcic as Yakopcic,
    device_class as device_class,
    device_names as device_names,
    with_corrections as with_corrections,
)
from .lanes.choice import use_backend as use_backend
from .models import model as model, model_names as model_names
from .population import Population as Population
from .runtime.saved import load as load, save as save
from .simulate import (
    Conditions as Conditions,
    Output as Output,
    simulate as simulate,
    simulate_like as simulate_like,
)
from .simulate.curve_loss import CurveLoss as CurveLoss
from .simulate.policy import Auto as Auto, Fixed as Fixed, Stiff as Stiff
from .stimulus import (
    AbstractStimulus as AbstractStimulus,
    Drives as Drives,
    PulseTrain as PulseTrain,
    Sampled as Sampled,
    Sine as Sine,
    staircase as staircase,
    triangle_sweep as triangle_sweep,
)

__version__: str
