from .endurance_record import EnduranceRecord as EnduranceRecord
from .features import Features as Features, features as features
from .interleave import interleave as interleave, interleave_matching as interleave_matching
from .measurement import Measurement as Measurement
from .paths import data_files as data_files
from .pulse_record import (
    DecayRecord as DecayRecord,
    PulseProtocol as PulseProtocol,
    PulseRecord as PulseRecord,
)
from .read_noise import ReadNoise as ReadNoise
from .reading import read as read
from .records import has_records as has_records, read_records as read_records
from .registry import reader_names as reader_names
from .selection import (
    choose as choose,
    read_exclusions as read_exclusions,
    sweep_labels as sweep_labels,
)
from .spike_record import SpikeRecord as SpikeRecord
from .spike_trains import read_spike_trains as read_spike_trains, read_traces as read_traces
from .suitability import (
    Suitability as Suitability,
    Traits as Traits,
    objections as objections,
    reservations as reservations,
    suitable as suitable,
)
from .sweeps import is_pulsed as is_pulsed
