"""CODATA 2018 constants in SI units."""

BOLTZMANN = 1.380649e-23
"""Boltzmann constant [J/K]."""

ELEMENTARY_CHARGE = 1.602176634e-19
"""Elementary charge [C]."""

ROOM_TEMPERATURE = 300.0
"""Default ambient temperature [K]."""
