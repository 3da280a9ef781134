"""What all physics is written in: systems, parameters with units and bounds, coordinates, traces, and their text."""
