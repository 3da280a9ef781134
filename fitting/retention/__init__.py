"""Resistance against time: laws of decay, and a device's own relaxation."""
