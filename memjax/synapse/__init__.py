"""Synapses: ready circuits, and what is done to them."""

from ..circuit import Template

TEMPLATES: tuple[Template, ...] = ()
"""The synapses that have a name on the command line."""
