"""Signals of circuits as kinds of data."""

from memjax.runtime.lazy import deferred_functions

from ..kinds import ELEMENTS, Kind
from .options import configure, fit_trace, fit_trains

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
    **deferred_functions("fitting.circuits.content", "content", "tables", prefix="spike_"),
    **deferred_functions(
        "fitting.circuits.report", "pictures", "sections", "advice", prefix="spike_"
    ),
)
"""Trains of spikes."""

TRACE = Kind(
    label="trace of a node",
    claims=lambda options: options.voltage is not None,
    used=("voltage", "stimulus", "sigma"),
    refused=_REFUSED | {"stochastic": "--spikes calibrates noise, a trace is fitted without"},
    fit=fit_trace,
    joined=False,
    **deferred_functions("fitting.circuits.content", "content", "tables", prefix="trace_"),
    **deferred_functions(
        "fitting.circuits.report", "pictures", "sections", "advice", prefix="trace_"
    ),
)
"""The voltage of a node, or the current of the source."""
