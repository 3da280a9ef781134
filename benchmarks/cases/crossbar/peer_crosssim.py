"""Times of CrossSim; run with the Python of the peer crosssim.

Reads {file, wire, repeats, tolerance, ...} on standard input: conductances `g`, voltages `v` and exact currents in an
.npz. The names that the record has besides are given back.

CrossSim drives the line of an input before its first cell and senses the line of an output behind its last one, with a
segment at either end. Its matrix has outputs in rows, so that it is the transpose of that of `memjax.Crossbar`.
"""
# CrossSim is in the peer's environment only:
# pyright: reportMissingImports=false

import json
import sys
import time
from typing import NamedTuple

import numpy as np
from simulator import AnalogCore, CrossSimParameters

MANY = 10_000
"""Iterations that a read may take, once the relaxation factor is known."""


class Read(NamedTuple):
    """Time of a read with the making of its core [s], currents [A], and the relaxation factor that it ended with."""

    seconds: float
    current: np.ndarray
    factor: float


def settings(g: np.ndarray, v: np.ndarray, wire: float) -> CrossSimParameters:
    """CrossSim's own settings, but for conductances, voltages and wires."""
    p = CrossSimParameters()
    # A weight is a conductance over the largest one; the negative array of its pairs has no cells.
    p.xbar.device.Rmin, p.xbar.device.infinite_on_off_ratio = float(1 / g.max()), True
    weights, inputs = p.core.mapping.weights, p.core.mapping.inputs.mvm
    weights.percentile, weights.min, weights.max = None, -1.0, 1.0
    inputs.min, inputs.max = -float(v.max()), float(v.max())
    wires = p.xbar.array.parasitics
    wires.enable, wires.Rp_row, wires.Rp_col = True, wire, wire
    p.simulation.hide_convergence_msg = True
    return p


def read(g: np.ndarray, v: np.ndarray, p: CrossSimParameters) -> Read:
    """A read of an array that is made anew."""
    begin = time.perf_counter()
    core = AnalogCore(g.T / g.max(), p)
    current = g.max() * np.asarray(core @ v, float)
    seconds = time.perf_counter() - begin
    return Read(seconds, current, core.cores[0][0].core_pos.circuit_solver_mvm.gamma)


def main() -> None:
    """Time reads of one array, and compare the last one."""
    # With a relaxation factor that is too large CrossSim overflows, and takes a smaller one.
    np.seterr(all="ignore")
    job = json.load(sys.stdin)
    with np.load(job["file"]) as file:
        g, v, exact = file["g"], file["v"], file["current"]
    p = settings(g, v, job["wire"])
    search = read(g, v, p)
    p.simulation.relaxation_gamma, p.simulation.Niters_max_parasitics = search.factor, MANY
    p.simulation.Verr_th_mvm = job["tolerance"]
    reads = [read(g, v, p) for _ in range(job["repeats"])]
    error = float(np.max(np.abs(reads[-1].current / exact - 1)))
    answer = {name: job[name] for name in ("reference", "problem", "n", "dtype")}
    extra = {"search_s": search.seconds, "relaxation_factor": reads[-1].factor}
    times = {"run_s": [x.seconds for x in reads]}
    print(json.dumps(times | {"error": error, "extra": extra} | answer))


if __name__ == "__main__":
    main()
