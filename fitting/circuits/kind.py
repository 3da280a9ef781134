"""Signals of circuits as kinds of data."""

from ..kinds import Kind
from ..report import pictures_and_sections
from .options import configure, run, spikes_asked, trace_asked
from .report import spike_pictures, spike_sections, trace_pictures, trace_sections

SPIKES = Kind(
    label="spike times",
    build=pictures_and_sections(spike_pictures, spike_sections),
    asked=spikes_asked,
    configure=configure,
    run=run,
)
"""Trains of spikes."""

TRACE = Kind(
    label="trace of a node",
    build=pictures_and_sections(trace_pictures, trace_sections),
    asked=trace_asked,
    run=run,
)
"""The voltage of a node, or the current of the source."""
