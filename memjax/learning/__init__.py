"""Devices that compute: reservoirs of volatile devices, their read-out, and the tasks that judge them."""

from .evaluation import (
    ReservoirStudy as ReservoirStudy,
    scale_noise as scale_noise,
    study as study,
    tune as tune,
)
from .readout import Ridge as Ridge, fit_ridge as fit_ridge
from .reduced_neuron import (
    Draws as Draws,
    ReducedNeuron as ReducedNeuron,
    ReducedState as ReducedState,
)
from .reduction import (
    ReductionError as ReductionError,
    reduce as reduce,
    reduction_error as reduction_error,
    spike_trains as spike_trains,
)
from .reservoir import Reservoir as Reservoir, binary_masks as binary_masks
from .scores import (
    control_states as control_states,
    delayed_inputs as delayed_inputs,
    memory_capacity as memory_capacity,
    nrmse as nrmse,
)
from .series import (
    Series as Series,
    henon as henon,
    mackey_glass as mackey_glass,
    narma10 as narma10,
    waveforms as waveforms,
)
from .spiking import (
    Outputs as Outputs,
    Samples as Samples,
    SpikingNetwork as SpikingNetwork,
    classify_in_full as classify_in_full,
    latency_samples as latency_samples,
    replicate as replicate,
)
from .training import (
    Conductances as Conductances,
    TrainedNetwork as TrainedNetwork,
    Training as Training,
    train as train,
)
