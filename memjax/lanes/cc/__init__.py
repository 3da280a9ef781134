"""Equations in C: what JAX traces of a step, translated number by number, built by a compiler of C, called by XLA."""
