"""``memjax convert``."""

import numpy as np
import pytest
import xarray as xr

import memjax as mj


@pytest.mark.parametrize("suffix", [".nc", ".h5"])
def test_netcdf_holds_the_measurement_with_units(run, measured, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    assert run("convert", measured, "--out", out, "--sweeps", "4,7").status == 0
    with xr.open_dataset(out, engine="h5netcdf") as dataset:
        again = mj.Measurement.from_xarray(dataset)
        assert dataset["i"].attrs["units"] == "A"
    assert again.labels.tolist() == [7, 4]
    assert again.source["file"] == str(measured)


def test_csv_holds_all_digits_and_reads_as_the_same(run, measured, tmp_path):
    out = tmp_path / "out.csv"
    run("convert", measured, "--out", out)
    one, other = mj.read(measured), mj.read(out)
    np.testing.assert_array_equal(one.v, other.v)
    np.testing.assert_array_equal(one.i, other.i)


def test_wrong_use_is_one_line_and_writes_nothing(refused, measured, tmp_path):
    before = set(tmp_path.iterdir())
    assert "allowed: .csv, .nc, .h5" in refused("convert", measured, "--out", tmp_path / "out.xls")
    assert "no such file" in refused("convert", tmp_path / "no.csv", "--out", tmp_path / "a.nc")
    assert set(tmp_path.iterdir()) == before
    (tmp_path / "a.nc").write_text("mine")
    assert "--force" in refused("convert", measured, "--out", tmp_path / "a.nc")
    assert (tmp_path / "a.nc").read_text() == "mine"
