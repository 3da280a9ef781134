"""Derivatives of states that start on a bound: the one-sided ones, of every model, by XLA and by kernels in C."""

import functools

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.circuit import build_system
from memjax.core.scaling import Scaled
from memjax.device.registry import BUILT_IN
from memjax.lanes.cc import library
from memjax.simulate import solve_stiff
from memjax.simulate.stiff_kernel import numbers_of, stiff_kernel_of

MODELS = [cls.name for cls in BUILT_IN]


def slow_but(quick):
    """The models, of which only some run in tests that are to be short."""
    return [x if x in quick else pytest.param(x, marks=pytest.mark.slow) for x in MODELS]


ROOTS = ("jart-vcm", "ecm", "ag-filament", "langevin-chain")  # they compile for longest
SOLVED = slow_but(("vteam",))
# Up, down and back.
DRIVE = mj.Sampled(np.array([0.0, 0.1, 0.3, 0.4]), np.array([0.0, 1.0, -1.0, 0.0]))
ROWS = np.linspace(0.0, 0.4, 21)[1:]
FINE = mj.Stiff(rtol=1e-8, atol=1e-10, max_steps=60_000)
H = 1e-5


def quiet(name):
    device = mj.params.quiet(mj.model(name))
    return Scaled(build_system(device, mj.Bench(), "voltage"), mj.Environment())


def ends(scaled):
    """Scaled states with one component on a finite end of its range, that component, and the sign of the way inside."""
    rest = np.asarray(scaled.initial())
    project = jax.jit(lambda z: scaled.project(z))
    for k in range(len(rest)):
        for sign in (1, -1):
            far = np.array(rest)
            far[k] = -sign * 1e9
            end = np.asarray(project(far))
            if abs(end[k]) < 1e8:
                yield end, k, sign


@pytest.mark.few(9)
@pytest.mark.slow
@pytest.mark.parametrize("name", slow_but(set(MODELS) - set(ROOTS)))
def test_on_a_bound_equations_have_the_one_sided_derivatives_into_the_domain(name):
    scaled, zero, v, h = quiet(name), jnp.zeros(()), jnp.asarray(0.23), 5e-8

    def values(z):
        current = scaled.system.outputs(zero, scaled.unpack(z), v, scaled.env)["i"]
        return scaled.project(z), scaled.drift(zero, z, v), current

    @jax.jit
    def slopes(x, d):
        at = [values(x + k * h * d) for k in range(3)]
        secants = jax.tree.map(lambda a, b, c: (-3 * a + 4 * b - c) / (2 * h), *at)
        pulled = jax.vjp(lambda z: scaled.project(z), x)[1](d)[0]
        return (*jax.jvp(values, (x,), (d,)), secants, pulled)

    number = 0
    for x, k, sign in ends(scaled):
        unit = np.zeros_like(x)
        unit[k] = sign
        here, along, secants, pulled = slopes(x, unit)
        for value, got, exact in zip(here, along, secants, strict=True):
            size, rounding = np.abs(exact).max(), 1e-14 * np.abs(value).max() / h
            # Second order in h; the thinnest layers are 1e-3.
            np.testing.assert_allclose(got, exact, rtol=1e-3, atol=1e-6 * size + rounding)
        np.testing.assert_allclose(pulled[k], sign, rtol=1e-12)
        assert slopes(x, -unit)[1][0][k] == 0  # it leaves the domain
        number += 1
    assert number >= 1


@functools.cache
def starts(name):
    """A system; states at its ends, and directions into the domain and out of it, before and behind its projection."""
    scaled = quiet(name)
    y0, d = [], []
    for x, k, sign in ends(scaled):
        for way in (sign, -sign):
            y0.append(x)
            d.append(way * np.eye(len(x))[k])
    y0, d = np.stack(y0), np.stack(d)
    # As states that a simulation starts from.
    inside = jax.vmap(lambda y, d: jax.jvp(lambda z: scaled.project(z), (y,), (d,))[1])
    return scaled, y0, d, np.asarray(jax.jit(inside)(y0, d))


