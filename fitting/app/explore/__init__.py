"""A local page with sliders: measured and simulated curves, fits, and circuits as they spike."""
