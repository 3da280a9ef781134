"""Wires as one object; the keywords of the last version warn and say the same."""

import equinox as eqx
import jax
import numpy as np
import pytest

import memjax as mj

G = np.full((3, 2), 1e-4)
RESISTANCES = {"word_line": 2.0, "bit_line": 3.0, "driver": [1.0, 2.0, np.inf], "sense": 5.0}
FLAGS = {"drive_both_ends": True, "sense_both_ends": False}
WIRES = mj.crossbar.Wires(**RESISTANCES, **FLAGS)


def test_an_array_has_a_number_for_each_end():
    wires = mj.Crossbar(G, wires=WIRES).wires
    np.testing.assert_array_equal(wires.driver, RESISTANCES["driver"])
    np.testing.assert_array_equal(wires.sense, [5.0, 5.0])
    assert (wires.drive_both_ends, wires.sense_both_ends) == (True, False)


# Where annotations are checked each function stands in another one, which a warning then names.
@pytest.mark.wrong_types
def test_keywords_and_attributes_of_the_last_version_are_taken():
    with pytest.warns(DeprecationWarning, match="word_line=, .* of Crossbar goes: say wires=Wires"):
        old = mj.Crossbar(G, **RESISTANCES, **FLAGS)
    assert eqx.tree_equal(old, mj.Crossbar(G, wires=WIRES))
    with pytest.warns(DeprecationWarning, match=r"driver of Crossbar goes: say Crossbar\.wires"):
        np.testing.assert_array_equal(old.driver, old.wires.driver)
    cells, wires = mj.crossbar.CellRange(1e-6, 1e-4, levels=3), mj.crossbar.Wires(1.0, 2.0)
    with pytest.warns(DeprecationWarning, match="levels= of Linear goes: say cells=CellRange"):
        layer = mj.crossbar.Linear(G, low=1e-6, high=1e-4, levels=3, wires=wires)
    assert eqx.tree_equal(layer, mj.crossbar.Linear(G, cells=cells, wires=wires))


def test_wires_are_leaves_that_have_derivatives():
    def current(wires):
        return mj.Crossbar(G, wires=wires).read(np.ones(3)).current.sum()

    wires = jax.tree.map(np.asarray, mj.crossbar.Wires(2.0, 3.0, driver=1.0, sense=5.0))
    slopes = jax.tree.leaves(jax.grad(current)(wires))
    assert len(slopes) == 4
    assert all(float(x) < 0 for x in slopes)
