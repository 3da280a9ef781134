"""Many devices calibrated in one run."""
