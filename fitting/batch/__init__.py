"""Many devices side by side."""
