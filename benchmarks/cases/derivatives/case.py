"""How far derivatives of events and integrals are from secants of the same quantities."""

import time

import numpy as np

import memjax as mj
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times

from .neurons import record_neurons
from .problems import QUANTITIES, derivatives, errors, problems, secants

ALLOWED = 1e-3
"""Largest error of a derivative, relative to the largest of its quantity, without noise."""


def run(size: str, record: Recorder) -> None:
    """Forward derivatives by all parameters beside central differences: of one device, or of all."""
    every = problems()
    for name in ["threshold-switch"] if size == "smoke" else list(every):
        exact = secants(every[name])
        begin = time.perf_counter()
        found = derivatives(every[name], mj.Stiff())
        taken = Times(run=[time.perf_counter() - begin])
        away = errors(found, exact)
        record.ok(
            f"{name}, forward",
            taken,
            error=float(np.max(away)),
            tolerance=ALLOWED,
            reference="central differences at rtol 1e-9",
            problem=name,
            n=exact.shape[1],
            extra=dict(zip(QUANTITIES, map(float, away), strict=True)),
        )
    record_neurons(size, record)


CASE = Case(name="derivatives", run=run, baseline="threshold-switch, forward", suites=())
