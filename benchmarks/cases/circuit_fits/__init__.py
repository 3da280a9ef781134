"""Fits through a circuit."""
