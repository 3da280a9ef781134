"""Derivatives of events and integrals."""
