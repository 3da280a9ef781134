"""Sweeps of voltage or current: problem, initial guess, fit, verdict, randomness, content of the folder, report."""
