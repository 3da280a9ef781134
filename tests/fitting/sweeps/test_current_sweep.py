"""Fits of sweeps of an imposed current: what is compared is the voltage, which was measured."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.kinds import Origin
from fitting.sweeps.content import write
from fitting.sweeps.prepare import prepare
from memjax.errors import DataError

FREE = ("mobility", "r_off")  # of mobility and r_on the loop knows the product
NOISE = 1e-3
"""Read noise, as a share of the voltage."""


@pytest.fixture(scope="module")
def truth():
    return mj.params.replace(mj.model("linear-drift"), {"r_on": 200.0, "r_off": 5e3, "x0": 0.2})


@pytest.fixture(scope="module")
def sweep(truth) -> mj.Measurement:
    """A staircase of the current to both polarities, 1 ms a point, that begins without a current."""
    level = 2e-4 * np.sin(2 * np.pi * np.arange(121) / 120)
    amps = np.where(np.abs(level) < 1e-12, 0.0, level)
    held = mj.staircase(amps, 1e-3, quantity="current")
    trace = mj.simulate(truth, held, save=1e-3 * np.arange(1, 122)).check()
    noise = 1 + NOISE * np.random.default_rng(0).normal(size=amps.shape)
    return mj.Measurement(
        v=np.asarray(trace.v[0]) * noise, i=amps, sweep=np.zeros(121, int), driven="current",
        reader="made here", at_compliance=np.zeros(121, bool),
    )  # fmt: skip


def _prepared(sweep, device):
    options = dict(bench=None, env=None, point_time=1e-3, free=FREE, fix=None)
    return prepare([sweep], device, **options, seed=0, screened=2)


@pytest.mark.study
def test_residuals_are_those_of_the_voltage(sweep, truth):
    made = _prepared(sweep, truth)
    z = mj.params.unconstrain(truth, FREE)
    r, ok = made.problem.data_residuals(z)
    granted = float(made.problem.group.model_sigma)
    assert ok
    # Noise of reading of 1e-3 is 4.3e-4 decades; 121 normal numbers lie within 5 of their standard deviations.
    assert np.max(np.abs(r)) < 5 * NOISE / np.log(10) / granted
    doubled, _ = made.problem.data_residuals(z + jnp.array([0.0, np.log(2.0)]))
    assert (
        np.max(np.abs(doubled)) > 1
    )  # and not 0, as where the imposed current is compared with itself


@pytest.mark.slow
def test_a_voltage_without_a_current_is_an_offset_and_counts_for_nothing(sweep, truth):
    (wave,) = _prepared(sweep, truth).waves
    assert not wave.used[0]
    assert wave.used[1:-1][sweep.i[1:-1] != 0].all()


@pytest.mark.slow
def test_sweeps_of_a_current_and_of_a_voltage_are_not_one_problem(sweep, truth):
    other = dataclasses.replace(sweep, v=sweep.i * 1e3, driven="voltage")
    with pytest.raises(DataError, match="different kinds"):
        prepare(
            [sweep, other], truth, bench=None, env=None, point_time=1e-3, free=FREE, fix=None,
            seed=0, screened=2,
        )  # fmt: skip


@pytest.mark.slow
def test_the_device_comes_back_and_its_page_is_written(sweep, truth, tmp_path):
    model = mj.params.replace(
        truth, {"mobility": 1e-14, "r_off": 16e3}
    )  # what is not fitted is known
    result = ft.solve(
        ft.SweepProblem(
            [sweep], model, point_time=1e-3, free=FREE, screened=8, model_sigma=NOISE / np.log(10)
        )
    )
    for row in result.table():
        if row["free"]:
            true = float(mj.params.get(truth, row["name"]))
            assert abs(row["value"] - true) < 4 * row["std"] < 0.1 * true
    source = tmp_path / "sweep.csv"
    source.write_text("t_s,v_V,i_A\n")
    write(result, tmp_path, Origin(files=(source,)))
    made = {p.name for p in tmp_path.iterdir()}
    assert {"iv.png", "residuals.png", "switching.png", "report.html"} <= made
    assert json.loads((tmp_path / "fit.json").read_text())["driven"] == "current"
