"""Circuits around devices."""

from .bench import Bench as Bench
from .bench import BenchedDevice as BenchedDevice
from .limiter import soft_limit as soft_limit
