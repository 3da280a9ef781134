"""Spike trains that make no problem, and fresh trains of a circuit."""

from typing import Any

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.circuits.spikes import fresh_trains
from memjax.errors import DataError

from .test_fit import POLICY, PULSES, SEEN, SPIKE_TRUTH, core

LEVEL: dict[str, Any] = {n: SEEN[n] for n in ("signal", "level", "rearm")}


def test_trains_without_a_spike_in_the_stimulus_are_refused():
    problem = ft.SpikeProblem(
        [np.array([5.0])], core(), stimulus=PULSES, free=["memristor.mu"], **LEVEL
    )
    with pytest.raises(DataError, match="no spikes within the stimulus"):
        ft.solve(problem)


@pytest.mark.integration
def test_fresh_trains_of_a_circuit_spike_within_the_drive():
    circuit = mj.params.replace(core(), SPIKE_TRUTH)
    options: dict[str, Any] = {"members": 8, "seed": 1, "policy": POLICY}
    trains = fresh_trains(circuit, PULSES, save=2e-5, **options, **LEVEL)
    assert len(trains) == 8
    assert all(0 < t[0] < t[-1] <= PULSES.duration for t in trains)
