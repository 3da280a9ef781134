"""Counter-based noise paths."""

from .path import GridPath as GridPath, device_key as device_key, increments as increments
