"""Fitted randomness against unseen cycles."""
