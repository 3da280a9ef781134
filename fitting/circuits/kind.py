"""Signals of circuits as kinds of data."""

from memjax.lazy import deferred

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
    content=deferred("fitting.circuits.content:spike_content"),
    tables=deferred("fitting.circuits.content:spike_tables"),
    pictures=deferred("fitting.circuits.report:spike_pictures"),
    sections=deferred("fitting.circuits.report:spike_sections"),
    advice=deferred("fitting.circuits.report:spike_advice"),
)
"""Trains of spikes."""

TRACE = Kind(
    label="trace of a node",
    claims=lambda options: options.voltage is not None,
    used=("voltage", "stimulus", "sigma"),
    refused=_REFUSED | {"stochastic": "--spikes calibrates noise, a trace is fitted without"},
    fit=fit_trace,
    joined=False,
    content=deferred("fitting.circuits.content:trace_content"),
    tables=deferred("fitting.circuits.content:trace_tables"),
    pictures=deferred("fitting.circuits.report:trace_pictures"),
    sections=deferred("fitting.circuits.report:trace_sections"),
    advice=deferred("fitting.circuits.report:trace_advice"),
)
"""The voltage of a node, or the current of the source."""
