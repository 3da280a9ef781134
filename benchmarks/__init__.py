"""Benchmark cases, their runner and the comparison with peers: ``python -m benchmarks --help``."""
