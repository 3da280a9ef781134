"""Posteriors of many devices at once, from a conditional density that is trained on simulations of one protocol."""
