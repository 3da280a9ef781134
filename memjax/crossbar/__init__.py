"""Crossbars: arrays of cells between real wires, read by differentiable solves of their node voltages."""

from .array import Crossbar as Crossbar
from .linear import Linear as Linear
from .reading import Power as Power, Reading as Reading
