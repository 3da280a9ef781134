"""Measurements and the readers of laboratory files."""

from .measurement import Measurement as Measurement
from .reading import read as read
from .registry import reader_names as reader_names
