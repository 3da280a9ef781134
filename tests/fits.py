"""Data and fits that several tests of fitting share."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import memjax as mj
from fitting.joint.problem import PRECISION
from fitting.optimize.levenberg_marquardt import levenberg_marquardt
from fitting.problem import AbstractDifferentiable
from fitting.result import AbstractFit
from fitting.sweeps.group import pack
from fitting.sweeps.problem import Problem
from fitting.sweeps.summary import summarise_sweeps
from memjax.core.params import unconstrain

LINE_NAMES = ("r_on", "r_off", "tau", "x0")


class Linear(AbstractDifferentiable):
    """Residuals that are linear in the coordinates of all of `LINE_NAMES`, whichever are free."""

    device: Any
    free: tuple[str, ...] = eqx.field(static=True)
    center: Any
    slopes: Any
    data: Any
    noise: Any = eqx.field(default_factory=lambda: jnp.ones((), float))
    ties: tuple = eqx.field(static=True, default=())

    def data_residuals(self, z):
        every = unconstrain(self.at(z), LINE_NAMES)
        return self.slopes @ every - self.data, jnp.bool_(True)


@dataclass(frozen=True, kw_only=True)
class LinearFit(AbstractFit):
    device: Any
    problem: Any
    z: Any
    loss: float
    search: Any
    covariance: Any
    freedom: float = np.inf

    def moved(self, problem, z, covariance):
        about = dict(problem=problem, z=z, covariance=covariance, loss=problem.loss(z))
        return LinearFit(device=problem.at(z), search=self.search, **about)


LINE_START = mj.params.replace(mj.model("mms"), {"x0": 0.5})

LINE_TRUTH = np.asarray(
    unconstrain(mj.params.replace(LINE_START, {"r_on": 700.0, "tau": 3e-4}), LINE_NAMES)
)


def fitted_line(free, *, rows, seed, scale=1.0, off=0.0) -> LinearFit:
    """A fit of random rows to the truth, whose noise is so much larger than its residuals say."""
    rng = np.random.default_rng(seed)
    slopes = 5 * rng.normal(size=(rows, len(LINE_NAMES)))
    slopes[:, [n not in free for n in LINE_NAMES]] = 0.0
    data = slopes @ (LINE_TRUTH + off) + scale * rng.normal(size=rows)
    device = mj.params.replace(LINE_START, {"x0": 0.5})
    center = unconstrain(device, free)
    problem = Linear(device, free, center, jnp.asarray(slopes), jnp.asarray(data))
    done = levenberg_marquardt(problem.linearise, np.asarray(center)[None], iterations=50)
    z = done.z[0]
    j = problem.linearise(z[None])[1][0][:rows]
    inverse = np.linalg.inv(j.T @ j / scale**2 + PRECISION * np.eye(len(free)))
    about = dict(problem=problem, z=z, loss=problem.loss(z), search=done, covariance=inverse)
    return LinearFit(device=problem.at(jnp.asarray(z)), **about)


def threshold_loop(
    v_th: float, v_hold: float, *, sign: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """A sweep of 41 points to 1 V with a resistance of 1e11 or 1e6 ohm, and no noise."""
    v = np.concatenate([np.arange(21), np.arange(19, -1, -1)]) / 20
    on = (v >= v_th) & (np.arange(41) <= 20) | (v > v_hold) & (np.arange(41) > 20)
    return sign * v, sign * np.where(on, np.maximum(v, 1e-3) / 1e6, np.maximum(v, 1e-3) / 1e11)


def measured_loops(*loops) -> mj.Measurement:
    v, i = (np.concatenate(x) for x in zip(*loops, strict=True))
    sweep = np.repeat(np.arange(len(loops)), [len(a) for a, _ in loops])
    return mj.Measurement(v=v, i=i, sweep=sweep, at_compliance=np.abs(i) >= 1e-6, reader="test")


DEVICE_NAMES = ("mu", "gamma1", "r_on")

DEVICE_CENTER = np.array([4.0, 4.1, 12.0])

DEVICE_SIGMA = np.array([[0.04, 0.03, 0.0], [0.03, 0.0625, -0.01], [0.0, -0.01, 0.01]])


def drawn_devices(count, seed, *, error=0.05):
    """Estimates of devices, and covariances of their errors, of one device unlike those of another."""
    rng = np.random.default_rng(seed)
    truth = rng.multivariate_normal(DEVICE_CENTER, DEVICE_SIGMA, size=count)
    root = error * (np.eye(3) + 0.5 * rng.normal(size=(count, 3, 3)))
    z = truth + np.einsum("dij,dj->di", root, rng.normal(size=(count, 3)))
    return truth, z, root @ np.swapaxes(root, 1, 2)


STAIR_TIME, STAIR_FLOOR = 0.01, 1e-14
"""Time for which a value is held [s], and noise of the instrument [A]."""


def staircase_problem(device, bench: mj.Bench, peak: float = 0.5) -> Problem:
    """The fit of a staircase of 101 points that the device itself gave."""
    v = peak * np.sin(2 * np.pi * np.arange(101) / 100)
    rows = STAIR_TIME * (1 + np.arange(len(v)))
    options = dict(bench=bench, save=rows, deterministic=True)
    i = np.asarray(mj.simulate(device, mj.staircase(v, STAIR_TIME), **options).check().i[0])
    about = dict(sweep=np.zeros(len(v), int), at_compliance=np.zeros(len(v), bool))
    measured = mj.Measurement(v=v, i=i, **about, reader="made here")
    waves = summarise_sweeps([measured], point_time=STAIR_TIME, floor=STAIR_FLOOR)
    limit = None if bench.compliance is None else (bench.compliance, bench.compliance)
    group = pack(waves, floor=STAIR_FLOOR, limit=limit, events=device.volatile)
    return Problem.of(device, ("r_on",) if hasattr(device, "r_on") else ("a1",), group, bench=bench)


NOISE_TRUTH = {"sigma_ion": 2.0}

NOISE_SPREAD = {"mu": 0.05, "theta": 0.5}


WAFER_TIMES = np.linspace(0, 1.0, 101)

WAFER_DRIVE = mj.Sampled(WAFER_TIMES, 0.6 * np.sin(2 * np.pi * WAFER_TIMES))

WAFER_FREE = ["r_on", "r_off", "v_on", "v_off"]

WAFER_FIX = {"tau": 1e-4, "x0": 0.0}  # a guess would scale them

WAFER_MODEL = mj.MetastableSwitches()

WAFER_DEVICES = 9
