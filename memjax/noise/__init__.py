"""Counter-based noise: paths on grids and on trees, clocks of jumps, draws, noise of readings."""

from .clock import Clock as Clock, capacity as capacity, clock as clock
from .counter import words as words
from .draws import cycle_factors as cycle_factors, instrument_noise as instrument_noise
from .path import (
    KINDS as KINDS,
    GridPath as GridPath,
    Words as Words,
    areas as areas,
    device_key as device_key,
    increments as increments,
    uniform as uniform,
    words_of_devices as words_of_devices,
)
from .readings import (
    Readings as Readings,
    flicker as flicker,
    readings as readings,
    relaxations as relaxations,
    telegraph as telegraph,
    white as white,
)
from .tree import DyadicPath as DyadicPath
