"""Networks as maps between normal numbers and coordinates."""

import jax
import numpy as np
import pytest

from fitting.amortised import network as networks
from fitting.amortised.network import draw_from, form_of, leaves_of, log_density_of, normal_of
from memjax.errors import ModelError

from .conftest import SMALL


@pytest.mark.slow
def test_coordinates_stand_for_the_normal_numbers_that_they_were_drawn_from():
    with networks.single_precision():
        network = networks.new_network(SMALL, 2, 3, jax.random.key(1))
        s, scale = np.zeros((256, 3), np.float32), np.array([1.0, 2.0], np.float32)
        s[:2] = [[0.3, -1.0, 0.5], [2.0, 0.1, -0.4]]
        u = draw_from(network, jax.random.key(0), np.arange(256), s, 100, scale)[:2]
        each = [normal_of(network, x, np.repeat(c[None], 100, axis=0)) for x, c in zip(u, s)]
    for k, (y, _) in enumerate(each):
        key = jax.random.fold_in(jax.random.key(0), k)
        exact = scale * np.asarray(jax.random.normal(key, (100, 2), np.float32))
        np.testing.assert_allclose(y, exact, atol=2e-3)


def test_the_logarithm_of_the_density_is_that_of_normal_numbers():
    y, change = np.array([[0.5, -1.0]]), np.array([0.25])
    exact = np.sum(-0.5 * (y / 2) ** 2 - np.log(2) - 0.5 * np.log(2 * np.pi)) + 0.25
    np.testing.assert_allclose(log_density_of(y, change, np.array([2.0, 2.0])), [exact])


@pytest.mark.integration
def test_networks_of_one_form_have_one_structure():
    structure, _ = form_of(SMALL, 2, 3)
    with networks.single_precision():
        leaves = leaves_of(networks.new_network(SMALL, 2, 3, jax.random.key(5)))
    assert structure.num_leaves == len(leaves)
    assert {x.dtype for x in leaves} == {np.dtype("float32")}


def test_without_flowjax_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setattr(networks, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'memjax\[amortised\]'"):
        networks.require_flows()
