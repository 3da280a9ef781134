"""Arrays in time: against an independent solve of the same equations, and what noise depends on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import memjax as mj
from memjax.crossbar.motion import cell_keys
from memjax.crossbar.transients import _transient
from tests.helpers import fitted_order

from .conftest import DEVICE, RESISTANCES, SHAPE, WIRES, X
from .nodal import array_voltages

V = np.array([-0.9, 0.2, 0.8, 0.0])
TIME = 4e-5


def _resistance(x):
    """The published law, written anew."""
    return 1e4 * (1e6 / 1e4) ** np.clip(x, 0, 1)


def _rate(_, flat):
    """Rates of all states, at voltages that SciPy solves the node equations for."""
    x = flat.reshape(SHAPE)
    r = _resistance(x)
    word, bit = array_voltages(1 / (r + 1e3), V, **RESISTANCES)
    v = (word - bit) * r / (r + 1e3)
    up = 1e3 * np.maximum(v / 0.3 - 1, 0) ** 3
    down = 1e3 * np.maximum(v / -0.3 - 1, 0) ** 3
    return (up - down).ravel()


@pytest.fixture(scope="module")
def exact():
    end = solve_ivp(_rate, (0, TIME), X.ravel(), rtol=1e-9, atol=1e-11)
    return end.y[:, -1].reshape(SHAPE)


SUBSTEPS = 8
"""Of each call: runs of more are several calls of one compiled program."""


@pytest.fixture(scope="module")
def mean_state(vteam_array):
    """Mean state at the end of a transient, by the states at its start and the voltages, and the transient."""

    def mean(states, v, dt):
        array = vteam_array.with_states({"x": states})
        h = jnp.ones(SUBSTEPS) * dt / SUBSTEPS
        run = _transient(array, v, jnp.zeros((1, 3)), h, None)
        return jnp.mean(run.states["x"][-1]), run

    return jax.jit(jax.value_and_grad(mean, argnums=(0, 1), has_aux=True))


def _run(mean_state, parts):
    """Transients that follow each other up to the end."""
    runs, states = [], jnp.asarray(X)
    for _ in range(parts):
        (_, run), _ = mean_state(states, jnp.asarray(V[None]), jnp.asarray(TIME / parts))
        runs.append(run)
        states = run.states["x"][-1]
    return runs


@pytest.fixture(scope="module")
def runs(mean_state):
    return {TIME / parts / SUBSTEPS: _run(mean_state, parts) for parts in (1, 2, 4, 8)}


@pytest.mark.slow
def test_states_converge_to_those_of_the_equations_in_first_order(runs, exact):
    errors = [np.abs(np.asarray(r[-1].states["x"][-1]) - exact).max() for r in runs.values()]
    assert np.abs(exact - X).max() > 0.1
    assert fitted_order(list(runs), errors) == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_energy_and_currents_are_those_of_the_node_equations_at_the_states(runs):
    run = runs[TIME / SUBSTEPS][0]
    g = 1 / (_resistance(X) + 1e3)
    word, bit = array_voltages(g, V, **RESISTANCES)
    current = g * (word - bit)
    np.testing.assert_allclose(run.current[0], current.sum(axis=0), rtol=1e-9)
    power = V @ current.sum(axis=1)
    energies = [sum(float(r.energy[-1]) for r in parts) for parts in runs.values()]
    # First order: halved steps halve the difference.
    differences = np.diff(energies)
    np.testing.assert_allclose(differences[1:] / differences[:-1], 0.5, atol=0.1)
    # States move little in the first part of the finest run.
    first = runs[TIME / 8 / SUBSTEPS][0]
    np.testing.assert_allclose(first.energy[-1], power * first.t[-1], rtol=0.2)
    conductance = 1 / _resistance(np.asarray(run.states["x"]))
    np.testing.assert_allclose(run.conductances(0.1), conductance, rtol=1e-9)


def test_keys_of_cells_depend_on_their_place_and_not_on_the_array():
    large, small = cell_keys(3, (4, 3)), cell_keys(3, (2, 2))
    for a, b in zip(large, small):
        np.testing.assert_array_equal(a[:2, :2], b)
    words = np.stack(large, axis=-1).reshape(-1, 2)
    assert len(np.unique(words, axis=0)) == 12
    assert np.any(np.asarray(cell_keys(4, (4, 3))[0]) != np.asarray(large[0]))


@pytest.mark.slow
def test_noise_of_the_devices_is_reproducible_and_has_their_spread():
    device = mj.MetastableSwitches()
    n, low = SHAPE[0] * SHAPE[1], float(device.initial(mj.Environment())["x"])
    states = {"x": np.full(SHAPE, 0.5)}
    array = mj.Crossbar(cells=device, states=states, wires=mj.crossbar.Wires(1e-3, 1e-3))
    v, dt = np.zeros((1, 4)), 1e-7

    def change(seed):
        run = mj.crossbar.transient(array, v, dt=dt, seed=seed)
        return np.asarray(run.states["x"][-1]) - 0.5

    changes = np.stack([change(seed) for seed in range(20)])
    np.testing.assert_array_equal(change(0), changes[0])
    zero = jnp.zeros(())
    state = {"x": jnp.asarray(0.5)}
    noise = device.noise(zero, state, zero, mj.Environment())
    variance = sum(float(c["x"]) ** 2 for c in noise.values()) * dt
    drift = float(device.drift(zero, state, zero, mj.Environment())["x"]) * dt
    count = 20 * n
    chi2 = np.sum((changes - drift) ** 2) / variance
    assert abs(chi2 - count) / np.sqrt(2 * count) < 4
    assert low != 0.5


@pytest.mark.slow
def test_derivatives_pass_through_all_steps(mean_state):
    point, time = (jnp.asarray(X), jnp.asarray(V[None])), jnp.asarray(TIME)
    slopes = mean_state(*point, time)[1]
    rng, step = np.random.default_rng(1), 1e-5
    directions = [jnp.asarray(rng.normal(size=p.shape)) for p in point]

    def at(s):
        return float(mean_state(*(p + s * d for p, d in zip(point, directions)), time)[0][0])

    secant = (at(step) - at(-step)) / (2 * step)
    total = sum(float(jnp.sum(a * b)) for a, b in zip(slopes, directions))
    np.testing.assert_allclose(total, secant, rtol=1e-5)


@pytest.mark.slow
def test_float32_leaves_states_currents_and_energy_near_those_of_float64(vteam_array):
    """To 1e-5: some tens of roundings, of 1e-7 each, in each of 8 steps."""
    double = mj.crossbar.transient(vteam_array, V[None], dt=TIME, substeps=SUBSTEPS)
    cells = mj.Crossbar(cells=DEVICE, states={"x": X.astype(np.float32)}, selector=1e3, wires=WIRES)
    single = mj.crossbar.transient(cells, V[None], dt=TIME, substeps=SUBSTEPS)
    assert single.states["x"].dtype == jnp.float32
    np.testing.assert_allclose(single.states["x"], double.states["x"], atol=1e-5)
    largest = float(jnp.abs(double.current).max())
    np.testing.assert_allclose(single.current, double.current, atol=1e-5 * largest)
    np.testing.assert_allclose(single.energy, double.energy, rtol=1e-5)
