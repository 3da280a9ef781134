"""Equal steps of every model, with noise, in both precisions, by kernels in C and by XLA."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.app.explore.drives import SWEEPS
from memjax.circuit import build_system
from memjax.core.scaling import Scaled
from memjax.lanes.cc import library
from memjax.noise import device_key, words
from memjax.simulate import is_noisy
from memjax.simulate.fixed import Begin, solve_fixed_lanes
from memjax.solver import SemiImplicitEuler

pytestmark = [
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
    pytest.mark.parity,
]

MODELS = [c.name for c in mj.device.registry.BUILT_IN]

WITHOUT = {"jart-vcm": "while", "ecm": "while"}
"""Models whose steps have no translation in blocks of lanes, and the operation that has none."""

LANES, STEPS = 3, 2

ROUNDINGS = 300.0
"""Operations of these steps that round, about; exponentials round by as many units as their exponent has."""


@pytest.fixture(autouse=True)
def quick_compiler(monkeypatch):
    """Kernels that are built in a third of the time; `tests/simulate/test_backends.py` has those that are used."""
    monkeypatch.setattr(library, "_FLAGS", ["-O1", *library._FLAGS[1:]])


def solve(model, dtype, *, damped, backend):
    """The first steps of a sweep, whose states are at rest before it, in lanes that noise tells apart."""
    device, sweep = mj.model(model), SWEEPS[model]
    scaled = Scaled(build_system(mj.params.quiet(device), mj.Bench(), "voltage"), mj.Environment())
    scaled, drive = jax.tree.map(
        lambda x: jnp.asarray(x, dtype),
        (scaled, mj.Sampled(np.array([0.0, sweep.period]), sweep.peak * np.array([0.3, 0.6]))),
    )
    keys = [words(device_key(1, member=k, sweep=0)) for k in range(LANES)]
    noisy = is_noisy(device, {}) and not scaled.has_jumps  # which no kernel takes
    key = jax.tree.map(lambda *x: jnp.stack(x), *keys) if noisy else None
    zero = jnp.zeros((), dtype)
    begin = Begin(jnp.tile(scaled.initial().astype(dtype), (LANES, 1)), zero, jnp.asarray(0))
    with mj.use_backend(backend):
        return solve_fixed_lanes(
            scaled, drive, ({}, key), rows=jnp.asarray([sweep.period / 1000], dtype), begin=begin, substeps=STEPS,
            policy=mj.Fixed(1.0, method=SemiImplicitEuler(damped=damped)),
        )  # fmt: skip


@pytest.mark.few(len(MODELS))  # in float64 other tests have most of them
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_are_those_of_xla(model, dtype):
    """Damped ones in float32, as in networks, and plain ones, whose stiffness is looked at, in float64."""
    options = dict(dtype=dtype, damped=dtype == "float32")
    ours = solve(model, backend="auto", **options)
    if model in WITHOUT:
        assert ours.backend == f"xla (no translation of the operation {WITHOUT[model]})"
        return
    assert ours.backend.startswith("cc")
    with jax.disable_jit():  # operation by operation: no program is compiled for it
        theirs = solve(model, backend="xla", **options)
    assert theirs.y.dtype == ours.y.dtype == dtype
    np.testing.assert_array_equal(ours.result, theirs.result)
    pairs = [(ours.y, theirs.y)]
    if theirs.stiffness is not None:
        pairs.append((ours.stiffness, theirs.stiffness))
    for x, y in pairs:
        size = np.max(np.abs(y), initial=1.0)
        assert np.max(np.abs(x - y)) < ROUNDINGS * np.finfo(dtype).eps * size
