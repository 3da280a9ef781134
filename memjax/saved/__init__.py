"""One saved form of devices, circuits, fits, populations and networks: a JSON header and arrays, no pickle."""

from .store import SUFFIX as SUFFIX, load as load, save as save
