"""A loop for tests of formats that hold arrays."""

import numpy as np

V = np.concatenate([np.linspace(0, 1, 11), np.linspace(0.9, -1, 20), np.linspace(-0.9, 0, 10)])
I = 1e-3 * V**3 + 1e-6 * V
T = 0.1 * np.arange(len(V))


def assert_loops(measured, *factors):
    """One sweep for each factor of the current, exactly as written."""
    assert len(measured.labels) == len(factors)
    for (_, loop), factor in zip(measured.sweeps(), factors, strict=True):
        np.testing.assert_array_equal(loop.v, V)
        np.testing.assert_array_equal(loop.i, factor * I)
