"""Optimisers: they know residuals and coordinates, and nothing of data."""
