"""Chunks of a batch as bytes: what a worker gets and gives, and a chunk that is lost."""

import threading

import numpy as np
import pytest

import memjax as mj
from fitting.batch import fit as batch_fit
from fitting.batch.chunks import Request, fit_here, fit_on_cluster, work
from fitting.batch.search import Search
from memjax.errors import ReaderError
from memjax.runtime.saved import from_bytes
from tests.fits import WAFER_MODEL

OPTIONS = dict.fromkeys(("bench", "env", "point_time", "model_sigma", "free", "start", "points"))
OPTIONS |= {"fix": {}, "thresholds": (None, None)}
REQUEST = Request(device=WAFER_MODEL, options=OPTIONS, search=Search(screened=1, starts=1, seed=0))
_TIMES = np.linspace(0, 1, 61)
_DRIVE = 0.6 * np.sin(2 * np.pi * _TIMES)
_NOTHING = np.zeros(61, int)
LOOP = [
    mj.Measurement(
        t=_TIMES,
        v=_DRIVE,
        i=_DRIVE / np.where(np.gradient(_DRIVE) > 0, 5e3, 5e2),
        sweep=_NOTHING,
        at_compliance=_NOTHING > 0,
        reader="",
        source={},
    )
]
"""A sweep of a device that is on while the voltage falls."""


class Direct:
    """A cluster that calls: what it is given goes through bytes, and some jobs are lost."""

    def __init__(self, lost=()):
        self.lost, self.jobs = lost, {}

    def map(self, work, jobs):
        for k, job in jobs:
            self.jobs[k] = job
            yield k, "4 workers died of it" if k in self.lost else work(job, threading.Event())


def _unreadable():
    raise ReaderError("no table of numbers", where="a.csv")


@pytest.mark.wrong_types
def test_devices_are_read_where_the_files_are_and_keep_their_places():
    devices = {"bad": _unreadable, "good": LOOP}
    direct = Direct()
    ((_, found),) = fit_on_cluster([(0, {"bad": _unreadable})], REQUEST, direct)
    assert found == {"bad": "no table of numbers; in a.csv"}
    ((_, here),) = fit_here([(0, {"bad": _unreadable})], REQUEST)
    assert here == found
    list(fit_on_cluster([(0, devices)], REQUEST, Direct(lost=[0])))
    direct.lost = [1]
    list(fit_on_cluster([(1, devices)], REQUEST, direct))
    sent = from_bytes(direct.jobs[1], "test")
    assert list(sent["devices"]) == ["bad", "good"]
    assert sent["devices"]["bad"] == found["bad"]
    np.testing.assert_array_equal(sent["devices"]["good"][0].i, LOOP[0].i)
    assert sent["request"].search == REQUEST.search


@pytest.mark.wrong_types
def test_halted_work_ends():
    direct, halt = Direct(lost=[0]), threading.Event()
    list(fit_on_cluster([(0, {"good": LOOP})], REQUEST, direct))
    halt.set()
    with pytest.raises(KeyboardInterrupt):
        work(direct.jobs[0], halt)


@pytest.mark.wrong_types
def test_a_chunk_of_which_worker_after_worker_died_is_said_and_tried_again(tmp_path):
    devices = {f"d{k}": _unreadable for k in range(3)}
    ticks = []
    about = dict(out=tmp_path / "run", chunk=2)
    hear = lambda *x: ticks.append(x)  # noqa: E731
    rows = batch_fit.BatchProblem(devices, WAFER_MODEL, cluster=Direct(lost=[0]), **about).solve(
        progress=hear
    )
    again = "4 workers died of it; the same command tries it again"
    assert [r.failure for r in rows] == [again, again, "no table of numbers; in a.csv"]
    assert ticks == [(2, 3, True), (3, 3, True)]
    rows = batch_fit.BatchProblem(devices, WAFER_MODEL, cluster=Direct(), **about).solve(
        progress=hear
    )
    assert [r.failure for r in rows] == ["no table of numbers; in a.csv"] * 3
    assert ticks[2:] == [(1, 3, False), (3, 3, True)]
