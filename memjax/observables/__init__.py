"""Numbers read off a trace, simulated or measured alike."""

from .switching import (
    HOLD_THRESHOLD as HOLD_THRESHOLD,
    ON_THRESHOLD as ON_THRESHOLD,
    Switching as Switching,
    excursions as excursions,
    hysteresis_area as hysteresis_area,
    on_off_ratio as on_off_ratio,
    summarise as summarise,
    switching as switching,
    switching_of as switching_of,
)
