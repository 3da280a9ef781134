"""Stimuli: functions of time that know their corners."""

from .base import AbstractStimulus as AbstractStimulus, Product as Product, Sum as Sum
from .pulses import PulseTrain as PulseTrain
from .sampled import Sampled as Sampled, staircase as staircase
from .several import Drives as Drives
from .sine import Sine as Sine
from .triangle import triangle_sweep as triangle_sweep
