"""What a folder says of cycles: the spread of their steps, and how well later ones are predicted."""

from types import SimpleNamespace

import numpy as np
import pytest

from fitting.pulses.content import hold_out, step_spread
from memjax.data import PulseRecord

KINDS = np.repeat([0, 1], 60)


def _record(seed: int, cycles: int = 40) -> PulseRecord:
    """Cycles whose steps have a spread of 0.01 µS, each step on its own."""
    rng = np.random.default_rng(seed)
    mean = np.where(KINDS == 0, 0.1e-6, -0.1e-6)
    steps = mean + 0.01e-6 * rng.normal(size=(cycles, len(KINDS)))
    g = 5e-6 + np.concatenate([np.zeros((cycles, 1)), np.cumsum(steps, axis=1)], axis=1)
    return PulseRecord(device="R1", g=g, kinds=KINDS, cycles=np.arange(cycles))


def test_independent_steps_have_their_spread_and_no_correlation():
    found = step_spread(_record(0))
    for word in ("set", "reset"):
        n = 40 * 60
        assert abs(found[word]["all"] / 0.01e-6 - 1) < 4 / np.sqrt(2 * n)
        assert abs(found[word]["autocorrelation"]) < 4 / np.sqrt(n)
        # A random walk: over ten pulses the spread is that of one, times the root of ten.
        assert found[word]["lags"]["10"] / found[word]["lags"]["1"] == pytest.approx(
            10**0.5, rel=0.15
        )
    assert len(found["set"]["thirds"]) == 3


@pytest.mark.wrong_types
def test_later_cycles_are_compared_with_the_fit_and_with_the_mean():
    record, held = _record(1, 4), _record(2, 3)
    curve = held.g[0]
    found = hold_out(SimpleNamespace(record=record, curve=lambda: curve), held)  # pyright: ignore[reportArgumentType]
    assert found["next"] == 0.0
    assert found["fit"][0] == found["next"]
    assert found["next_mean"] == found["mean"][0] > 0
    assert len(found["fit"]) == 3
