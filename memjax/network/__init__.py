"""Networks: groups of circuits, sources, and what spikes do between them."""

from .edges import (
    Edges as Edges,
    by_distance as by_distance,
    dense as dense,
    fixed_fan_in as fixed_fan_in,
    one_to_one as one_to_one,
    to_circuits as to_circuits,
)
from .energy import EnergyLedger as EnergyLedger
from .groups import (
    Neurons as Neurons,
    Poisson as Poisson,
    SpikeList as SpikeList,
    Threshold as Threshold,
    image_latencies as image_latencies,
    image_rates as image_rates,
    on_off as on_off,
    with_pauses as with_pauses,
)
from .memory import estimate as estimate
from .network import Network as Network
from .projection import Projection as Projection, Receptor as Receptor
from .rates import (
    ExpectedRates as ExpectedRates,
    PathwiseGrowth as PathwiseGrowth,
    RateDerivatives as RateDerivatives,
    SoftRates as SoftRates,
    SurrogateRates as SurrogateRates,
    expected_rates as expected_rates,
    soft_rates as soft_rates,
    surrogate_rates as surrogate_rates,
)
from .recording import Recording as Recording, Snapshot as Snapshot, Stretch as Stretch
from .simulation import Simulation as Simulation, run as run
from .weights import ConductanceOf as ConductanceOf, DriftWeights as DriftWeights
