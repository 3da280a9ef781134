"""Wanted numbers in place of measured ones: a device or circuit designed to meet them."""
