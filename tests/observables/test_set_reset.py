"""Set and reset voltages of loops made by hand."""

import numpy as np
import pytest

from memjax.observables import loop_closing

UP = np.linspace(0, 1, 101)
VOLTS = np.concatenate([UP, UP[-2::-1]])
OUT = np.arange(201) <= 100
STEP = 0.93 / 93
"""Distance of the levels at which the ways are compared [V]."""


def _loop(first: float, last: float, at: float) -> np.ndarray:
    """Current of a resistance [ohm] that becomes another one at a voltage on the way out."""
    return VOLTS / np.where(OUT & (at > VOLTS), first, last)


@pytest.mark.integration
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("first", "last", "kind"), [(1e6, 1e3, "set"), (1e3, 1e6, "reset")])
def test_a_device_that_keeps_its_state_sets_and_resets(first, last, kind, sign):
    found = loop_closing(sign * VOLTS, sign * _loop(first, last, 0.6))
    assert found is not None
    assert found.kind == kind
    assert found.v == pytest.approx(0.6, abs=STEP + 0.01)


def test_a_resistance_and_half_a_sweep_close_nothing():
    assert loop_closing(VOLTS, VOLTS / 1e3) is None
    assert loop_closing(UP, UP / 1e3) is None
