"""The fit problem in the hands of scipy and lmfit; run with the Python of the peer scipy-lmfit.

Reads {method, starts, data} on standard input and prints one JSON object.
"""
# lmfit is in the peer's environment only, and typed loosely:
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import json
import resource
import sys
import time

import numpy as np
import scipy
from problem import NAMES, distance, log_truth, residuals, starts
from scipy.optimize import least_squares

OPTIONS = {"method": "LSODA", "rtol": 1e-6, "atol": 1e-9}
BOUND = np.log(4.0)  # either way from the truth, for both
STEP = 1e-4  # relative difference step: the solver's own error must not show in it


def with_scipy(residual, q0):
    """Trust-region least squares of scipy with finite differences."""
    lower, upper = log_truth() - BOUND, log_truth() + BOUND
    fit = least_squares(residual, q0, bounds=(lower, upper), diff_step=STEP, max_nfev=60)
    return fit.x


def with_lmfit(residual, q0):
    """The default of lmfit, MINPACK's Levenberg-Marquardt."""
    import lmfit

    parameters = lmfit.Parameters()
    for name, value, true in zip(NAMES, q0, log_truth()):
        parameters.add(name, value=value, min=true - BOUND, max=true + BOUND)

    def of_parameters(now):
        return residual([now[name].value for name in NAMES])

    fit = lmfit.minimize(of_parameters, parameters, method="leastsq", epsfcn=STEP**2, max_nfev=400)
    return np.array([fit.params[name].value for name in NAMES])


METHODS = {"scipy": with_scipy, "lmfit": with_lmfit}


def main() -> None:
    """Fit from every start; the error is of the starts that reached the minimum."""
    job = json.load(sys.stdin)
    measured, solves = np.array(job["data"]), []

    def residual(q):
        solves.append(None)
        return residuals(q, measured, **OPTIONS)

    at_truth = np.mean(residual(log_truth()) ** 2)
    solves.clear()
    seconds, found = [], []
    for q0 in starts(job["starts"]):
        start = time.perf_counter()
        found.append(METHODS[job["method"]](residual, q0))
        seconds.append(time.perf_counter() - start)
    count = len(solves)
    loss = [float(np.mean(residual(q) ** 2)) for q in found]
    good = np.array(loss) < 1.1 * at_truth
    off = np.abs(np.expm1(np.array(found) - log_truth()))[good]
    right = [distance(q, **OPTIONS) for q, ok in zip(found, good) if ok]
    said = {
        "run_s": seconds,
        "error": float(np.median(right)) if right else np.nan,  # recorded as a failure
        "reference": "exact current: rms distance of its logarithm, median of the successes",
        "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "n": job["starts"],
        "dtype": "float64",
        "extra": {
            "successes": int(good.sum()),
            "s_per_success": sum(seconds) / int(good.sum()) if good.any() else None,
            "solves_per_start": count / job["starts"],
            "parameters_off": dict(zip(NAMES, np.median(off, axis=0))) if right else None,
            "loss": loss,
            "loss_at_truth": float(at_truth),
            "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
        },
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
