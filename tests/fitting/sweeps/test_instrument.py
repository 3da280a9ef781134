"""The instrument as a part of the model: names, starts, and what is refused."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.constants import FREE_BENCH
from fitting.sweeps.instrument import (
    BenchQuantities,
    DeviceOnBench,
    Evidence,
    bench_of,
    device_of,
    free_quantities,
    parameter_names,
    quantity_names,
    start_of_bench,
)
from fitting.sweeps.summary import summarise_sweeps
from memjax.core.fields import parameter_specs
from memjax.core.params import constrain, coordinates, get
from memjax.errors import DataError

OFFSET, RESISTANCE = -4.7e-6, 1e3


@pytest.fixture(scope="module")
def data():
    """Three sines of a resistor, read with an offset."""
    t = np.arange(301) / 100
    v = np.sin(2 * np.pi * t)
    i = v / RESISTANCE + OFFSET
    limited = np.zeros(v.size, bool)
    sweep = np.minimum(np.arange(v.size) // 100, 2)
    return mj.Measurement(t=t, v=v, i=i, sweep=sweep, at_compliance=limited, reader="made here")


def start(data, quantities, bench=None):
    floor = 1e-9
    waves = summarise_sweeps([data], point_time=None, floor=floor)
    return start_of_bench(quantities, [data], waves, floor, bench or mj.Bench())


def test_quantities_of_the_bench_stand_beside_the_names_of_the_device():
    model = DeviceOnBench(mj.model("mms"), BenchQuantities(offset_current=1e-6))
    specs = parameter_specs(model)
    assert set(parameter_specs(mj.model("mms"))) < set(specs)
    assert specs["bench.parallel_resistance"].unit == "ohm"
    free = ("r_on", "bench.offset_current")
    assert parameter_names(free) == ("r_on",)
    assert quantity_names(free) == ("offset_current",)
    moved = constrain(model, free, coordinates(model, free) + 0.1)
    assert float(get(moved, "r_on")) > float(get(model, "r_on"))
    assert device_of(moved) is moved.device


def test_a_bench_keeps_what_is_not_free():
    model = DeviceOnBench(mj.model("mms"), BenchQuantities(series_resistance=jnp.asarray(5.0)))
    bench = bench_of(model, mj.Bench(series_resistance=1.0, compliance=1e-3))
    assert (float(bench.series_resistance), bench.compliance) == (5.0, 1e-3)
    assert bench_of(model.device, mj.Bench(2.0)) == mj.Bench(2.0)


def test_an_offset_starts_where_the_data_show_it_within_bounds_of_their_size(data):
    begin = start(data, ("offset_current",))
    assert begin.values["offset_current"] == pytest.approx(OFFSET, rel=1e-3)
    low, high = begin.bounds["offset_current"]
    assert low == -high
    assert 0.5e-3 <= high <= 1e-3
    specs = parameter_specs(begin.around(mj.model("mms")))
    assert specs["bench.offset_current"].narrowed


def test_a_stated_value_is_the_start_and_others_are_of_the_size_of_the_device(data):
    names = ("series_resistance", "parallel_resistance")
    begin = start(data, names, mj.Bench(series_resistance=50.0))
    assert begin.values["series_resistance"] == 50.0
    assert begin.values["parallel_resistance"] > RESISTANCE
    drawn = [begin.scatter(np.random.default_rng(k)) for k in range(50)]
    logs = np.log([d["bench.series_resistance"] / 50.0 for d in drawn])
    # Of 50 standard normal numbers the mean has a standard deviation of 0.14: z of 3.
    assert abs(np.mean(logs)) < 3 * 0.15


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e6])
def test_starts_and_absent_quantities_lie_inside_their_bounds_for_currents_in_wrong_units(
    data, factor
):
    measured, floor = dataclasses.replace(data, i=factor * data.i), 1e-9 * factor
    evidence = Evidence.of(
        [measured], summarise_sweeps([measured], point_time=None, floor=floor), floor
    )
    for name in FREE_BENCH.values():
        for value in (evidence.start(name), evidence.absent(name)):
            quantities = BenchQuantities(**{name: np.asarray(value)})
            assert np.isfinite(coordinates(quantities, [name])).all()


@pytest.mark.parametrize(
    ("names", "model", "driven", "message"),
    [
        (("humidity",), "mms", "voltage", "unknown quantity 'humidity'.*series_resistance"),
        (("shunt",), "1m1t1r", "voltage", "a bench around a circuit.*devices"),
        (("offset_current",), "mms", "current", "offset_current of a current that was imposed"),
    ],
)
def test_what_cannot_be_free_is_refused(names, model, driven, message):
    with pytest.raises(DataError, match=message):
        free_quantities(names, mj.model(model), driven)


def test_words_of_the_command_line_are_fields_of_the_bench():
    words = free_quantities(("shunt", "shunt", "offset_voltage"), mj.model("mms"), "voltage")
    assert words == ("parallel_resistance", "offset_voltage")
