"""Crossbars with real wires: reads beside badcrossbar, ngspice and SciPy's direct solver, writing, and training."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import memjax as mj
from benchmarks.cases.crossbar.measured import write_fitted
from benchmarks.cases.crossbar.problem import Problem, problem, sparse_currents
from benchmarks.cases.crossbar.simulators import AIHWKIT, CROSSSIM, read_by_simulators
from benchmarks.cases.crossbar.spice import read_by_spice
from benchmarks.cases.crossbar.training import classify
from benchmarks.cases.crossbar.writing import write
from benchmarks.environments import run_peer
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap, measure
from memjax.crossbar import Reading

PEER, SCRIPT = "badcrossbar", Path(__file__).with_name("peer_badcrossbar.py")
SPARSAX, SPARSAX_SCRIPT = "sparsax", Path(__file__).with_name("peer_sparsax.py")
NODES_SCRIPT = Path(__file__).with_name("peer_badcrossbar_nodes.py")
READ = "memjax"
REFERENCE = "SciPy's sparse direct solve, largest relative difference of a current"
SIZES = {"smoke": ((16, 1.0),), "full": ((128, 1.0), (128, 10.0), (256, 1.0), (256, 10.0))}
AGREEMENT = {"smoke": (8,), "full": (8, 16, 32, 64, 128)}
"""Lines of the arrays whose node voltages are compared, each with wires of 0.1, 1 and 10 ohm."""

LARGE = 1024


def _array(p: Problem, dtype: type[np.floating] = np.float64) -> mj.Crossbar:
    """The array of a problem, made anew: nothing of an earlier read is kept."""
    return mj.Crossbar(p.g.astype(dtype), wires=mj.crossbar.Wires(p.wire, p.wire))


def _value_and_slopes(p: Problem) -> Callable[[], tuple]:
    """A loss of the currents, and its derivatives by all conductances and voltages."""

    def loss(g, v):
        return jnp.sum(mj.Crossbar(g, wires=mj.crossbar.Wires(p.wire, p.wire)).read(v).current ** 2)

    both = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    return lambda: both(jnp.asarray(p.g), jnp.asarray(p.v[0]))


def _secant(p: Problem) -> float:
    """The loss's derivative by a common factor of all voltages, which is exact: it is a square."""
    return 2 * float(jnp.sum(_array(p).read(p.v[0]).current ** 2))


def _reads(record: Recorder, p: Problem, exact: np.ndarray) -> None:
    """Single and batched reads, and derivatives."""

    def tell(variant, call, value_of, tolerance, reference=REFERENCE, n=1, dtype="float64"):
        times, result = measure(call, repeats=11)
        error, extra = value_of(result)
        record.ok(
            variant, times, error=error, reference=reference, tolerance=tolerance, problem=p.name,
            n=n, dtype=dtype, extra=extra,
        )  # fmt: skip

    def of_read(reading):
        current = np.atleast_2d(np.asarray(reading.current, float))[0]
        iterations = np.atleast_1d(reading.iterations)
        return float(np.abs(current / exact - 1).max()), {"iterations": iterations.tolist()}

    def of_slopes(result):
        _, (_, by_v) = result
        return abs(float(np.sum(by_v * p.v[0])) / _secant(p) - 1), {}

    tell(READ, lambda: _array(p).read(p.v[0]), of_read, 1e-9)
    tell(
        "memjax, float32",
        lambda: _array(p, np.float32).read(p.v[0]),
        of_read,
        1e-4,
        dtype="float32",
    )
    tell("memjax, 64 inputs", lambda: _array(p).read(p.v), of_read, 1e-9, n=64)
    exact_slope = "the exact derivative by a factor of all voltages, relative"
    tell("memjax, value and derivatives", _value_and_slopes(p), of_slopes, 1e-9, exact_slope)


def _peers(record: Recorder, p: Problem, folder: Path) -> np.ndarray:
    """The exact currents, and the times of others."""
    laps = [lap(lambda: sparse_currents(p)) for _ in range(3)]
    exact = laps[-1][1]
    record.ok(
        "SciPy, sparse direct", Times(run=[x for x, _ in laps]), error=None, reference="none: it is the reference",
        problem=p.name, n=1, dtype="float64",
    )  # fmt: skip
    file = folder / "array.npz"
    np.savez(file, g=p.g, v=p.v[0], current=exact)
    job = {"file": str(file), "wire": p.wire, "repeats": 3, "reference": REFERENCE}
    job |= {"problem": p.name, "n": 1, "dtype": "float64"}
    run_peer(record, PEER, SCRIPT, job=job, variant="badcrossbar")
    run_peer(record, SPARSAX, SPARSAX_SCRIPT, job=job, variant="sparsax")
    return exact


