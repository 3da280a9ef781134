"""Devices that compute: reservoirs and their read-out, networks that learn on the chip, and what judges them."""

from .design import (
    Design as Design,
    image_score as image_score,
    search_design as search_design,
    series_score as series_score,
)
from .evaluation import (
    ReservoirStudy as ReservoirStudy,
    study as study,
    tune as tune,
)
from .full_physics import classify_in_full as classify_in_full, replicate as replicate
from .images import (
    Images as Images,
    ImageStudy as ImageStudy,
    digits as digits,
    image_states as image_states,
    japanese_vowels as japanese_vowels,
    mnist as mnist,
    study_images as study_images,
)
from .lanes import Protocol as Protocol, read_lanes as read_lanes
from .optimize import Optimization as Optimization, optimize as optimize
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
from .samples import Samples as Samples, latency_samples as latency_samples
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
from .shd import SpikeSamples as SpikeSamples, load_shd as load_shd
from .spiking import Outputs as Outputs, SpikingNetwork as SpikingNetwork
from .training import (
    Conductances as Conductances,
    TrainedNetwork as TrainedNetwork,
    Training as Training,
    train as train,
)
from .unsupervised import (
    Assignment as Assignment,
    assign_labels as assign_labels,
    receptive_fields as receptive_fields,
    responses as responses,
)
