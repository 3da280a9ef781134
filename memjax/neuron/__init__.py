"""Neurons: ready circuits."""

from ..circuit import Template
from .one_memristor import ONE_MEMRISTOR, one_memristor as one_memristor

TEMPLATES: tuple[Template, ...] = (ONE_MEMRISTOR,)
"""The neurons that have a name on the command line."""
