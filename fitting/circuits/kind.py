"""Signals of circuits as kinds of data."""

from ..kinds import ELEMENTS, Kind
from .content import spike_content, spike_tables, trace_content, trace_tables
from .options import configure, fit_trace, fit_trains
from .report import (
    spike_advice,
    spike_pictures,
    spike_sections,
    trace_advice,
    trace_pictures,
    trace_sections,
)

_REFUSED = {
    "batch": "these fits are of one circuit",
    **dict.fromkeys(ELEMENTS, "elements around a circuit are to be elements of it"),
}
_NO_LIKELIHOOD = "simulated moments have no likelihood, errors are laplace's"

SPIKES = Kind(
    label="spike times",
    claims=lambda options: options.spikes is not None,
    configure=configure,
    used=("spikes", "stimulus", "level", "rearm", "dt", "draws", "stochastic"),
    refused=_REFUSED | {f"uncertainty {x}": _NO_LIKELIHOOD for x in ("profile", "nuts")},
    fit=fit_trains,
    joined=False,
    content=spike_content,
    tables=spike_tables,
    pictures=spike_pictures,
    sections=spike_sections,
    advice=spike_advice,
)
"""Trains of spikes."""

TRACE = Kind(
    label="trace of a node",
    claims=lambda options: options.voltage is not None,
    used=("voltage", "stimulus", "sigma"),
    refused=_REFUSED | {"stochastic": "--spikes calibrates noise, a trace is fitted without"},
    fit=fit_trace,
    joined=False,
    content=trace_content,
    tables=trace_tables,
    pictures=trace_pictures,
    sections=trace_sections,
    advice=trace_advice,
)
"""The voltage of a node, or the current of the source."""
