"""Signals of circuits as kinds of data."""

from memjax.runtime.lazy import deferred_functions

from ..config import ELEMENTS
from ..kinds import Kind
from .options import SpikeConfig, TraceConfig, fit_trace, fit_trains

_REFUSED = {
    "batch": "these fits are of one circuit",
    **dict.fromkeys(ELEMENTS, "elements around a circuit are to be elements of it"),
}
_REPORT = "fitting.circuits.report"
_PARTS = ("content", "tables", "pictures", "sections", "advice")
_NO_LIKELIHOOD = "simulated moments have no likelihood, errors are laplace's"

SPIKES = Kind(
    label="spike times",
    claims=lambda request: request.spikes is not None,
    configs=(SpikeConfig,),
    refused=_REFUSED | {f"uncertainty {x}": _NO_LIKELIHOOD for x in ("profile", "nuts")},
    fit=fit_trains,
    **deferred_functions(_REPORT, *_PARTS, prefix="spike_"),
)
"""Trains of spikes."""

TRACE = Kind(
    label="trace of a node",
    claims=lambda request: request.voltage is not None,
    configs=(TraceConfig,),
    refused=_REFUSED | {"stochastic": "--spikes calibrates noise, a trace is fitted without"},
    fit=fit_trace,
    **deferred_functions(_REPORT, *_PARTS, prefix="trace_"),
)
"""The voltage of a node, or the current of the source."""
