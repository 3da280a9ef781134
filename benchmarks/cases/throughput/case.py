"""Device-steps per second of ensembles in fixed steps: memjax, plain JAX, and programs of other hands."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import memjax as mj
from benchmarks.cases.stiff_sde.systems import Oscillator
from benchmarks.environments import python_of
from benchmarks.records import ROOT, Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, measure
from memjax.solver import DriftImplicitEuler, SemiImplicitEuler

DT = 1e-3
PLAIN = "jax.lax.scan, threefry"
PEERS = Path(os.environ.get("MEMJAX_PEERS", ROOT.parent / "shared" / "peers"))
SIZES = {"smoke": (10_000, 200), "full": (100_000, 2_000)}

SCRIPTS = {
    "numba": ("p_numba.py", "--variant", "block"),
    "brian2": ("p_brian2.py", "--variant", "standalone"),
    "brainstate": ("p_brainstate.py",),
}
"""The same problem by other libraries: programs of the peers' folder, and what they are told."""

MEANS = {"x": (-0.3230, 0.5495), "T": (0.4901, 0.2408)}
"""Mean and standard deviation over 100,000 devices at t = 10, by the C program in float64."""


class Explicit(eqx.Module):
    """The same equations as one writes them: arrays over devices, Euler-Maruyama, new normal numbers each step."""

    tau: float = 0.2

    def __call__(self, key, n: int, steps: int):
        """Position, temperature and voltage of `n` devices after so many steps."""
        s, f = Oscillator(tau=self.tau), jnp.float32

        def step(state, k):
            x, heat, v = state
            z = jax.random.normal(jax.random.fold_in(key, k), (n,), f)
            i = v / jnp.cosh(x / s.lam)
            dx = v - s.b - s.a * (x**3 - x)
            end = (
                x + DT * dx + jnp.sqrt(2 * s.eps * DT * heat) * z,
                heat + DT * (s.c_h * v * i - s.kappa * (heat - s.t0)),
                v + DT / s.tau * ((s.v_ext - v) / s.r_ext - i),
            )
            return end, None

        begin = (jnp.full(n, -1, f), jnp.full(n, s.t0, f), jnp.zeros(n, f))
        return lax.scan(step, begin, jnp.arange(steps))[0]


def _steps(method: Any, **options: Any) -> mj.Fixed:
    """Steps in float32, whose statistics are compared with those of the C program."""
    return mj.Fixed(DT, method=method, single_precision=True, **options)


def _by_memjax(n: int, steps: int, policy: mj.Fixed, tau: float, *, node: bool = True) -> Callable:
    """`mj.simulate` of members, of which the last state is kept."""
    system = Oscillator(tau=tau, node=node)
    end = steps * DT
    flat = mj.Sampled(np.array([0.0, end]), np.array([3.0, 3.0]))

    def run(seed):
        trace = mj.simulate(system, flat, policy=policy, members=n, seed=seed, save=np.array([end]))
        return tuple(trace.state[k][:, -1] for k in ("x", "T", "V"))

    return run


def _record(record: Recorder, variant: str, run: Callable, n: int, steps: int, **extra) -> None:
    """Times of a run, and the distance of its means from those of the C program where it is as long."""
    seeds = iter(range(100))
    times, state = measure(lambda: run(next(seeds)), repeats=3)
    x, heat, _ = (np.asarray(s, float) for s in cast(tuple, state))
    error, reference = None, "none: too short a run"
    if steps * DT == 10.0 and extra.get("tau", 0.2) == 0.2:
        z = [
            abs(s.mean() - MEANS[k][0]) / (MEANS[k][1] * np.sqrt(1 / n + 1e-5))
            for k, s in (("x", x), ("T", heat))
        ]
        error, reference = max(z), "means of the C program, in standard errors"
    rate = n * steps / min(times.run)
    record.ok(
        variant,
        times,
        error=error,
        tolerance=4.0,
        reference=reference,
        problem=f"LHN, {steps} steps",
        n=n,
        dtype="float32",
        extra={"device_steps_per_s": rate, **extra},
    )


