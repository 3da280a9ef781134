"""Posteriors by a density that is trained on simulations: time, calibration, and distance from NUTS."""
