"""What a derivative of one stochastic solve costs, in time, compilation and memory, and how right it is."""

from collections.abc import Callable

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import memjax as mj
from benchmarks.cases.gradients.jumps import Decay
from benchmarks.cases.stiff_sde.systems import Oscillator
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import measure
from memjax.core.scaling import Scaled
from memjax.noise import device_key, words
from memjax.simulate import Begin, solve_adaptive, solve_fixed
from memjax.solver import SemiImplicitEuler

NAMES = ("a", "b", "lam", "r_ext", "eps")
TRUTH = np.array([2.0, 1.5, 0.12, 5.0, 0.05])
ADAPTIVE = "adaptive, value"
REVERSE = dfx.RecursiveCheckpointAdjoint()


def _scaled(q: jax.Array, tau: float) -> Scaled:
    """The oscillator with five parameters."""
    values = dict(zip(NAMES, jnp.asarray(q), strict=True))
    return Scaled(Oscillator(tau=tau, **values), mj.Environment())


def _flat(end: float) -> mj.Sampled:
    """A constant source of 3."""
    return mj.Sampled(np.array([0.0, end]), np.array([3.0, 3.0]))


def adaptive(q: jax.Array, *, adjoint, end: float = 10.0, most: int = 100_000) -> jax.Array:
    """Final position along one path of the stiff oscillator (tau = 1e-5) at rtol 1e-3."""
    scaled, t = _scaled(q, 1e-5), jnp.asarray(end)
    policy = mj.Stiff(rtol=1e-3, atol=1e-3, adjoint=adjoint, max_steps=most)
    key = words(device_key(0, member=0, sweep=0))
    y0 = jnp.array([-1.0, 0.3, 0.0])
    sol = solve_adaptive(scaled, _flat(end), rows=t[None], y0=y0, end=t, policy=policy, key=key)
    return sol.y[-1, 0]


def fixed(q: jax.Array, *, steps: int, members: int = 1000) -> jax.Array:
    """Mean final position of members with tau = 0.2 in semi-implicit steps of 1e-3."""
    policy = mj.Fixed(1e-3, method=SemiImplicitEuler())
    end = steps * 1e-3

    def one(m):
        return solve_fixed(
            _scaled(q, 0.2),
            _flat(end),
            rows=jnp.array([end]),
            begin=Begin(jnp.array([-1.0, 0.3, 0.0]), jnp.asarray(0.0), jnp.asarray(0)),
            key=words(device_key(0, member=m, sweep=0)),
            substeps=steps,
            policy=policy,
        ).y[-1, 0]

    return jnp.mean(jax.vmap(one)(jnp.arange(members)))


def by_diffrax(q: jax.Array, *, steps: int, members: int = 1000) -> jax.Array:
    """The same mean by diffrax's Euler on its virtual Brownian tree."""
    end, y0 = steps * 1e-3, jnp.array([-1.0, 0.3, 0.0])
    scaled, u = _scaled(q, 0.2), jnp.asarray(3.0)

    def one(m):
        key = device_key(0, member=m, sweep=0)
        path = dfx.VirtualBrownianTree(0.0, end, tol=5e-4, shape=(1,), key=key)
        terms = dfx.MultiTerm(
            dfx.ODETerm(lambda t, y, a: scaled.drift(t, y, u)),
            dfx.ControlTerm(lambda t, y, a: scaled.diffusion(t, y, u), path),
        )
        sol = dfx.diffeqsolve(terms, dfx.Euler(), 0.0, end, 1e-3, y0, max_steps=steps + 8)
        return jnp.asarray(sol.ys)[-1, 0]

    return jnp.mean(jax.vmap(one)(jnp.arange(members)))


def _central(function: Callable, q: np.ndarray, relative: float = 1e-6) -> np.ndarray:
    """Central differences."""
    moves = np.diag(relative * np.asarray(q))
    pairs = [(function(q + d), function(q - d)) for d in moves]
    return np.array([float(a - b) for a, b in pairs]) / (2 * relative * np.asarray(q))


def _record(
    record: Recorder, variant: str, function: Callable, *, problem: str, n: int, truth=None, **extra
) -> None:
    """Times and memory of a compiled function, and the distance of what it gives from central differences."""
    compiled = jax.jit(function)
    times, value = measure(lambda: compiled(TRUTH), repeats=21 if n == 1 else 5)
    memory = compiled.lower(TRUTH).compile().memory_analysis()
    temporary = None if memory is None else int(memory.temp_size_in_bytes)
    error, reference = None, "none: a value"
    if truth is not None:
        got = np.asarray(value)
        error = float(
            np.max(np.abs(got - truth[: got.size].reshape(got.shape)) / np.abs(truth).max())
        )
        reference = "central differences along the same path, relative to the largest"
    record.ok(
        variant,
        times,
        error=error,
        reference=reference,
        tolerance=1e-4,
        problem=problem,
        n=n,
        dtype="float64",
        extra={"temporary_bytes": temporary, **extra},
    )


