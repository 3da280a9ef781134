"""Declared parameters and states: bounds, metadata, description."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.errors import BoundsError, ModelError


def test_a_value_out_of_bounds_is_refused_with_value_unit_range_and_device():
    with pytest.raises(
        BoundsError, match=r"alpha = 2.*1; in DiffusiveMemristor; allowed: 0.0001 to 1"
    ):
        mj.DiffusiveMemristor(alpha=2.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1.0])
def test_no_value_that_is_no_number_or_negative_passes_for_a_rate(bad):
    with pytest.raises(BoundsError, match="gamma1 = "):
        mj.DiffusiveMemristor(gamma1=bad)


def test_the_bounds_themselves_are_allowed_also_in_single_precision():
    for name, spec in parameter_specs(mj.DiffusiveMemristor).items():
        for bound in spec.bounds:
            for dtype in (np.float64, np.float32):
                value = jnp.asarray(bound, dtype)
                assert getattr(mj.DiffusiveMemristor(**{name: value}), name) == value


def test_one_bad_value_in_an_array_is_found():
    with pytest.raises(BoundsError, match="mu"):
        mj.DiffusiveMemristor(mu=np.array([1.0, -1.0]))


@pytest.mark.parametrize(
    ("default", "bounds"),
    [(2.0, (0.0, 1.0)), (0.5, (1.0, 0.0)), (0.0, (0.0, 0.0)), (np.nan, (0.0, 1.0))],
)
def test_a_default_outside_its_bounds_cannot_be_declared(default, bounds):
    with pytest.raises(ModelError, match="lower <= default <= upper"):
        mj.param(default, unit="1", bounds=bounds, doc="A parameter.")


def test_description_of_a_device_has_its_values_and_of_a_class_the_defaults():
    of_class = {row["name"]: row for row in mj.describe(mj.DiffusiveMemristor)}
    of_device = {row["name"]: row for row in mj.describe(mj.DiffusiveMemristor(mu=5, mu_neg=7.0))}
    assert (of_class["mu"]["value"], of_class["mu_neg"]["value"]) == (60.0, None)
    assert (of_device["mu"]["value"], of_device["mu_neg"]["value"]) == (5.0, 7.0)
    assert of_device["mu"]["unit"] == "1/(V s)"
    assert of_device["alpha"]["bounds"] == [1e-4, 1.0]
    assert list(of_class) == [f.name for f in dataclasses.fields(mj.DiffusiveMemristor)]


def test_integers_become_floats():
    assert mj.DiffusiveMemristor(mu=5).mu.dtype == np.float64
