"""Pictures: functions that take axes and return them."""

from .crossbar import (
    conductance_map as conductance_map,
    current_errors as current_errors,
    ideal_currents as ideal_currents,
    ir_drop_map as ir_drop_map,
    programming_error as programming_error,
    reached_conductances as reached_conductances,
)
from .curve import (
    CurveStyle as CurveStyle,
    curve as curve,
    ppf as ppf,
    refractory as refractory,
    stdp as stdp,
)
from .energy import (
    energy_by_cause as energy_by_cause,
    energy_by_element as energy_by_element,
    energy_power as energy_power,
)
from .intervals import isi_histogram as isi_histogram
from .iv import iv as iv
from .learning import confusion as confusion, receptive_fields as receptive_fields
from .network import (
    conductances as conductances,
    network_raster as network_raster,
    population_rates as population_rates,
)
from .overview import overview as overview, png as png, ranges as ranges
from .phase import phase_plane as phase_plane
from .raster import raster as raster
from .reservoir import (
    image_confusion as image_confusion,
    memory as memory,
    noise_price as noise_price,
    prediction as prediction,
)
from .style import style as style
from .traces import traces as traces
from .trends import trends as trends
