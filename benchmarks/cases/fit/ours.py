"""The fit problem in memjax's hands: all starts at once, and one by one through optimistix."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

import memjax as mj
from benchmarks.cases.fit import problem
from benchmarks.records import Recorder
from benchmarks.timing import Times, measure
from fitting.optimize.levenberg_marquardt import levenberg_marquardt
from memjax.core.scaling import Scaled
from memjax.simulate import solve_stiff, value_before

_POLICY = mj.Stiff(rtol=1e-5, atol=1e-7, max_steps=4000)
_ROWS = (np.arange(problem.VOLTAGE.size) + 1) * problem.HOLD


def _log_current(q: jax.Array) -> jax.Array:
    """Logarithm of the current where the voltage is not 0."""
    values = dict(zip(problem.NAMES, jnp.exp(q), strict=True))
    device = mj.params.quiet(mj.params.replace(mj.DiffusiveMemristor(), problem.FIXED))
    device = mj.params.replace(device, values, check=False)
    system = mj.BenchedDevice(device, mj.Bench(compliance=problem.COMPLIANCE))
    scaled, stimulus = Scaled(system, mj.Environment()), mj.staircase(problem.VOLTAGE, problem.HOLD)
    rows = jnp.asarray(_ROWS)
    sol = solve_stiff(
        scaled, stimulus, rows=rows, y0=scaled.initial(), end=rows[-1], policy=_POLICY
    )

    def current(t, y):
        return system.outputs(t, scaled.unpack(y), value_before(stimulus, t), scaled.env)["i"]

    return jnp.log(jax.vmap(current)(rows, sol.y)[problem.SEEN])


def _residuals(q: jax.Array, measured: jax.Array) -> jax.Array:
    """Distance of the logarithm of the current from the measured, in standard deviations."""
    return (_log_current(q) - jnp.log(measured[problem.SEEN])) / problem.SIGMA


@eqx.filter_jit
def _evaluate(q, measured):
    """Residuals, forward-mode Jacobians and success of a batch."""

    def one(x):
        def twice(p):
            r = _residuals(p, measured)
            return r, r

        jac, r = jax.jacfwd(twice, has_aux=True)(x)
        return r, jac, jnp.all(jnp.isfinite(r)) & jnp.all(jnp.isfinite(jac))

    return jax.vmap(one)(q)


def _batched(q0: np.ndarray, measured: jax.Array) -> np.ndarray:
    """Levenberg-Marquardt from all starts at once."""

    def evaluate(z):
        r, jac, ok = _evaluate(jnp.asarray(z), measured)
        return np.asarray(r), np.asarray(jac), np.asarray(ok)

    return levenberg_marquardt(evaluate, q0, iterations=60, tolerance=1e-5).z


@eqx.filter_jit
def _optimistix(q0, measured):
    """Levenberg-Marquardt of optimistix from one start, through the same solve."""
    solver = optx.LevenbergMarquardt(rtol=1e-5, atol=1e-5)
    options = {"jac": "fwd"}
    sol = optx.least_squares(
        _residuals, solver, q0, args=measured, options=options, max_steps=60, throw=False
    )
    return sol.value


def _one_by_one(q0: np.ndarray, measured: jax.Array) -> np.ndarray:
    """From every start, one after the other."""
    return np.stack([np.asarray(_optimistix(jnp.asarray(q), measured)) for q in q0])


def _record(record: Recorder, variant: str, fit: Callable, q0: np.ndarray, measured: np.ndarray):
    """Fit from all starts, and say how well, by the peers' own simulation."""
    data = jnp.asarray(measured)
    times, found = measure(lambda: fit(q0, data), repeats=3)
    found = np.asarray(found)
    options = {"method": "LSODA", "rtol": 1e-6, "atol": 1e-9}
    loss = [float(np.mean(problem.residuals(q, measured, **options) ** 2)) for q in found]
    at_truth = float(np.mean(problem.residuals(problem.log_truth(), measured, **options) ** 2))
    good = np.array(loss) < 1.1 * at_truth
    right = [problem.distance(q, **options) for q, ok in zip(found, good, strict=True) if ok]
    run = [t / len(q0) for t in times.run]
    record.ok(
        variant,
        Times(run=run, compile=times.compile),
        error=float(np.median(right)) if right else float("nan"),
        reference="exact current: rms distance of its logarithm, median of the successes",
        n=len(q0),
        dtype="float64",
        extra={
            "successes": int(good.sum()),
            "s_per_success": float(np.median(times.run)) / int(good.sum()) if good.any() else None,
            "loss": loss,
            "loss_at_truth": at_truth,
        },
    )


def memjax_fit(q0: np.ndarray, record: Recorder, measured: np.ndarray) -> None:
    """Our batched search, and that of optimistix one start after the other, on the same solve."""
    jax.config.update("jax_enable_x64", True)
    _record(record, "memjax", _batched, q0, measured)
    _record(record, "optimistix", _one_by_one, q0, measured)
