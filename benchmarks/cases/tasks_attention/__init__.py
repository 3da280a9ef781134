"""Spatial attention by neurons whose threshold falls with use."""