@functools.cache
def by_secants(name):
    """One-sided secants of accurate solves, one after the other: side by side they compile for longer."""
    scaled, y0, d, _ = starts(name)

    @jax.jit
    def run(y):
        end = jnp.asarray(ROWS[-1])
        sol = solve_stiff(scaled, DRIVE, rows=jnp.asarray(ROWS), y0=y, end=end, policy=FINE)
        return sol.y, sol.result

    def solve(starts):
        y, failed = zip(*map(run, starts), strict=True)
        assert not np.any(failed)
        return np.stack(y)

    inside = np.asarray(jax.jit(jax.vmap(lambda z: scaled.project(z)))(y0 + H * d))
    return (solve(inside) - solve(y0)) / H


def allowed(exact):
    """What kinks cost at the default tolerance; derivatives above 1 by their own size, smaller ones by 1."""
    return 0.15 * np.maximum(np.abs(exact).max(axis=(1, 2), keepdims=True), 1.0)


# At the default tolerance a start of `diffusive` with the residue on its bound is 19 percent off, at this one 5.
POLICIES = {"diffusive": mj.Stiff(rtol=1e-6, atol=1e-8)}


@pytest.mark.slow
def test_between_steps_a_state_rests_on_its_bound():
    scaled, bound = quiet("langevin-chain"), -1.0
    y0 = np.array(scaled.initial())
    y0[:6] = bound  # all particles, which the voltage pulls against the electrode
    drive, rows = mj.Sampled(np.array([0.0, 0.4]), np.full(2, -0.5)), np.linspace(0, 0.4, 101)[1:]

    @jax.jit
    def run(y0):
        end = jnp.asarray(rows[-1])
        about = dict(rows=jnp.asarray(rows), end=end, policy=mj.Stiff())
        sol = solve_stiff(scaled, drive, y0=y0, **about)
        return sol.y, sol.result

    y, failed = run(y0)
    assert not failed
    np.testing.assert_array_equal(y[:, :6], bound)


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("name", SOLVED)
def test_solves_that_start_on_a_bound_have_the_derivatives_of_one_sided_secants(name):
    scaled, y0, _, kept = starts(name)
    exact = by_secants(name)

    def run(y):
        end = jnp.asarray(ROWS[-1])
        policy = POLICIES.get(name, mj.Stiff())
        sol = solve_stiff(scaled, DRIVE, rows=jnp.asarray(ROWS), y0=y, end=end, policy=policy)
        return sol.y, sol.result

    along = jax.jit(lambda y, d: jax.jvp(run, (y,), (d,), has_aux=True))
    _, slope, failed = zip(*map(along, y0, kept), strict=True)
    assert not np.any(failed)
    assert np.all(np.abs(np.stack(slope) - exact) < allowed(exact))


@pytest.mark.few(2)
@pytest.mark.parity
@pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C")
@pytest.mark.parametrize("name", SOLVED)
def test_so_have_those_of_kernels(name):
    scaled, y0, _, kept = starts(name)
    kernel = stiff_kernel_of(scaled, (0,), 1)
    assert kernel.backend.startswith("cc")
    exact = by_secants(name)
    policy = POLICIES.get(name, mj.Stiff())
    numbers = np.repeat(np.asarray(numbers_of(scaled))[None], len(y0), axis=0)
    lanes = kernel(
        numbers, y0, (np.zeros((len(y0), 1, 1)), kept[:, :, None]), stimuli=jax.tree.map(lambda x: x[None], DRIVE),
        zeros=np.sort(np.asarray(DRIVE.zeros()))[None], rows=ROWS[None], policy=policy,
    )  # fmt: skip
    assert np.all(np.asarray(lanes.counts)[:, 2] == 0)
    assert np.all(np.abs(np.asarray(lanes.dy)[..., 0] - exact) < allowed(exact))


@pytest.mark.slow
def test_reverse_mode_has_the_derivative_into_the_domain():
    scaled, y0, *_ = starts("vteam")

    def reset(y):
        policy = mj.Stiff(adjoint=dfx.RecursiveCheckpointAdjoint(checkpoints=64))
        rows = jnp.asarray(ROWS)
        sol = solve_stiff(scaled, DRIVE, rows=rows, y0=y, end=rows[-1], policy=policy)
        return jnp.sum(sol.y)

    gradient = np.stack(list(map(jax.jit(jax.grad(reset)), y0[::2])))
    exact = by_secants("vteam")[::2].sum(axis=1)  # up from one end, down from the other
    np.testing.assert_allclose(gradient, exact * np.array([[1.0], [-1.0]]), atol=0.05)
