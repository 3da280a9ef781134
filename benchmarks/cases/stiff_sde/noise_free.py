"""The oscillator without noise under a triangle: scipy, diffrax and memjax against a tight Radau solve."""

import math
from collections.abc import Callable

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

import memjax as mj
from benchmarks.cases.stiff_sde.problems import Problem, oscillator
from benchmarks.cases.stiff_sde.programs import Program
from benchmarks.records import Recorder
from benchmarks.timing import Times, measure
from memjax.simulate import solve_stiff

NAME = "lhn, noise-free"
ROWS = np.linspace(0.0, 10.0, 401)[1:]
SCIPY, DIFFRAX, MEMJAX = "scipy {}", "diffrax Kvaerno5", "memjax Stiff (RODAS3)"
A, B, LAM, C_H, KAPPA, T0, R_EXT, V_EXT, PERIOD = 2.0, 1.5, 0.12, 5.0, 8.0, 0.3, 5.0, 3.0, 5.0


def rhs(t: float, y, tau: float) -> list[float]:
    """The equations as one writes them for scipy; the tests hold them against the problem's own."""
    x, temperature, v = y
    u = V_EXT * (1 - abs(2 * ((t / PERIOD) % 1.0) - 1))
    i = v / math.cosh(x / LAM)
    heat = C_H * v * i - KAPPA * (temperature - T0)
    return [v - B - A * (x**3 - x), heat, ((u - v) / R_EXT - i) / tau]


def jacobian(t: float, y, tau: float) -> np.ndarray:
    """Derivative of `rhs`, for the reference."""
    x, _, v = y
    g = 1 / math.cosh(x / LAM)
    dg = -g * math.tanh(x / LAM) / LAM
    rows = [[-A * (3 * x * x - 1), 0.0, 1.0], [C_H * v * v * dg, -KAPPA, 2 * C_H * v * g]]
    return np.array([*rows, [-v * dg / tau, 0.0, (-1 / R_EXT - g) / tau]])


def scipy_current(method: str, tau: float, **options) -> tuple[np.ndarray, int]:
    """Current at the rows, and steps, in one solve across the kinks of the drive."""
    start, span = [-1.0, T0, 0.0], (0.0, float(ROWS[-1]))
    run = solve_ivp(rhs, span, start, method, dense_output=True, args=(tau,), **options)
    if not run.success or run.sol is None:
        raise ArithmeticError(run.message)
    x, _, v = run.sol(ROWS)
    return v / np.cosh(x / LAM), len(run.t) - 1


def reference(tau: float, *, rtol: float = 1e-11) -> np.ndarray:
    """Current by Radau with the exact Jacobian, started anew at each kink."""
    y, parts = np.array([-1.0, T0, 0.0]), []
    for start in np.arange(0.0, ROWS[-1], PERIOD / 2):
        end = start + PERIOD / 2
        rows = ROWS[np.logical_and(start + 1e-9 < ROWS, end + 1e-9 > ROWS)]
        options = {
            "rtol": rtol,
            "atol": 1e-2 * rtol,
            "jac": jacobian,
            "t_eval": np.minimum(rows, end),
        }
        run = solve_ivp(rhs, (start, end), y, "Radau", args=(tau,), **options)
        y, parts = run.y[:, -1], [*parts, run.y[2] / np.cosh(run.y[0] / LAM)]
    return np.concatenate(parts)


def diffrax_current(problem: Problem, rtol) -> tuple:
    """Current at the rows, and steps, by Kvaerno5 in one solve across the kinks."""
    sol = dfx.diffeqsolve(
        dfx.ODETerm(lambda t, y, p: p.f(t, y)),
        dfx.Kvaerno5(),
        jnp.zeros(()),
        problem.t_end,
        1e-6,
        problem.y0,
        args=problem,
        saveat=dfx.SaveAt(ts=jnp.asarray(ROWS)),
        stepsize_controller=dfx.PIDController(rtol=rtol, atol=1e-2 * rtol),
        max_steps=200_000,
        adjoint=dfx.ForwardMode(),
        throw=False,
    )
    current = jax.vmap(problem.current)(jnp.asarray(ROWS), jnp.asarray(sol.ys))
    return current, sol.stats["num_steps"]


def memjax_current(problem: Problem, rtol: float) -> tuple:
    """Current at the rows, and steps, by memjax's adaptive solve without noise, which lands on the kinks."""
    rows = jnp.asarray(ROWS)
    policy = mj.Stiff(rtol=rtol, atol=1e-2 * rtol)
    sol = solve_stiff(
        problem.scaled, problem.stimulus, rows=rows, y0=problem.y0, end=rows[-1], policy=policy
    )
    return jax.vmap(problem.current)(rows, sol.y), sol.accepted + sol.rejected


def _record(record, family: str, rtol: float, times: Times, current, exact, steps) -> None:
    """Write one point of the noise-free diagrams."""
    off = float(np.max(np.abs(np.asarray(current) - exact)) / np.max(np.abs(exact)))
    extra = {"family": family, "rtol": rtol, "accepted": float(steps)}
    record.ok(
        f"{family}, rtol {rtol:g}",
        times,
        error=off,
        reference="Radau at 1e-11: largest error of the current at 400 points over its largest value",
        problem=NAME,
        n=1,
        dtype="float64",
        extra=extra,
    )


def run(record: Recorder, *, tau: float, rtols: tuple[float, ...], repeats: int) -> None:
    """All solvers at all tolerances, one device at a time."""
    problem, exact = oscillator(tau, triangle=True), reference(tau)
    for rtol in rtols:
        for method in ("LSODA", "Radau"):
            options = {"rtol": rtol, "atol": 1e-2 * rtol}
            call = lambda m=method, o=options: scipy_current(m, tau, **o)  # noqa: E731
            times, _ = measure(call, repeats=repeats)
            times, (current, steps) = Times(run=times.run), call()
            _record(record, SCIPY.format(method), rtol, times, current, exact, steps)
    kvaerno = Program(diffrax_current, problem, jnp.asarray(rtols[0]))
    for rtol in rtols:
        times, (current, steps) = kvaerno.timed(problem, jnp.asarray(rtol), most=repeats)
        _record(record, DIFFRAX, rtol, times, current, exact, steps)
        ours: Callable = lambda p, rtol=rtol: memjax_current(p, rtol)  # noqa: E731
        times, (current, steps) = Program(ours, problem).timed(problem, most=repeats)
        _record(record, MEMJAX, rtol, times, current, exact, steps)
