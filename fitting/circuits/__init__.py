"""Circuits: the trace of a node, and spike trains."""
