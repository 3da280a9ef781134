"""Rows of sliders: ranges within bounds, values, what follows others."""

import pytest

import memjax as mj
from fitting.app.explore.parameters import (
    device_at,
    drive_row,
    drive_values,
    number,
    parameter_rows,
    slider_range,
    with_all_values,
)
from memjax.core.fields import parameter_specs, stored
from memjax.errors import BoundsError, ModelError, StimulusError
from memjax.models import model_names


@pytest.mark.integration
@pytest.mark.parametrize("name", model_names())
def test_every_slider_holds_its_value_and_stays_within_bounds(name):
    device = mj.model(name)
    for spec, row in zip(parameter_specs(device).values(), parameter_rows(device), strict=False):
        low, high = row["range"]
        assert spec.bounds[0] <= low < high <= spec.bounds[1]
        assert low <= row["value"] <= high or (row["zero"] and row["value"] == 0)
        assert not row["logarithmic"] or low > 0
        assert row["unit"]
        assert row["doc"]


def test_a_rate_spans_two_decades_either_way_and_a_share_its_bounds():
    specs = parameter_specs(mj.DiffusiveMemristor)
    assert slider_range(specs["mu"], 60.0) == pytest.approx((0.6, 6000.0))
    assert slider_range(specs["alpha"], 0.01) == (1e-4, 1.0)
    assert slider_range(specs["f0"], 0.0) == (0.0, 1.0)


def test_a_follower_has_the_value_of_the_other_one_until_it_has_its_own():
    device = mj.DiffusiveMemristor()
    row = {r["name"]: r for r in parameter_rows(device, free=["mu"])}
    assert (row["mu_neg"]["own"], row["mu_neg"]["value"], row["mu_neg"]["follows"]) == (
        False,
        60.0,
        "mu",
    )
    assert (row["mu"]["free"], row["lam"]["free"]) == (True, False)
    whole = with_all_values(device_at(device, {"mu": 70.0}))
    assert number(whole, "mu_neg") == 70.0
    assert all(stored(whole, n) is not None for n in parameter_specs(whole))


def test_values_that_cannot_be_are_refused():
    device = mj.DiffusiveMemristor()
    with pytest.raises(BoundsError, match="alpha"):
        device_at(device, {"alpha": 2.0})
    with pytest.raises(ModelError, match="nonsense"):
        device_at(device, {"nonsense": 2.0})
    with pytest.raises(ModelError, match="no values by name"):
        device_at(device, [1.0])
    rows = [drive_row("peak", "Peak.", "V", 0.5)]
    assert drive_values(rows, {}) == {"peak": 0.5}
    for wrong in (0, -1.0, "1", float("nan"), None, True):
        with pytest.raises(StimulusError, match="peak"):
            drive_values(rows, {"peak": wrong})