def _agree(size: str, record: Recorder, folder: Path) -> None:
    """All node voltages and currents beside those of badcrossbar."""
    problems = [problem(n, r, inputs=1) for n in AGREEMENT[size] for r in (0.1, 1.0, 10.0)]
    numbers = {}
    for k, p in enumerate(problems):
        r = _array(p).read(p.v[0])
        read = {"word": r.word, "bit": r.bit, "cell": r.cell_current, "current": r.current}
        given = read | {"g": p.g, "v": p.v[0], "wire": p.wire}
        numbers |= {f"{name}{k}": x for name, x in given.items()}
    file = folder / "nodes.npz"
    np.savez(file, **numbers)
    job = {
        "file": str(file),
        "arrays": len(problems),
        "tolerance": 1e-9,
        "n": 1,
        "dtype": "float64",
    }
    job |= {"problem": "all node voltages and currents of random arrays"}
    job |= {"reference": "memjax, largest relative difference of a node voltage or output current"}
    run_peer(record, PEER, NODES_SCRIPT, job=job, variant="badcrossbar")


def _large(record: Recorder) -> None:
    """An array that a direct solver takes minutes for: what leaves the drivers has to arrive."""
    for wire in (1.0, 10.0):
        p = problem(LARGE, wire, inputs=1)
        times, result = measure(lambda p=p: _array(p).read(p.v[0]), repeats=3)
        reading = cast(Reading, result)
        arriving, leaving = (float(jnp.sum(x)) for x in (reading.current, reading.driver_current))
        record.ok(
            READ, times, error=abs(arriving / leaving - 1), reference="currents out of all drivers, relative",
            tolerance=1e-9, problem=p.name, n=1, dtype="float64",
            extra={"iterations": int(reading.iterations)},
        )  # fmt: skip


def _regression(record: Recorder, steps: int = 300) -> None:
    """Least squares through 32 x 32 cells with wires of 5 ohm: error over that of the ideal array."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(128, 32)))
    target = x @ jnp.asarray(rng.normal(size=(32, 16))) + 0.1 * jnp.asarray(
        rng.normal(size=(128, 16))
    )
    best = np.linalg.lstsq(np.asarray(x), np.asarray(target), rcond=None)[0]
    ideal = float(jnp.mean((x @ best - target) ** 2))
    layer = mj.crossbar.Linear(
        best,
        cells=mj.crossbar.CellRange(1e-6, 1e-4),
        wires=mj.crossbar.Wires(5.0, 5.0),
        largest=2 * np.abs(best).max(),
    )

    def loss(weight):
        return jnp.mean((eqx.tree_at(lambda a: a.weight, layer, weight)(x) - target) ** 2)

    slopes, optimiser = jax.jit(jax.value_and_grad(loss)), optax.adam(0.02)

    def train():
        weight, state = layer.weight, optimiser.init(layer.weight)
        for _ in range(steps):
            _, slope = slopes(weight)
            step, state = optimiser.update(slope, state)
            weight = optax.apply_updates(weight, step)
        return weight

    times, weight = measure(train, repeats=1)
    untrained, trained = (float(loss(w)) / ideal for w in (layer.weight, weight))
    record.ok(
        "regression trained through wires", times, error=trained - 1, reference="error of the ideal array, relative",
        tolerance=0.05, problem="32 x 32 cells, wires of 5 ohm", n=128, dtype="float64",
        extra={"untrained_over_ideal": untrained, "steps": steps},
    )  # fmt: skip


def run(size: str, record: Recorder) -> None:
    """All sizes."""
    jax.config.update("jax_enable_x64", True)
    with tempfile.TemporaryDirectory() as folder:
        for lines, wire in SIZES[size]:
            p = problem(lines, wire)
            _reads(record, p, _peers(record, p, Path(folder)))
        _agree(size, record, Path(folder))
    read_by_spice(size, record)
    read_by_simulators(size, record)
    if size == "full":
        _large(record)
        _regression(record)
        write_fitted(record)
    write(size, record)
    classify(size, record)


CASE = Case(
    name="crossbar",
    run=run,
    baseline=READ,
    suites=("smoke", "crossbar"),
    peers=(PEER, SPARSAX, CROSSSIM, AIHWKIT),
    limit_s=1200.0,
)
