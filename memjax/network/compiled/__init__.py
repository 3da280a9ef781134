"""The loop over the steps of an exchange interval as a kernel in C, generated from the equations of a neuron.

A compiler of C has to be at hand; without one, on other devices than the CPU, in float64, or where the equations
hold what has no translation, the program of XLA does the same.
"""

from .kernel import Kernel, kernel_of
from .source import Shape, Table

__all__ = ["Kernel", "Shape", "Table", "kernel_of"]
