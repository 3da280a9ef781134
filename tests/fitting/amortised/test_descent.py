"""Networks descend alike from equal seeds, and the best of a run are kept."""

import numpy as np
import pytest

from fitting.amortised.density import train
from fitting.amortised.descent import TrainingSettings

from .conftest import SMALL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def devices():
    """Two coordinates, and each of them with an error."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(1300, 2))
    return u, u + 0.3 * rng.normal(size=(2, 1300, 2))


def run(devices, seed=1, tick=None, **changes):
    training = TrainingSettings(**{"epochs": 3, "networks": 2, **changes})
    about = dict(held=276, settings=SMALL, training=training)
    return train(*devices, seed=seed, tick=tick, **about)


def test_equal_seeds_train_equal_networks(devices):
    calls = []
    a, b = run(devices, tick=lambda *x: calls.append(x)), run(devices)
    for x, y in zip(a.leaves, b.leaves, strict=True):
        assert all(np.array_equal(p, q) for p, q in zip(x, y, strict=True))
    assert [t[:2] for t in calls] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert not np.array_equal(a.leaves[0][0], a.leaves[1][0])
    assert not np.array_equal(a.leaves[0][0], run(devices, seed=2, epochs=3).leaves[0][0])
    assert np.all(np.diff(a.losses[0][:, 0]) < 0)


def test_it_ends_where_the_held_out_devices_no_longer_gain(devices):
    u, s = devices
    # What is held out has nothing to do with its statistics: to learn is to lose there.
    wrong = s.copy()
    wrong[:, -276:] = wrong[:, -276:][:, ::-1]
    losses = run((u, wrong), epochs=60, networks=1, rate=1e-2, patience=5).losses[0]
    assert len(losses) < 60
    assert len(losses) - 1 - losses[:, 1].argmin() == 5
