"""Measurements as xarray, netCDF and pandas, and back."""

import numpy as np
import pytest
import xarray as xr

import memjax as mj
from memjax.errors import ReaderError


@pytest.fixture
def measured(tmp_path) -> mj.Measurement:
    path = tmp_path / "m.csv"
    rows = "".join(f"{k // 10},{k}e-3,{0.1 * (k % 10)!r},{1e-9 * k!r}\n" for k in range(30))
    path.write_text("sweep,t_s,v_V,i_A\n" + rows)
    return mj.read(path, compliance=(1e-6, 2e-6))


def assert_same(one: mj.Measurement, other: mj.Measurement):
    for name in ("v", "i", "t", "sweep", "limit", "at_compliance"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("driven", "modulus", "compliance", "reader", "source", "warnings"):
        assert getattr(one, name) == getattr(other, name), name


def test_datasets_have_units_and_come_back(measured, tmp_path):
    dataset = measured.to_xarray()
    assert [dataset[n].attrs["units"] for n in ("v", "i", "t")] == ["V", "A", "s"]
    assert_same(measured, mj.Measurement.from_xarray(dataset))
    path = tmp_path / "m.nc"
    dataset.to_netcdf(path, engine="h5netcdf")
    with xr.open_dataset(path, engine="h5netcdf") as again:
        assert_same(measured, mj.Measurement.from_xarray(again))


def test_tables_come_back(measured):
    frame = measured.to_pandas()
    assert list(frame)[:4] == ["sweep", "t_s", "v_V", "i_A"]
    assert_same(measured, mj.Measurement.from_pandas(frame))


@pytest.mark.integration
def test_a_table_of_ones_own_is_taken_and_what_is_left_out_is_said(measured):
    frame = measured.to_pandas()[["v_V", "i_A"]].assign(note="x")
    frame.attrs.clear()
    own = mj.Measurement.from_pandas(frame)
    assert own.t is None
    assert "columns note are left out" in own.warnings
    with pytest.raises(ReaderError, match="no column 'i_A'"):
        mj.Measurement.from_pandas(frame[["v_V"]])


def test_another_unit_is_refused(measured):
    dataset = measured.to_xarray()
    dataset["i"].attrs["units"] = "uA"
    with pytest.raises(ReaderError, match="i in 'uA'"):
        mj.Measurement.from_xarray(dataset)
    with pytest.raises(ReaderError, match="no variable 'v'"):
        mj.Measurement.from_xarray(dataset.drop_vars("v"))
