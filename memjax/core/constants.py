"""Constants in SI units."""

ROOM_TEMPERATURE = 300.0
"""Default ambient temperature [K]."""

BOLTZMANN_EV = 8.617333262e-5
"""Boltzmann constant over the elementary charge [V/K]: thermal voltage per kelvin."""

BOLTZMANN = 1.380649e-23
"""Boltzmann constant [J/K]."""

ELEMENTARY_CHARGE = 1.602176634e-19
"""Elementary charge [C]."""

FARADAY = 96485.33212
"""Faraday constant [C/mol]."""