def _first(function: Callable) -> Callable:
    """Derivative by the first parameter, in forward mode."""
    unit = jnp.eye(len(NAMES))[0]
    return lambda q: jax.jvp(function, (q,), (unit.astype(q.dtype),))[1]


def _adaptive(record: Recorder, size: str) -> None:
    """Derivatives along one adaptive path; the memory of the reverse pass against the most steps."""
    problem = "one adaptive path of the stiff oscillator"
    forward = lambda q: adaptive(q, adjoint=dfx.ForwardMode())  # noqa: E731
    _record(record, ADAPTIVE, forward, problem=problem, n=1)  # compiled here first
    truth = _central(jax.jit(forward), TRUTH)
    cases = {
        "adaptive, forward mode, 1 parameter": _first(forward),
        "adaptive, forward mode, 5 parameters": jax.jacfwd(forward),
    }
    for variant, function in cases.items():
        _record(record, variant, function, problem=problem, n=1, truth=truth)
    for end in (10.0, 100.0) if size == "full" else (10.0,):
        backward = lambda q, end=end: adaptive(q, adjoint=REVERSE, end=end)  # noqa: E731
        where = problem if end == 10.0 else f"{problem}, t = {end:g}"
        if end != 10.0:
            _record(record, ADAPTIVE, backward, problem=where, n=1)
            truth = _central(jax.jit(backward), TRUTH)
        variant = "adaptive, reverse mode, 5 parameters"
        _record(record, variant, jax.grad(backward), problem=where, n=1, truth=truth)
    if size == "full":
        _memory(record, problem)


def _memory(record: Recorder, problem: str) -> None:
    """Memory of the reverse pass against the number of steps that it has to be ready for."""
    for most in (1_000, 10_000, 100_000):
        backward = lambda q, most=most: adaptive(q, adjoint=REVERSE, most=most)  # noqa: E731
        variant = f"adaptive, reverse mode, room for {most} steps"
        _record(record, variant, jax.grad(backward), problem=problem, n=1, most=most)


def _ensembles(record: Recorder, size: str) -> None:
    """Derivatives of the mean of 1000 members in 1000 fixed steps; the same by diffrax."""
    steps = 1000 if size == "full" else 100
    problem = f"mean of 1000 oscillators, {steps} fixed steps"
    for name, solve in {"fixed": fixed, "diffrax Euler": by_diffrax}.items():
        if name != "fixed" and size == "smoke":
            continue
        value = lambda q, solve=solve: solve(q, steps=steps)  # noqa: E731
        _record(record, f"{name}, value", value, problem=problem, n=1000)
        truth = _central(jax.jit(value), TRUTH, 1e-5)
        variant = f"{name}, reverse mode, 5 parameters"
        _record(record, variant, jax.grad(value), problem=problem, n=1000, truth=truth)


def _score(record: Recorder, size: str) -> None:
    """Derivative of a mean through jumps whose pattern depends on the parameter."""
    members = 20_000 if size == "full" else 2_000
    flat = mj.Sampled(np.array([0.0, 0.2]), np.zeros(2))

    def mean(kappa, weighted):
        system = eqx.tree_at(lambda s: s.kappa, Decay(), kappa)
        policy, rows = mj.Stiff(clock=25.0), np.array([0.2])
        trace = mj.simulate(system, flat, policy=policy, members=members, save=rows)
        f, pattern = trace.state["f"][:, -1], jnp.sum(jnp.asarray(trace.pattern), axis=1)
        return mj.expected(f, pattern) if weighted else jnp.mean(f)

    exact = Decay().slope(0.2)
    for variant, weighted in (("score function", True), ("along paths only", False)):
        run = lambda w=weighted: jax.jvp(lambda k: mean(k, w), (20.0,), (1.0,))[1]  # noqa: E731
        times, got = measure(run, repeats=1)
        record.ok(
            variant,
            times,
            error=abs(float(jnp.asarray(got)) - exact) / abs(exact),
            reference="exact derivative of the mean, relative",
            problem="mean of a decay with jumps",
            n=members,
            dtype="float64",
        )


def run(size: str, record: Recorder) -> None:
    """All parts."""
    jax.config.update("jax_enable_x64", True)
    _adaptive(record, size)
    _ensembles(record, size)
    _score(record, size)


CASE = Case(name="gradients", run=run, baseline=ADAPTIVE, suites=("gradients",), limit_s=1800.0)
