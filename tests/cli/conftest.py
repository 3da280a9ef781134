"""A command line in this process, and small files for it."""

import json
from collections import namedtuple

import numpy as np
import pytest

from memjax.cli import main

Ended = namedtuple("Ended", "status out err")


@pytest.fixture(autouse=True)
def _no_cache_of_the_user(monkeypatch):
    monkeypatch.setenv("MEMJAX_CACHE", "off")
    monkeypatch.delenv("MEMJAX_DEBUG", raising=False)


@pytest.fixture
def run(capsys):
    def run(*words) -> Ended:
        capsys.readouterr()
        status = main([str(w) for w in words])
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture
def refused(run):
    """Run what must end with status 2 and one line; returns the line."""

    def refused(*words) -> str:
        ended = run(*words)
        assert (ended.status, ended.out) == (2, ""), ended
        assert ended.err.startswith("memjax: error: ")
        assert ended.err.endswith("\n")
        assert ended.err.count("\n") == 1, ended.err
        return ended.err

    return refused


def triangle(peak: float, points: int) -> np.ndarray:
    up = np.linspace(0, peak, points)
    return np.concatenate([up[1:], up[-2::-1]])


@pytest.fixture
def sweeps() -> dict[int, np.ndarray]:
    """Voltages of three sweeps by the file's own labels; the first and the last are equal."""
    return {7: triangle(0.5, 13), 9: triangle(-0.5, 13), 4: triangle(0.5, 13)}


@pytest.fixture
def measured(tmp_path, sweeps):
    """A measured file without time: labels 7, 9, 4 and currents of a 1 Mohm resistor."""
    path = tmp_path / "measured.csv"
    rows = [f"{label},{v!r},{v / 1e6!r}" for label, vs in sweeps.items() for v in vs.tolist()]
    path.write_text("\n".join(["cycle,v_V,i_A", *rows]) + "\n")
    return path


@pytest.fixture
def params(tmp_path):
    """Parameters of a device whose switching 12 points of 10 ms resolve, with a little noise."""
    path = tmp_path / "params.toml"
    path.write_text("mu = 100.0\ngamma1 = 40.0\nr_off = 1e9\nsigma1 = 0.3\nsigma2 = 0.2\n")
    return path


@pytest.fixture
def stimulus(tmp_path):
    path = tmp_path / "stimulus.csv"
    path.write_text("t_s,v_V\n0,0\n0.5,0.5\n1,0\n")
    return path


@pytest.fixture
def fit(tmp_path):
    """A fit.json; its keyword arguments replace what is at the top level."""

    def fit(name="fit.json", **changes):
        bench = dict.fromkeys(
            ("series_resistance", "parallel_resistance", "parallel_capacitance", "temperature")
        )
        content = {
            "schema_version": 1,
            "model": "diffusive",
            "parameters": {
                n: {"value": x, "unit": "", "std": None, "bounds": [0, 1], "free": False}
                for n, x in {"mu": 100.0, "gamma1": 40.0, "r_off": 1e9}.items()
            },
            "bench": bench | {"compliance": 1e-6, "point_time": 0.01},
            "read_noise": {"relative": 0.05, "floor_A": 1e-13},
            "cycle_spread": {"mu": {"sigma_ln": 0.1}},
        }
        path = tmp_path / name
        path.write_text(json.dumps(content | changes))
        return path

    return fit
