"""Fits by both backends beside each other."""
