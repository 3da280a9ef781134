"""Counter-based noise paths."""

from .draws import cycle_factors as cycle_factors, read_noise as read_noise
from .path import GridPath as GridPath, device_key as device_key, increments as increments
