"""Sizes are worked out before anything is allocated, and the message says what would fit."""

import numpy as np
import pytest

import memjax as mj
from memjax.errors import MemjaxError, ModelError
from memjax.network import Poisson
from memjax.network.edges import by_distance, dense, fixed_fan_in
from memjax.runtime import memory


def test_what_does_not_fit_is_refused_with_what_would(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 2**30)
    memory.check_size(2**20, 1024, what="rows", where="x", error=ModelError)
    with pytest.raises(
        ModelError, match=r"2e\+09 rows take 1.91e\+03 GiB; in x; allowed: at most 1e\+06, .*1 GiB"
    ):
        memory.check_size(2e9, 1024, what="rows", where="x", error=ModelError)


@pytest.mark.integration
def test_where_the_system_says_nothing_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    memory.check_size(1e30, 1e30, what="rows", where="x", error=ModelError)


CALLS = {
    "connections take": [
        lambda: fixed_fan_in(10**9, 10**6, 10**6),
        lambda: dense(10**7, 10**7),
        lambda: by_distance(np.zeros((4, 2)), np.zeros((5, 2)), length=1.0, fan_in=10**12),
    ],
    "members take": [
        lambda: mj.simulate(mj.Vteam(), mj.Sine(1.0, 1.0), members=2**32 - 1),
        lambda: Poisson(name="in", n=10**12, rate=1.0),
    ],
    "rows take": [lambda: mj.simulate(mj.Vteam(), mj.Sine(1.0, 1.0), save=1e-13)],
    "rows of members take": [
        lambda: mj.simulate(mj.Vteam(), mj.Sine(1.0, 1.0), members=10**6, save=1e-7)
    ],
}


@pytest.mark.parametrize("message", CALLS)
def test_nothing_is_allocated_for_what_does_not_fit(message):
    for call in CALLS[message]:
        with pytest.raises(MemjaxError, match=f"{message}.* GiB; .*at most"):
            call()
