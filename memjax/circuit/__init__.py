"""Circuits around devices."""

from .bench import Bench as Bench, BenchedDevice as BenchedDevice
from .limiter import soft_limit as soft_limit
