"""Calibration of one device to one current-voltage sweep: memjax and what a laboratory uses now."""

from pathlib import Path

from benchmarks.cases.fit import problem
from benchmarks.environments import run_peer
from benchmarks.records import Recorder
from benchmarks.registry import Case

PEER = "scipy-lmfit"
STARTS = {"smoke": 2, "full": 10}


def scipy_and_lmfit(size: str, record: Recorder, measured) -> None:
    """The two peers, in their own environment."""
    for method in ("scipy", "lmfit"):
        run_peer(
            record,
            PEER,
            Path(__file__).with_name("peer_scipy_lmfit.py"),
            job={"method": method, "starts": STARTS[size], "data": measured.tolist()},
            variant=method,
        )


def memjax_and_optimistix(size: str, record: Recorder, measured) -> None:
    """Ours, in this process."""
    from benchmarks.cases.fit.ours import memjax_fit

    memjax_fit(problem.starts(STARTS[size]), record, measured)


# Each is variant(size, record, measured): it fits problem.starts(STARTS[size]) and records itself.
VARIANTS = (memjax_and_optimistix, scipy_and_lmfit)


def run(size: str, record: Recorder) -> None:
    """Give every variant the same data and the same starts."""
    measured = problem.data()
    for variant in VARIANTS:
        variant(size, record, measured)


CASE = Case(name="fit", run=run, baseline="scipy", suites=("fit",), peers=(PEER,), limit_s=1800.0)
