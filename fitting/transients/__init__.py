"""Delays and relaxations under single pulses."""
