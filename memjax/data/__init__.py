"""Measurements, the readers of laboratory files, and what an instrument adds to what it reads."""

from .measurement import Measurement as Measurement
from .read_noise import ReadNoise as ReadNoise
from .reading import read as read
from .registry import reader_names as reader_names
