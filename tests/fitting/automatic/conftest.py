"""Sweeps that a known model made."""

from pathlib import Path

import numpy as np
import pytest

import memjax as mj
from tests.fits import threshold_loop


def _write(path: Path, *, r_on: float = 1e3, seed: int = 0) -> str:
    """Four sweeps of a metastable-switch device, with 2 % of scatter."""
    device = mj.params.replace(mj.model("mms"), {"tau": 0.02, "r_on": r_on, "r_off": 1e5, "n": 1e6})
    stimulus = mj.triangle_sweep(0.6, 2.4, negative=0.6, cycles=4)
    rows = np.linspace(0.0, 4.0, 241)[1:]
    trace = mj.simulate(device, stimulus, save=rows, deterministic=True).check()
    noise = np.exp(0.02 * np.random.default_rng(seed).normal(size=240))
    numbers = np.stack([np.arange(240) // 60, rows, trace.v[0], trace.i[0] * noise], axis=1)
    lines = [",".join([f"{int(k)}", *(f"{x:.9g}" for x in row)]) for k, *row in numbers]
    path.write_text("\n".join(["sweep,t_s,v_V,i_A", *lines]) + "\n")
    return str(path)


@pytest.fixture(scope="session")
def write():
    """``write(path, r_on=, seed=)`` writes such sweeps and gives the name of the file."""
    return _write


@pytest.fixture(scope="session")
def file(tmp_path_factory) -> str:
    return _write(tmp_path_factory.mktemp("sweeps") / "a.csv")


@pytest.fixture
def switch(tmp_path) -> str:
    """A file of one loop of a switch, which nothing had to solve."""
    path = tmp_path / "switch.csv"
    rows = zip(*threshold_loop(0.6, 0.3), strict=True)
    path.write_text("\n".join(["v_V,i_A", *(f"{v},{i}" for v, i in rows)]) + "\n")
    return str(path)
