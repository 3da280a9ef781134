"""Numbers read off a trace, simulated or measured alike."""

from .switching import (
    HOLD_THRESHOLD as HOLD_THRESHOLD,
)
from .switching import (
    ON_THRESHOLD as ON_THRESHOLD,
)
from .switching import (
    Switching as Switching,
)
from .switching import (
    excursions as excursions,
)
from .switching import (
    hysteresis_area as hysteresis_area,
)
from .switching import (
    on_off_ratio as on_off_ratio,
)
from .switching import (
    summarise as summarise,
)
from .switching import (
    switching as switching,
)
from .switching import (
    switching_of as switching_of,
)