def _memjax(record: Recorder, n: int, steps: int) -> None:
    """Our variants; those of a stiff circuit beside those of a slow one."""
    semi = SemiImplicitEuler()
    for kind in ("gaussian", "two-point"):
        policy = _steps(semi, increments=kind)
        run = _by_memjax(n, steps, policy, 0.2)
        _record(record, f"memjax semi-implicit, {kind}", run, n, steps)
    run = _by_memjax(n, steps, _steps(semi), 0.2, node=False)
    _record(record, "memjax explicit, gaussian", run, n, steps)
    run = _by_memjax(n, steps, _steps(semi), 1e-5)
    _record(record, "memjax semi-implicit, tau = 1e-5", run, n, steps, tau=1e-5)
    few = max(n // 20, 1000)
    run = _by_memjax(few, steps, _steps(DriftImplicitEuler()), 0.2)
    _record(record, "memjax drift-implicit (Newton)", run, few, steps)


def _plain(record: Recorder, n: int, steps: int) -> None:
    """Plain JAX."""
    program = jax.jit(lambda seed: Explicit()(jax.random.key(seed), n, steps))
    _record(record, PLAIN, program, n, steps)


def _in_c(record: Recorder, n: int, steps: int) -> None:
    """The C program on one core and on all, where its source and a compiler are."""
    source, variant = PEERS / "lhn.c", "C, inlined polynomials"
    if not source.exists() or shutil.which("gcc") is None:
        reason = f"needs gcc and {source}: set MEMJAX_PEERS to the folder of lhn.c"
        record.write(variant, status="skipped", reason=reason, problem=f"LHN, {steps} steps", n=n)
        return
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "lhn"
        flags = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-DPOLY"]
        subprocess.run(["gcc", *flags, source, "-o", program, "-lm"], check=True)
        for threads in sorted({1, os.cpu_count() or 1}):
            options = {"--n": n, "--steps": steps, "--threads": threads, "--repeat": 3}
            words = [str(w) for pair in options.items() for w in pair]
            done = subprocess.run([program, *words], check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            record.ok(
                f"{variant}, {threads} threads",
                Times(run=[found["t_best"], found["t_med"]]),
                error=None,
                reference="none: the reference itself",
                problem=f"LHN, {steps} steps",
                n=n,
                dtype="float32",
                peer="C",
                extra={"device_steps_per_s": found["devsteps_excl"]},
            )


def _scripts(record: Recorder, n: int, steps: int) -> None:
    """Programs of the peers' folder on all cores, each with the Python of its own environment."""
    for peer, words in SCRIPTS.items():
        python, about = python_of(peer), {"problem": f"LHN, {steps} steps", "n": n, "peer": peer}
        if python is None or not (PEERS / words[0]).exists():
            reason = f"needs {PEERS / words[0]} and the environment of {peer}"
            record.write(peer, status="skipped", reason=reason, **about)
            continue
        cores = os.cpu_count() or 1
        options = {"--n": n, "--steps": steps, "--dtype": "f32", "--threads": cores, "--repeat": 3}
        given = [str(w) for pair in options.items() for w in pair]
        command = [str(python), *words, *given]
        done = subprocess.run(command, capture_output=True, text=True, cwd=PEERS, check=False)
        if done.returncode != 0:
            reason = " | ".join(done.stderr.strip().splitlines()[-3:])
            record.write(peer, status="failed", reason=reason, **about)
            continue
        found = json.loads(done.stdout.strip().splitlines()[-1])
        record.ok(
            peer,
            Times(run=[found["t_best"], found["t_med"]]),
            error=None,
            reference="none: a time",
            dtype="float32",
            extra={
                "device_steps_per_s": found["devsteps_excl"],
                "with_compilation": found["devsteps_incl"],
                "version": found.get("version"),
            },
            **about,
        )


def run(size: str, record: Recorder) -> None:
    """All variants in one run."""
    n, steps = SIZES[size]
    for variant in (_plain, _memjax, _in_c, _scripts):
        variant(record, n, steps)
    if size == "full":  # as long as the published statistics
        policy = _steps(SemiImplicitEuler())
        _record(
            record, "memjax semi-implicit, gaussian", _by_memjax(n, 10_000, policy, 0.2), n, 10_000
        )


CASE = Case(
    name="throughput",
    run=run,
    baseline=PLAIN,
    suites=("smoke", "throughput"),
    peers=tuple(SCRIPTS),
    limit_s=1800.0,
)
