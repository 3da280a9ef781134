"""Derivatives through the devices' equations improve a reservoir."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.errors import BoundsError
from memjax.learning import Reservoir, fit_ridge, henon, optimize
from memjax.learning.optimize import limit_voltage, readout_loss, task_loss

DEVICE = mj.params.replace(
    mj.DiffusiveMemristor(), {"sigma1": 0.0, "sigma2": 0.0, "sigma_ion": 1.0}
)
MASK = np.array([[0.4, 0.8], [0.9, 0.2], [0.5, 1.0]])


@pytest.fixture(scope="module")
def reservoir() -> Reservoir:
    return Reservoir(
        DEVICE, MASK, np.array([0.1, 0.08, -0.06]), np.array([0.02, 0.03, -0.02]), hold=5e-3, steps=3,
        reading="log-current", relative=0.01, single=False,
    )  # fmt: skip


@pytest.mark.integration
def test_the_loss_is_that_of_the_readout():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 4)) * [1, 1e-3, 10, 1]
    y = x @ [1.0, 300.0, 0.0, 0.2] + rng.normal(size=90)
    ridge = fit_ridge(x[:60], y[:60], penalties=[0.1])
    # Beyond the range of the training a read-out stops, which the loss does not.
    inside = np.clip(x, ridge.low, ridge.high)
    want = np.mean((ridge(inside[60:])[:, 0] - y[60:]) ** 2) / np.var(y[60:])
    inside[:60] = x[:60]
    got = float(readout_loss(jnp.asarray(inside), jnp.asarray(y), 60, 0.1))
    assert got == pytest.approx(want, rel=1e-5)


@pytest.mark.study
def test_derivatives_agree_with_central_differences(reservoir):
    task, settings = henon(170), ("mask", "gain", "offset", "hold")
    free = {n: jnp.asarray(getattr(reservoir, n)) for n in settings}
    free["hold"] = jnp.log(free["hold"])
    loss = jax.jit(lambda f: task_loss(reservoir, f, task, train=150, penalty=1e-3))
    slope = jax.grad(loss)(free)
    rng = np.random.default_rng(1)
    for n in settings:
        way = rng.normal(size=jnp.shape(free[n])) * 0.1 * (np.abs(np.asarray(free[n])) + 1e-2)
        want = float(jnp.sum(slope[n] * way))

        def central(h, n=n, way=way):
            return (loss(free | {n: free[n] + h * way}) - loss(free | {n: free[n] - h * way})) / (
                2 * h
            )

        # Richardson: the error of second order of the two differences cancels, that of fourth order is left.
        coarse, fine = float(central(2e-3)), float(central(1e-3))
        secant = (4 * fine - coarse) / 3
        assert want == pytest.approx(
            secant, abs=max(abs(fine - coarse), 1e-6 * abs(secant)) + 1e-9
        ), n


@pytest.mark.study
def test_a_search_lowers_the_error_that_it_sees(reservoir):
    task = henon(400)
    result = optimize(
        replace(reservoir, single=True),
        task,
        settings=("gain", "offset"),
        steps=12,
        limit=0.2,
        rate=0.005,
    )
    assert len(result.losses) == 13
    assert min(result.losses) < 0.9 * result.losses[0]
    free = {n: getattr(result.reservoir, n) for n in ("gain", "offset")}
    again = task_loss(result.reservoir, free, task, train=240, penalty=1e-3)
    assert np.isfinite(again)
    v = np.asarray(result.reservoir.voltages(jnp.array([0.0, 1.0])))
    assert np.max(np.abs(v)) <= 0.2 * (1 + 1e-6)


def test_voltages_are_limited_and_unknown_settings_refused(reservoir):
    wide = replace(reservoir, gain=np.array([3.0, 0.1, -3.0]), offset=np.array([0.4, 0.1, -0.4]))
    v = np.asarray(limit_voltage(wide, 0.3).voltages(jnp.array([0.0, 0.5, 1.0])))
    assert np.max(np.abs(v)) == pytest.approx(0.3)
    np.testing.assert_allclose(
        limit_voltage(wide, 0.3).voltages(jnp.ones(1))[1], wide.voltages(jnp.ones(1))[1]
    )
    with pytest.raises(BoundsError, match="mu; in optimize; allowed: some of mask"):
        optimize(reservoir, henon(200), settings=("mu",))
