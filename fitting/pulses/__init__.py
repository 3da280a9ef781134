"""Conductances per pulse: potentiation and depression."""
