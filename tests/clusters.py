"""Schedulers and workers of dask.distributed for tests: in this process, or in processes of their own."""

import contextlib
import os
import socket
import warnings

import dask
from distributed import LocalCluster


@contextlib.contextmanager
def workers(count, *, processes=False, deaths=3):
    """A scheduler with so many workers of one thread, which takes so many deaths of a job for bad luck."""
    quiet = {
        "distributed.scheduler.allowed-failures": deaths,
        "distributed.admin.system-monitor.interval": "10s",
    }
    place = {"host": "127.0.0.1", "protocol": "tcp"} if processes else {"protocol": "inproc"}
    with dask.config.set(quiet), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=processes,
            dashboard_address=None,
            silence_logs=50,
            **place,
        )
        with cluster:
            yield cluster.scheduler_address


def process_number():
    """The number of the process that this runs in."""
    return os.getpid()


def unused_address():
    """An address at which nothing listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{s.getsockname()[1]}"
