"""Adaptive steps of every model, with derivatives, by kernels in C and by XLA."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.app.explore.drives import SWEEPS
from memjax.circuit import build_system
from memjax.core.scaling import Scaled
from memjax.lanes import xla_adaptive
from memjax.lanes.cc import library
from memjax.lanes.program import Tangents, with_tangents
from memjax.simulate.stiff_kernel import _program, numbers_of, stiff_kernel_of

pytestmark = [
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
    pytest.mark.parity,
]

DIRECTIONS = 8
STEPS = 40
ROUNDINGS = 1e5
"""Operations of a step and of its derivatives, and by how much its linear equations let their roundings grow."""


@pytest.fixture(autouse=True)
def quick_compiler(monkeypatch):
    """Kernels that are built in a third of the time; `tests/simulate/test_backends.py` has those that are used."""
    monkeypatch.setattr(library, "_FLAGS", ["-O1", *library._FLAGS[1:]])


def advance(program, sweep, step, parameters, moves):
    """A step by XLA along the first direction, operation by operation: no program is compiled for it."""
    (t0, t1), y, dy = step
    last = sweep.corners[-1]
    control = xla_adaptive._Control(0.0, 0.0, last, last, last, last, 0.0, STEPS, is_linear=True)
    moment = xla_adaptive._moment(jax.tree.map(jnp.asarray, sweep), control, t0, t1, t1 - t0)
    numbers, carry = Tangents(parameters, list(moves[:, 0])), Tangents(y, dy[:, 0])
    with jax.disable_jit():
        return program.step(numbers, *jax.tree.map(jnp.asarray, (carry, (), moment)))[0]


@pytest.mark.parametrize("model", [c.name for c in mj.device.registry.BUILT_IN])
def test_a_step_and_its_derivatives_are_those_of_xla(model):
    """The last whole one of steps of a ramp that grow tenfold, whatever their errors: the roundings of one step."""
    device = mj.params.quiet(mj.model(model))
    scaled = Scaled(build_system(device, mj.Bench(), "voltage"), mj.Environment())
    numbers, y0 = jnp.asarray(numbers_of(scaled)), scaled.initial()
    moving = tuple(range(0, len(numbers), 1 + len(numbers) // 4))
    rng = np.random.default_rng(0)
    moves = 0.1 * numbers[jnp.asarray(moving), None] * rng.normal(size=(len(moving), DIRECTIONS))
    dy0 = rng.normal(size=(len(y0), DIRECTIONS))
    kernel = stiff_kernel_of(scaled, moving, DIRECTIONS)
    assert kernel.backend.startswith("cc")
    drive, nothing = SWEEPS[model], np.zeros(0)
    times, values = np.array([0.0, drive.period]), drive.peak * np.array([0.1, 1.0])
    sweep = xla_adaptive._Sweep(times, values, nothing, times)
    solved = kernel(
        np.asarray(numbers)[None], np.asarray(y0)[None], (np.asarray(moves)[None], dy0[None]),
        stimuli=jax.tree.map(lambda x: np.asarray(x)[None], mj.Sampled(times, values)),
        zeros=nothing[None], rows=times[None], policy=mj.Stiff(rtol=1e9, atol=1e9, max_steps=STEPS),
    )  # fmt: skip
    t, y, dy = (np.asarray(x)[0] for x in (solved.step_t, solved.step_y, solved.step_dy))
    whole = np.flatnonzero((t[1:] > 1e-5 * times[1]) & (t[1:] < 0.9 * times[1]))
    k = whole[-1]
    program = with_tangents(_program(scaled), moving)
    theirs = advance(program, sweep, (t[k : k + 2], y[k], dy[k]), numbers, moves)
    for ours, other in zip((y[k + 1], dy[k + 1, :, 0]), theirs, strict=True):
        size = np.max(np.abs(other), initial=1.0)
        assert np.all(np.abs(ours - other) < ROUNDINGS * np.finfo(float).eps * size)
