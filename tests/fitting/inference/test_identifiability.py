"""Sloppy directions in words, on information whose combinations are known."""

import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.inference.identifiability import combine, in_logarithms, of_information
from memjax.core.params import unconstrain

NAMES = ("mu", "gamma1", "r_on", "tau", "w")


def information(rows, blurred=1e-3):
    """Of data that see the products of powers in the rows, and hardly anything else."""
    rng = np.random.default_rng(0)
    rows = np.asarray(rows, float)
    j = 20 * rng.normal(size=(50, len(rows))) @ rows
    j += blurred * rng.normal(size=(50, rows.shape[1]))
    return j.T @ j


def test_products_of_powers_are_found_and_named():
    found = of_information(NAMES, information([[1, -1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 2, 1]]))
    told = {str(c): c for c in found.determined[1:]}
    assert set(told) == {"mu/gamma1", "tau^2 w"}
    assert told["mu/gamma1"].sigma == pytest.approx(1 / np.sqrt(50) / 20, rel=0.5)
    said = " ".join(found.sentences)
    assert "may rise together without the fit noticing" in said
    assert "while tau (more than 1000-fold) falls" in said
    assert len(found.sloppy) == 2
    assert [set(d) for d in found.sloppy] == [{"tau", "w"}, {"mu", "gamma1"}]


def test_a_move_along_a_sloppy_direction_costs_one():
    f = information([[1, -1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]], 0.05)
    (move,) = of_information(NAMES, f).sloppy
    x = np.array([move.get(n, 0.0) for n in NAMES])
    exact = of_information(NAMES, f).axes[:, -1]
    x = exact * (x @ exact)  # what is not named is below a tenth
    assert x @ f @ x == pytest.approx(1.0, rel=0.02)


def test_what_the_data_do_not_see_at_all_is_said_and_stays_out_of_json_as_infinity():
    found = of_information(NAMES, np.diag([100.0, 50.0, 0.0, 20.0, 10.0]))
    assert any(s.startswith("r_on is not determined") for s in found.sentences)
    assert found.as_json()["sigma_ln"][-1] is None
    assert found.as_json()["sloppy"] == [{"r_on": None}]


def test_data_that_feel_nothing_determine_no_product_of_powers():
    found = of_information(NAMES, np.zeros((5, 5)))
    assert not found.determined
    assert len(found.sloppy) == 5


def test_all_determined_says_so_by_naming_no_sloppy_direction():
    found = of_information(("a", "b"), np.diag([400.0, 100.0]))
    assert found.sloppy == ()
    assert found.sentences == ("best determined: a, to 5.1 %",)


def test_coordinates_are_turned_into_logarithms():
    device = mj.Vteam()
    names = ["r_on", "a_off", "v_on"]
    z = np.asarray(unconstrain(device, names))
    step = 1e-4
    moved = [
        np.asarray(
            unconstrain(mj.params.replace(device, {n: getattr(device, n) * np.exp(step)}), names)
        )
        for n in names
    ]
    slopes = np.array([(m - z)[k] / step for k, m in enumerate(moved)])
    found = of_information(names, in_logarithms(device, names, z, np.diag(1 / slopes**2)))
    np.testing.assert_allclose(found.sigma, 1.0, rtol=2e-3)
    assert np.isfinite(np.asarray(jnp.asarray(z))).all()


def test_what_is_better_known_from_elsewhere_takes_the_place_of_what_was_known():
    # Only a + b is seen, to 0.01; b is known to 0.1 from elsewhere, and so is a; c is seen alone, d only elsewhere.
    seen = np.diag([1e4, 1e4, 100.0])
    seen[0, 1] = seen[1, 0] = 1e4
    found = combine("abc", seen, ("d", "b"), np.diag([0.04, 0.01]))
    assert found.names == ("d", "b", "a", "c")
    assert not found.sloppy
    information = (found.axes / found.sigma**2) @ found.axes.T
    variance = np.diag(np.linalg.inv(information))
    np.testing.assert_allclose(variance[[0, 1, 3]], [0.04, 0.01, 0.01], rtol=1e-9)
    assert variance[2] == pytest.approx(0.01 + 1e-4, rel=1e-3)
