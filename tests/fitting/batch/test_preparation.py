"""Problems of devices that were measured alike are those of each device alone, digit for digit."""

import dataclasses

import jax
import numpy as np
import pytest

import memjax as mj
from benchmarks.cases.batch_fits.problem import LangevinHeatRC
from fitting.batch.preparation import prepare_each
from fitting.sweeps.prepare import prepare

TIMES = np.linspace(0, 1.0, 121)
ABOUT = dict(bench=None, env=mj.Environment(), point_time=None, fix=None, seed=0, screened=3)


def loop(rng, *, on: float, leak: float, driven: np.ndarray) -> np.ndarray:
    """Current of a device that switches at a voltage of its own, and lets go at a third of it."""
    threshold = 0.5 * rng.uniform(0.8, 1.2)
    size, state, i = np.abs(driven), False, []
    for v, dv in zip(size, np.gradient(size), strict=True):
        state = v > (threshold if dv > 0 else threshold / 3)
        i.append(v * (on if state else leak))
    return np.sign(driven) * np.array(i) * np.exp(0.02 * rng.normal(size=len(i)))


def devices(*, on: float, leak: float, polarities: int = 1, count: int = 5):
    """Sweeps of devices: the last but one with a row without current, the last one at voltages of its own."""
    rng, found = np.random.default_rng(0), {}
    v = np.sin(polarities * np.pi * TIMES)
    for k in range(count):
        driven = v * (1.001 if k == count - 1 else 1.0)
        i = loop(rng, on=on, leak=leak, driven=driven)
        i[40] *= k != count - 2
        i[5] += on * (k == 0)  # one reading that jumps is no switching
        none = np.zeros(len(i), int)
        columns = dict(t=TIMES, v=driven, i=i, sweep=none, at_compliance=none > 0)
        found[f"d{k}"] = [mj.Measurement(**columns, reader="", source={})]
    return found


@pytest.mark.integration
@pytest.mark.parametrize(
    ("model", "data", "free", "chosen"),
    [
        (mj.DiffusiveMemristor(), devices(on=1e-6, leak=1e-11), None, (None, None)),
        (mj.DiffusiveMemristor(), devices(on=1e-6, leak=1e-11, polarities=2), None, (1e-9, None)),
        (mj.MetastableSwitches(), devices(on=2e-3, leak=2e-4, polarities=2), None, (None, None)),
        (LangevinHeatRC(), devices(on=0.5, leak=0.05), ("a", "b", "lam"), (None, None)),
        (LangevinHeatRC(), devices(on=0.5, leak=1e-12), ("a", "tau"), (None, 1e-10)),
        (LangevinHeatRC(), devices(on=0.5, leak=0.25), ("a", "tau"), (0.1, 0.05)),  # no jump
    ],
)
def test_problems_of_many_devices_are_those_of_each_alone(model, data, free, chosen):
    about = ABOUT | dict(free=free, thresholds=chosen, model_sigma=0.01)
    together = prepare_each(data, model, **about)
    assert list(together) == list(data)
    for name, measured in data.items():
        alone, one = prepare(measured, model, **about), together[name]
        assert (one.notes, one.floor) == (alone.notes, alone.floor)
        np.testing.assert_array_equal(one.candidates, alone.candidates)
        np.testing.assert_array_equal(one.further(4), alone.further(4))
        pairs = zip(*map(jax.tree.leaves, (one.problem, alone.problem)), strict=True)
        assert all(np.array_equal(a, b) if hasattr(b, "shape") else a == b for a, b in pairs)
        assert jax.tree.structure(one.problem) == jax.tree.structure(alone.problem)
        for a, b in zip(one.waves, alone.waves, strict=True):
            for field in dataclasses.fields(b):
                x, y = getattr(a, field.name), getattr(b, field.name)
                assert np.array_equal(x, y, equal_nan=True) if isinstance(y, np.ndarray) else True
            assert (a.thresholds, a.legs, a.limits) == (b.thresholds, b.legs, b.limits)


@pytest.mark.integration
def test_a_device_that_mostly_reads_noise_is_prepared_among_others_as_alone():
    data = devices(on=1e-6, leak=1e-11, polarities=2, count=5)
    rng, about = np.random.default_rng(1), ABOUT | dict(free=None)
    m = data["d2"][0]
    data["d2"] = [dataclasses.replace(m, i=m.i + 1e-9 * rng.normal(size=len(m.i)))]
    together = prepare_each(data, mj.DiffusiveMemristor(), **about)
    for name, one in together.items():
        problem = prepare(data[name], mj.DiffusiveMemristor(), **about).problem
        assert (one.problem.group.quiet is not None) == (name == "d2")
        assert jax.tree.structure(one.problem) == jax.tree.structure(problem)
        pairs = zip(*map(jax.tree.leaves, (one.problem, problem)), strict=True)
        assert all(np.array_equal(a, b) if hasattr(b, "shape") else a == b for a, b in pairs)


def test_a_device_that_makes_no_problem_says_why_and_the_others_are_prepared():
    data = devices(on=1e-6, leak=1e-11, count=4)
    still = [dataclasses.replace(data["d0"][0], v=np.zeros(121))]
    never = [dataclasses.replace(data["d0"][0], i=np.full(121, 1e-12))]
    model, about = mj.DiffusiveMemristor(), ABOUT | dict(free=None)
    found = prepare_each({"still": still, "never": never, **data}, model, **about)
    assert "no excursion of the voltage" in found["still"]
    assert "no sweep switches" in found["never"]
    assert not any(isinstance(found[n], str) for n in data)
    error = prepare_each({"d0": data["d0"]}, model, **about | dict(model_sigma=-1.0))["d0"]
    assert error.startswith("a model sigma of -1.0 decades")
