"""netCDF files, of other programs and of memjax."""

import numpy as np
import pytest
import xarray as xr

from memjax.data import read
from memjax.errors import ReaderError

from .arrays import I, T, V, assert_loops


def data(members=2):
    v, i = np.stack(members * [V]), np.stack([(k + 1) * I for k in range(members)])
    variables = {
        "v": (("member", "row"), v, {"units": "V"}),
        "i": (("member", "row"), 1e3 * i, {"units": "mA"}),
        "result": (("member", "solve"), np.zeros((members, 1), int)),
    }
    return xr.Dataset(variables, {"t": ("row", T, {"units": "s"})}, {"device": "A1"})


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize("numbered", [False, True])
def test_members_are_sweeps_with_units_from_attributes(tmp_path, engine, numbered):
    path = tmp_path / "a.nc"
    found = data().assign_coords(member=[4, 7]) if numbered else data()
    found.to_netcdf(path, engine=engine)
    m = read(path)
    np.testing.assert_allclose(m.i, np.concatenate([I, 2 * I]), rtol=1e-15)
    assert m.labels.tolist() == ([4, 7] if numbered else [0, 1])
    assert (m.reader, m.source["settings"]["device"]) == ("netcdf", "A1")
    assert "variables over other dimensions are not read: result" in m.warnings
    np.testing.assert_array_equal(m.t, np.tile(T, 2))


def test_one_curve_over_one_dimension_is_read(tmp_path):
    path = tmp_path / "a.nc"
    xr.Dataset({"voltage": ("x", V), "current": ("x", I)}).to_netcdf(path, engine="h5netcdf")
    assert_loops(read(path), 1)


def test_a_damaged_file_is_one_error(tmp_path):
    path = tmp_path / "a.nc"
    data().to_netcdf(path, engine="scipy")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ReaderError, match="damaged netCDF file"):
        read(path)
