"""One saved form of devices, circuits, fits, populations and networks: a JSON header and arrays, no pickle."""

from .store import (
    SUFFIX as SUFFIX,
    from_bytes as from_bytes,
    load as load,
    save as save,
    to_bytes as to_bytes,
)
