from .crossings import (
    first_latency as first_latency,
    hold_voltage as hold_voltage,
    pulse_events as pulse_events,
    relaxation_time as relaxation_time,
    spike_events as spike_events,
    spike_intervals as spike_intervals,
    spike_times as spike_times,
    switching_delay as switching_delay,
    switching_events as switching_events,
    switching_voltage as switching_voltage,
)
from .excursion import (
    Switching as Switching,
    complete_excursions as complete_excursions,
    excursions as excursions,
    hysteresis_area as hysteresis_area,
    on_off_ratio as on_off_ratio,
    turn as turn,
)
from .plasticity import (
    PprCurve as PprCurve,
    Retention as Retention,
    StdpSide as StdpSide,
    StdpWindow as StdpWindow,
    paired_pulse_ratio as paired_pulse_ratio,
    ppr_curve as ppr_curve,
    responses as responses,
    retention as retention,
    srdp as srdp,
    stdp_window as stdp_window,
    weight_change as weight_change,
)
from .pulse_response import (
    ON_CURRENT as ON_CURRENT,
    Pulse as Pulse,
    PulseResponse as PulseResponse,
    delays as delays,
    find_pulses as find_pulses,
    pulse_responses as pulse_responses,
    relaxations as relaxations,
    summarise_pulses as summarise_pulses,
)
from .set_reset import LoopClosing as LoopClosing, loop_closing as loop_closing
from .snap_back import SNAP_BACK as SNAP_BACK, snap_back_of as snap_back_of
from .soft import Crossings as Crossings, crossing_times as crossing_times, soft_count as soft_count
from .spikes import (
    Drift as Drift,
    IsiStatistics as IsiStatistics,
    Proportion as Proportion,
    SpikeTrain as SpikeTrain,
    detect as detect,
    detect_all as detect_all,
    drift as drift,
    firing_probability as firing_probability,
    in_window as in_window,
    integration_times as integration_times,
    isi_statistics as isi_statistics,
    jackknife as jackknife,
    latency as latency,
    refractory_period as refractory_period,
    threshold_drift as threshold_drift,
    wilson as wilson,
)
from .switching import (
    HOLD_THRESHOLD as HOLD_THRESHOLD,
    ON_THRESHOLD as ON_THRESHOLD,
    summarise as summarise,
    switching as switching,
    switching_of as switching_of,
)
from .thresholds import (
    NEVER as NEVER,
    Thresholds as Thresholds,
    find_thresholds as find_thresholds,
)
from .trends import (
    Series as Series,
    Trend as Trend,
    series_of_sweeps as series_of_sweeps,
    slope_of as slope_of,
    trend as trend,
)
