"""What a curve against pulses looks like, and where searches begin."""

import numpy as np
import pytest

import memjax as mj
from fitting.pulses.initial_guess import RECIPES, look_at, recipe_of
from memjax.core.fields import parameter_specs
from memjax.data import PulseProtocol
from memjax.errors import DataError

PROTOCOL = PulseProtocol(voltages=(1.5, -1.5), widths=(1e-6, 2e-6))
KINDS = np.repeat([0, 1], 50)
CURVE = 1e-6 * np.concatenate([1 + np.arange(51) / 50, 2 - np.arange(1, 51) / 50])


def test_a_triangle_of_conductance_has_its_range_and_rates():
    look = look_at(CURVE, KINDS, PROTOCOL)
    assert look.low == pytest.approx(1e-6, rel=0.03)
    assert look.high == pytest.approx(2e-6, rel=0.03)
    np.testing.assert_allclose(
        look.rates, [0.02, 0.02], rtol=0.1
    )  # a fiftieth of the range a pulse
    off, on = look.on(0.0, 1.0)
    assert (off, on) == (pytest.approx(look.low), pytest.approx(look.high))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_names_parameters_of_its_model_at_finite_values(name):
    device = mj.model(name)
    starts = RECIPES[name].starts(device, look_at(CURVE, KINDS, PROTOCOL))
    specs = parameter_specs(device)
    for values in starts:
        assert set(values) <= set(specs)
        assert np.isfinite(list(values.values())).all()
    assert set(RECIPES[name].rates) <= set(specs)


def test_a_model_without_a_recipe_begins_at_its_own_values_or_is_refused():
    device = mj.model("drift")
    (start,) = recipe_of(device, ("r_on",)).starts(device, look_at(CURVE, KINDS, PROTOCOL))
    assert start == {"r_on": float(device.r_on)}  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(DataError, match="no recipe for the model 'drift'"):
        recipe_of(device, None)
