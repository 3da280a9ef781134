"""Equations in C: what JAX traces of a step on single numbers, translated, built by a compiler of C and called by XLA."""
