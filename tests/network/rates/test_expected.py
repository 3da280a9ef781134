"""Derivatives of expected rates: secants on other seeds, what `jax.grad` gives, orthogonal shifts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from memjax.errors import NetworkError
from memjax.network import expected_rates
from memjax.network.rates.shifts import shift_signs
from tests.network.rates.networks import PARAMETER, WEIGHT, driven

SPREAD, SAMPLES = 0.05, 16


@pytest.fixture(scope="module", params=["1m1t1r", "switch"])
def about(request):
    """Expected rates of ten neurons in 0.2 s."""
    kind = request.param
    rates = expected_rates(driven(kind, 10), 0.2, warmup=0.1, spread=SPREAD, samples=SAMPLES)
    return kind, rates


def test_derivatives_are_within_three_standard_errors_of_secants(about):
    """Of the mean over other seeds, by a weight and a parameter of the device; z = 3 of the difference."""
    kind, rates = about
    name, value = PARAMETER[kind]
    given = {"cells": {name: value}}, {"input": WEIGHT[kind]}
    found = rates.derivatives(*given, 0)
    own = [(found.values, found.values_error), (found.weights, found.weights_error)]
    pick = lambda x: x["cells"].get("cells", x["cells"]) if "cells" in x["cells"] else x["cells"]
    slopes = [(pick(d).popitem()[1], pick(e).popitem()[1]) for d, e in own]
    for k, (slope, error) in enumerate(slopes):
        secant, other = _secant(rates, given, k)
        assert abs(slope - secant) < 3 * np.hypot(error, other)
        assert error < abs(slope) / 3  # a statement at all


def _secant(rates, given, k: int) -> tuple[float, float]:
    """Difference quotient of the mean over seeds by one argument alone, and its standard error."""
    values, weights = given
    (name, value), (_, weight) = values["cells"].popitem(), ("input", weights["input"])
    values["cells"][name] = value
    program, at = rates._program, (value, weight)[k]

    @jax.jit
    @jax.vmap
    def difference(seed):
        ends = []
        for sign in (1, -1):
            share = 1 + sign * SPREAD
            shifted = {"cells": {name: value * share}}, {"input": weight}
            if k:
                shifted = {"cells": {name: value}}, {"input": weight * share}
            ends.append(program.rates(program.run(*shifted, seed)[0])["cells"].mean())
        return (ends[0] - ends[1]) / (2 * SPREAD * at)

    x = np.asarray(difference(jnp.arange(10_000, 10_000 + 2 * SAMPLES)))
    return x.mean(), x.std(ddof=1) / np.sqrt(len(x))


def test_what_jax_grad_gives_are_the_estimates(about):
    """Forward and reverse, of numbers; the rates are the means over the pairs."""
    kind, rates = about
    name, value = PARAMETER[kind]
    found = rates.derivatives({"cells": {name: value}}, {"input": WEIGHT[kind]}, 3)
    mean = lambda x, w: rates({"cells": {name: x}}, {"input": w}, 3)["cells"].mean()
    at = jnp.asarray(value), jnp.asarray(WEIGHT[kind])
    exact = found.values["cells"]["cells"][name], found.weights["cells"]["input"]
    np.testing.assert_allclose(mean(*at), found.rates["cells"], rtol=1e-6)
    for way in (jax.jacfwd, jax.grad):
        np.testing.assert_allclose(way(mean, (0, 1))(*at), exact, rtol=1e-3)
    assert "smoothed over 0.05 of each parameter, 16 pairs" in repr(found)


def test_shifts_of_shared_parameters_are_orthogonal():
    """Exactly, over whole blocks; those of members of arrays are not the same."""
    signs = shift_signs(jax.random.key(0), [(), (), (5,), ()], samples=16, dtype=jnp.float64)
    numbers = np.stack([s for s in signs if s.ndim == 1])
    np.testing.assert_array_equal(numbers @ numbers.T, 16 * np.eye(3))
    assert signs[2].shape == (16, 5)
    assert len(np.unique(np.asarray(signs[2]), axis=1).T) > 1


def test_what_cannot_be_shifted_is_refused():
    """A weight of zero, a spread of nothing, a single sample."""
    net = driven("switch", 2)
    with pytest.raises(NetworkError, match=r"\['weights'\]\['input'\] is zero"):
        expected_rates(net, 0.01).derivatives({}, {"input": 0.0})
    with pytest.raises(NetworkError, match="spread = 0"):
        expected_rates(net, 0.01, spread=0.0)
    with pytest.raises(NetworkError, match="samples = 1"):
        expected_rates(net, 0.01, samples=1)
