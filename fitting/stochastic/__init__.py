"""Randomness by simulation: two-sample tests, surfaces of a noisy loss, and its valleys."""
