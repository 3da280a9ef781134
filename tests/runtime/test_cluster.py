"""Work for the workers of a scheduler: order, errors, workers that die or differ, and schedulers that are not there."""

import os
import signal
import sys
import threading
import time

import pytest

from memjax.runtime import cluster as mc
from memjax.runtime.cluster import Cluster, ClusterError
from tests.clusters import unused_address, workers

_STATE = {"begun": threading.Event(), "halted": threading.Event()}


def here():
    """What has to be equal in tests of other things."""
    return {"python": sys.version}


def thread_name():
    """Not the same in a worker, even in one of this process."""
    return {"thread": threading.current_thread().name}


def reverse(job, halt):
    """Bytes backwards; those that begin with a digit take so many tenths of a second."""
    time.sleep(int(chr(job[0])) / 10)
    return job[::-1]


def fail(job, halt):
    """An error of ours."""
    raise mc.MemjaxError(f"no {job.decode()}", where="the test")


def until_halted(job, halt):
    """Runs until nobody waits for it."""
    _STATE["begun"].set()
    for _ in range(500):
        if halt.is_set():
            _STATE["halted"].set()
            raise KeyboardInterrupt
        time.sleep(0.01)
    return job


def deadly(job, halt):
    """Kills its worker where the job says so, and else takes a while."""
    if job == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    return f"{os.getpid()}".encode()


def _consume(results):
    """A thread that waits for results, and what it was told instead."""
    errors = []

    def wait():
        try:
            list(results)
        except ClusterError as error:
            errors.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread, errors


@pytest.fixture(scope="module")
def address():
    with workers(1) as address:
        yield address


def test_results_come_as_they_end_and_jobs_are_taken_as_there_is_room(address):
    taken = []

    def jobs():
        for k in range(6):
            taken.append(k)
            yield k, f"0{k}".encode()

    with Cluster(address, identity=here) as cluster:
        results = cluster.map(reverse, jobs())
        first = next(results)
        # A worker of one thread has one job, and one that waits.
        assert len(taken) == 2
        assert dict([first, *results]) == {k: f"{k}0".encode() for k in range(6)}


def test_an_error_of_a_job_is_raised_as_it_was(address):
    with Cluster(address, identity=here) as cluster, pytest.raises(mc.MemjaxError) as caught:
        list(cluster.map(fail, [(0, b"luck")]))
    assert (caught.value.what, caught.value.where) == ("no luck", "the test")


def test_what_is_given_up_is_halted(address):
    for event in _STATE.values():
        event.clear()
    with Cluster(address, identity=here) as cluster:
        both = cluster.map(until_halted, ((k, b"0") for k in range(2)))
        thread, _ = _consume(both)
        assert _STATE["begun"].wait(5)
    # Left: the client has gone.
    assert _STATE["halted"].wait(5)
    thread.join(5)


def test_a_worker_that_is_not_like_this_machine_is_refused(address):
    with pytest.raises(ClusterError, match=r"has thread .*, and this machine MainThread"):
        Cluster(address, identity=thread_name)


def test_one_that_came_later_is_refused_too(address, monkeypatch):
    with Cluster(address, identity=here) as cluster:
        cluster.identity = thread_name
        with pytest.raises(ClusterError, match="install the same versions in both places"):
            list(cluster.map(reverse, [(0, b"0")]))


def test_versions_name_what_decides_on_numbers():
    found = mc.versions()
    assert {"memjax", "jax", "jaxlib", "numpy", "source of memjax"} <= found.keys()
    assert "none" not in found.values()


@pytest.mark.parametrize(
    ("address", "word"),
    [
        (None, "no scheduler answers within 0.5 s"),
        ("tcp://", "dask cannot use the address"),
        ("carrier-pigeon://x:1", "dask cannot use the address"),
        ("tls://127.0.0.1:8786", "certificates in dask's configuration"),
    ],
)
def test_a_scheduler_that_is_not_there_is_one_line(address, word):
    begin = time.monotonic()
    with pytest.raises(ClusterError, match=word) as caught:
        Cluster(address or unused_address(), timeout=0.5)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - begin < 5


def test_a_scheduler_that_goes_away_is_one_line():
    with workers(1) as address:
        cluster = Cluster(address, identity=here, timeout=0.5)
        results = cluster.map(until_halted, [(0, b"0"), (1, b"0")])
        _STATE["begun"].clear()
        thread, caught = _consume(results)
        assert _STATE["begun"].wait(5)
    thread.join(20)
    assert "the scheduler went away" in str(caught[0])
    cluster.close()


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_job_only_and_a_job_that_kills_says_so():
    """Two processes, one killed as it works; then a job of which both die, one after the other."""
    jobs = [(k, b"live") for k in range(12)]
    with (
        workers(2, processes=True, deaths=1) as address,
        Cluster(address, identity=here) as cluster,
    ):
        with pytest.raises(ClusterError, match="it is that of a worker"):
            Cluster(next(iter(cluster.workers())))
        results = cluster.map(deadly, jobs)
        key, number = next(results)
        os.kill(int(number), signal.SIGKILL)
        found = {key: number} | dict(results)
        assert found.keys() == dict(jobs).keys()
        assert len(set(found.values())) >= 2
        answers = dict(cluster.map(deadly, [("bad", b"die"), ("good", b"live")]))
    assert answers["bad"].startswith("2 workers died of it, the last one at tcp://127.0.0.1")
    assert answers["good"].isdigit()
