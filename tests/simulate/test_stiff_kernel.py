"""Adaptive solves by kernels in C against the same ones by XLA, which are their oracle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.circuit import build_system
from memjax.core.scaling import Scaled
from memjax.lanes.cc import library
from memjax.simulate import solve_stiff, stiff_kernel
from memjax.simulate.stiff_kernel import StiffKernel, moving_numbers, numbers_of, stiff_kernel_of

pytestmark = [
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
    pytest.mark.parity,
]

# Without noise, as fits have it.
QUIET = mj.params.quiet(mj.DiffusiveMemristor())
BENCH = mj.Bench(compliance=1e-4)
RTOL = 1e-6
POLICY = mj.Stiff(rtol=RTOL, atol=1e-2 * RTOL, max_steps=4000)
ROWS = np.linspace(0.0, 0.4, 41)

# A sweep to either side and back, whose last point is 0 V, and one that passes 0 V between two points.
TIMES = np.array([0.0, 0.15, 0.2, 0.4])
VALUES = np.array([[0.0, 0.6, 0.5, 0.0], [-0.3, 0.55, 0.0, -0.6]])

# Factor by which the rates of a device let the tolerance of a step grow: the tests of memjax find 20 to 40.
_GROWTH = 100


def system(names, x, device):
    """A device with some of its parameters times e^x."""
    values = {n: mj.params.get(device, n) * jnp.exp(y) for n, y in zip(names, x, strict=True)}
    return Scaled(
        build_system(mj.params.replace(device, values, check=False), BENCH, "voltage"),
        mj.Environment(),
    )


def drives(kind, values=VALUES):
    sweeps = [mj.Sampled(TIMES, v, kind=kind) for v in values]
    return jax.tree.map(lambda *x: np.stack(x), *sweeps)


def solve(names, device, kind="linear", *, points=None, derive=True, policy=POLICY, values=VALUES):
    """Lanes of two sweeps at some points, and the kernel."""
    at = lambda x: system(names, x, device)  # noqa: E731
    zero = jnp.zeros(len(names))
    moving = moving_numbers(at, zero)
    kernel = stiff_kernel_of(at(zero), moving, len(names))
    assert isinstance(kernel, StiffKernel), kernel
    points = np.zeros((1, len(names))) if points is None else points
    begin = lambda x: (numbers_of(at(x)), at(x).initial())  # noqa: E731
    both = jax.jit(jax.vmap(lambda x: (begin(x), jax.jacfwd(begin)(x))))
    (numbers, y0), (d_numbers, dy0) = jax.device_get(both(np.repeat(points, 2, axis=0)))
    along = (d_numbers[:, list(moving)], dy0) if derive else None
    stimuli = drives(kind, values)
    about = {"stimuli": stimuli, "rows": np.stack([ROWS] * 2), "policy": policy}
    zeros = np.asarray(jax.vmap(lambda s: jnp.sort(s.zeros()))(stimuli))
    return kernel, kernel(numbers, y0, along, zeros=zeros, **about)


def by_xla(names, device, kind, *, values=VALUES):
    """The same by XLA: states, their derivatives, and numbers of steps."""

    def one(x, stimulus):
        scaled = system(names, x, device)
        about = {"rows": jnp.asarray(ROWS), "y0": scaled.initial(), "end": jnp.asarray(ROWS[-1])}
        sol = solve_stiff(scaled, stimulus, policy=POLICY, steps=True, **about)
        return sol.y, sol

    def both(x):
        return jax.vmap(lambda s: one(x, s))(drives(kind, values))

    slope, sol = jax.jit(jax.jacfwd(both, has_aux=True))(jnp.zeros(len(names)))
    return sol, slope


@pytest.mark.study  # random cases, see `tests/simulate/test_backends.py`, are solved by the same functions
@pytest.mark.parametrize(
    ("device", "names", "kind"),
    [
        (QUIET, ("mu", "lam"), "linear"),
        pytest.param(mj.model("mms"), ("v_on", "tau"), "staircase"),
    ],
)
def test_states_and_derivatives_are_those_of_xla(device, names, kind):
    kernel, ours = solve(names, device, kind)
    theirs, slope = by_xla(names, device, kind)
    assert kernel.directions == 8
    assert np.all(np.asarray(ours.counts)[:, 2] == 0)
    assert np.all(np.asarray(theirs.result) == 0)
    assert np.all(
        np.ptp(np.asarray(theirs.y), axis=1).max(axis=-1) > 0.1
    )  # states of order one move
    np.testing.assert_allclose(ours.y, theirs.y, atol=_GROWTH * RTOL)
    away = np.abs(np.asarray(ours.dy)[..., : len(names)] - slope)
    # Derivatives of a step across a kink hold to its first order only, see `memjax.simulate.smooth_step`: on
    # either side they are within 2 percent of secants.
    assert np.max(away) < 0.04 * np.max(np.abs(slope))
    assert np.all(np.asarray(ours.dy)[..., len(names) :] == 0)
    counts = np.asarray(ours.counts)
    # XLA refuses some more for derivatives by starts that these do not have.
    np.testing.assert_allclose(counts[:, 0], theirs.accepted, rtol=0.05)
    assert np.all(counts[:, 1] <= np.asarray(theirs.rejected) + 0.02 * counts[:, 0])
    # Until rounding decides on a step, they are the same steps.
    same = np.asarray(ours.step_t)[:, :20] == np.asarray(theirs.step_t)[:, :20]
    assert same.all()
    np.testing.assert_allclose(ours.step_y[:, :20], theirs.step_y[:, :20], atol=1e-12)


def test_a_lane_depends_on_nothing_around_it(monkeypatch):
    """Neither on the others, nor on threads, nor on whether derivatives are asked for."""
    names, device = ("mu", "r_on"), QUIET
    points = np.array([[0.0, 0.0], [0.1, 0.0], [0.0, -0.1]])
    _, whole = solve(names, device, points=points)
    monkeypatch.setattr(stiff_kernel, "usable_cores", lambda: 4)
    _, again = solve(names, device, points=points)
    _, alone = solve(names, device, points=points[1:2])
    _, values = solve(names, device, points=points, derive=False)
    for name in ("y", "dy", "step_t", "last", "counts"):
        x = np.asarray(getattr(whole, name))
        np.testing.assert_array_equal(x, getattr(again, name))
        np.testing.assert_array_equal(x[2:4], getattr(alone, name))
        if name != "dy":
            np.testing.assert_array_equal(x, getattr(values, name))
    assert values.dy.shape[-1] == 0


def test_lanes_side_by_side_and_those_that_follow_are_those_alone(monkeypatch):
    """More lanes than are computed together, which end at times of their own; some begin without numbers."""
    names, device = ("mu", "r_on"), QUIET
    points = np.random.default_rng(0).normal(scale=0.3, size=(11, 2))
    points[[2, 7]] = np.nan
    monkeypatch.setattr(stiff_kernel, "usable_cores", lambda: 1)
    _, whole = solve(names, device, points=points)
    accepted = np.asarray(whole.counts)[:, 0]
    assert len(set(accepted.tolist())) > 5
    np.testing.assert_array_equal(
        np.asarray(whole.counts)[[4, 5, 14, 15], :2].sum(axis=1), POLICY.max_steps
    )
    for k in (1, 5, 10):
        _, alone = solve(names, device, points=points[k : k + 1])
        for name in ("y", "dy", "step_t", "last", "counts"):
            both = np.asarray(getattr(whole, name))[2 * k : 2 * k + 2], getattr(alone, name)
            np.testing.assert_array_equal(*both)


@pytest.mark.integration
def test_too_many_steps_are_said():
    few = mj.Stiff(rtol=RTOL, atol=1e-2 * RTOL, max_steps=30)
    _, lanes = solve(("mu",), QUIET, policy=few)
    assert np.all(np.asarray(lanes.counts)[:, 2] == mj.Result.step_limit)
    assert np.all(np.asarray(lanes.counts)[:, :2].sum(axis=1) == 30)
    assert not np.isfinite(np.asarray(lanes.y)).all()
    accepted = np.asarray(lanes.counts)[:, 0]
    finite = np.isfinite(np.asarray(lanes.step_t)).sum(axis=1)
    np.testing.assert_array_equal(finite, accepted + 1)


@pytest.mark.integration
def test_numbers_of_another_system_are_refused():
    kernel, _ = solve(("mu",), QUIET)
    about = {"stimuli": drives("linear"), "zeros": np.zeros((2, 3)), "rows": np.stack([ROWS] * 2)}
    with pytest.raises(Exception, match="lanes of other equations"):
        kernel(np.ones((2, 3)), np.zeros((2, 3)), None, policy=POLICY, **about)


@pytest.mark.integration
def test_where_there_is_no_compiler_or_no_translation_it_is_said(monkeypatch):
    scaled = system(("mu",), jnp.zeros(1), QUIET)
    reason = "no translation of derivatives along 72 directions"
    assert stiff_kernel_of(scaled, (0,), 65).backend == f"xla ({reason})"
    monkeypatch.setenv(library.COMPILER, "")
    assert stiff_kernel_of(scaled, (0,), 1).backend.startswith("xla (no compiler of C")
