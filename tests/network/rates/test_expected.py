"""Derivatives of expected rates: secants on other seeds, what `jax.grad` gives, members of arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from memjax.errors import NetworkError
from memjax.network import expected_rates, surrogate_rates
from tests.network.rates.networks import PARAMETER, WEIGHT, driven

SPREAD, SAMPLES = 0.05, 12
TIME = {
    "switch": {"duration": 0.1, "warmup": 0.02},
    "1m1t1r": {"duration": 0.3, "warmup": 0.1},
}


@pytest.fixture(scope="module", params=[pytest.param("1m1t1r", marks=pytest.mark.study), "switch"])
def about(request):
    """Expected rates of ten neurons."""
    kind = request.param
    rates = expected_rates(driven(kind, 10), **TIME[kind], spread=SPREAD, samples=SAMPLES)
    return kind, rates


def _secants(kind: str) -> list[tuple[float, float]]:
    """Difference quotients of the mean over 16 seeds by parameter and weight, and their standard errors."""
    # The engine's spikes, see test_surrogate.py, in the window of the estimates.
    rates = surrogate_rates(driven(kind, 10), **TIME[kind])
    name, value = PARAMETER[kind]

    @jax.jit
    def mean(at, weight):
        def one(seed):
            return rates({"cells": {name: at}}, {"input": weight}, seed)["cells"].mean()

        return jax.vmap(one)(jnp.arange(5000, 5016))

    slopes = []
    for k in (0, 1):
        at = np.array([value, WEIGHT[kind]])
        shift = SPREAD * at * (np.arange(2) == k)
        x = np.asarray(mean(*(at + shift)) - mean(*(at - shift))) / (2 * shift[k])
        slopes.append((x.mean(), x.std(ddof=1) / np.sqrt(len(x))))
    return slopes


@pytest.mark.study
def test_derivatives_are_within_three_standard_errors_of_secants(about):
    """By a parameter of the device and a weight, of the mean over other seeds."""
    kind, rates = about
    name, value = PARAMETER[kind]
    found = rates.derivatives({"cells": {name: value}}, {"input": WEIGHT[kind]}, 0)
    slopes = found.values["cells"]["cells"][name], found.weights["cells"]["input"]
    errors = found.values_error["cells"]["cells"][name], found.weights_error["cells"]["input"]
    for slope, error, (secant, scatter) in zip(slopes, errors, _secants(kind), strict=True):
        assert abs(slope - secant) < 3 * np.hypot(error, scatter)
        assert error < abs(slope) / 3  # a statement at all


@pytest.mark.study
def test_members_of_arrays_have_estimates_of_their_own(about):
    """Their sum is the derivative by all alike, within 3 standard errors; who has no such input knows nothing of it."""
    kind, rates = about
    net = driven(kind, 10)
    weights = np.full(250, WEIGHT[kind])
    found = rates.derivatives({}, {"input": weights}, 0)
    alike = rates.derivatives({}, {"input": WEIGHT[kind]}, 1)
    slopes, errors = found.weights["cells"]["input"], found.weights_error["cells"]["input"]
    assert slopes.shape == errors.shape == (len(net.projections[0].edges),)
    scatter = np.hypot(np.linalg.norm(errors), alike.weights_error["cells"]["input"])
    assert abs(slopes.sum() - alike.weights["cells"]["input"]) < 3 * scatter


@pytest.mark.study
def test_what_jax_grad_gives_are_the_estimates(about):
    """Forward and reverse, of numbers; the rates are the means over the pairs."""
    kind, rates = about
    name, value = PARAMETER[kind]
    found = rates.derivatives({"cells": {name: value}}, {"input": WEIGHT[kind]}, 3)

    def mean(x, w):
        return rates({"cells": {name: x}}, {"input": w}, 3)["cells"].mean()

    at = jnp.asarray(value), jnp.asarray(WEIGHT[kind])
    exact = found.values["cells"]["cells"][name], found.weights["cells"]["input"]
    (forward,) = jax.jvp(lambda x: mean(x, at[1]), at[:1], (jnp.ones(()),))[1:]
    np.testing.assert_allclose(forward, exact[0], rtol=1e-3)
    value, slopes = jax.value_and_grad(mean, (0, 1))(*at)
    np.testing.assert_allclose(slopes, exact, rtol=1e-3)
    np.testing.assert_allclose(value, found.rates["cells"], rtol=1e-6)
    assert "smoothed over +-0.05 of each, 12 pairs" in repr(found)


def test_what_cannot_be_shifted_is_refused():
    """A weight of zero, a spread of nothing, a single sample."""
    net = driven("switch", 2)
    with pytest.raises(NetworkError, match=r"\['weights'\]\['input'\] is zero"):
        expected_rates(net, 0.01).derivatives({}, {"input": 0.0})
    with pytest.raises(NetworkError, match="spread = 0"):
        expected_rates(net, 0.01, spread=0.0)
    with pytest.raises(NetworkError, match="samples = 1"):
        expected_rates(net, 0.01, samples=1)
