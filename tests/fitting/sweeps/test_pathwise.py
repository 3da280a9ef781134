"""Spread from cycle to cycle along the paths of a solve."""

import pytest

from memjax.core.params import known

pytestmark = pytest.mark.slow


@pytest.mark.study
def test_spread_by_simulation_comes_nearer_to_the_distribution(result):
    from fitting.sweeps.randomness import calibrate_spread

    seen = []
    done = calibrate_spread(result, tick=lambda _, p: seen.append(float(p.cost[0])))
    assert min(seen) < seen[0]
    assert all(0 < s["sigma_ln"] < 1.5 for s in done.cycle_spread.values())
    assert known(result.device, done.cycle_spread) == list(done.cycle_spread)
