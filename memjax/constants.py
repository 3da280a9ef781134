"""Constants in SI units."""

ROOM_TEMPERATURE = 300.0
"""Default ambient temperature [K]."""
