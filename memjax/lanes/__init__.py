"""Execution: the step of one lane, the loops that drive it, and the backends that compute it."""
