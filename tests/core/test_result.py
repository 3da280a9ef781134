"""Traces as xarray, netCDF and pandas, and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import memjax as mj
from memjax.errors import BoundsError


@pytest.fixture(scope="module")
def trace() -> mj.Trace:
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape))  # noqa: E731
    return mj.Trace(
        t=jnp.tile(jnp.arange(4.0), 2), sweep=np.repeat([3, 5], 4), v=draw(2, 8), i=draw(2, 8),
        state={"w": draw(2, 8), "x": draw(2, 8, 3)}, v_device=draw(2, 8), i_device=draw(2, 8),
        result=jnp.zeros((2, 2), int), units={"w": "m", "x": "1"},
        notes={"model": "vteam", "seed": 3, "driven": "voltage", "deterministic": False},
    )  # fmt: skip


def assert_same(one: mj.Trace, other: mj.Trace):
    for name in ("t", "sweep", "v", "i", "v_device", "i_device", "result"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert list(one.state) == list(other.state)
    for name, values in one.state.items():
        np.testing.assert_array_equal(values, other.state[name])
    assert one.units == other.units


def test_datasets_come_back_also_through_netcdf(trace, tmp_path):
    again = mj.Trace.from_xarray(trace.to_xarray())
    assert_same(trace, again)
    assert again.notes == trace.notes
    path = tmp_path / "trace.nc"
    trace.to_xarray().to_netcdf(path, engine="h5netcdf")
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        assert_same(trace, mj.Trace.from_xarray(dataset))


def test_tables_come_back(trace):
    frame = trace.to_pandas(device=True)
    assert_same(trace, mj.Trace.from_pandas(frame, units=trace.units))


def test_without_columns_of_the_device_it_sees_what_the_instrument_sees(trace):
    again = mj.Trace.from_pandas(trace.to_pandas())
    np.testing.assert_array_equal(again.v_device, trace.v)


@pytest.mark.integration
def test_what_is_no_trace_is_refused(trace):
    with pytest.raises(BoundsError, match="no variable result"):
        mj.Trace.from_xarray(trace.to_xarray().drop_vars("result"))
    frame = trace.to_pandas()
    with pytest.raises(BoundsError, match="no column member"):
        mj.Trace.from_pandas(frame.drop(columns="member"))
    with pytest.raises(BoundsError, match="members of different length"):
        mj.Trace.from_pandas(frame.iloc[:-1])


def test_digits_are_not_lost_in_silence(trace):
    dataset = trace.to_xarray()
    with jax.enable_x64(False), pytest.warns(UserWarning, match="float64 is cut to float32"):
        mj.Trace.from_xarray(dataset)
