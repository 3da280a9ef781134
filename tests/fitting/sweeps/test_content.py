"""The folder of a fit: complete, its JSON strict, no sweep lost."""

import html
import json
from importlib import import_module

import numpy as np
import pytest

import memjax as mj
from fitting.kinds import Origin
from fitting.sweeps.content import write
from fitting.sweeps.problem import PATIENT
from memjax.lanes.choice import backend_in_use

pytestmark = pytest.mark.slow


def test_a_fit_folder_is_complete_and_its_json_strict(result, tmp_path):
    from memjax.io.request import file_of

    file = file_of("example:diffusive-sweeps")
    origin = Origin(files=(file,), truth={"mu": 80.0}, command="memjax fit ...")
    write(result, tmp_path, origin)
    pictures = ("correlation", "cycles", "iv", "residuals", "switching", "trends")
    names = {f"{n}.{x}" for n in pictures for x in ("png", "svg")}
    names |= {"fit.json", "report.html", "measured.csv", "simulated.csv", "cycles.csv"}
    assert {p.name for p in tmp_path.iterdir()} == names
    content = json.loads((tmp_path / "fit.json").read_text())
    assert content["parameters"]["mu"]["value"] == float(result.device.mu)
    assert set(content["parameters"]["mu"]) >= {"value", "unit", "std", "bounds", "free"}
    methods = content["uncertainty"]["methods"]
    assert set(methods) == set(result.free)
    # Of a device that switches a note says where first order does not hold; of what is known to no more than a factor
    # a profile does. Which it is depends on where in its valley a search ends, and that on the processor.
    followed = {p.name for p in result.profiles}
    assert methods == {n: "profile" if n in followed else "laplace" for n in result.free}
    assert content["uncertainty"]["method"] == ("profile" if followed else "laplace")
    notes = [n for n in content["notes"] if "--uncertainty profile" in n]
    assert notes or followed
    for note in notes:
        noted = {n.strip() for n in note.partition(":")[0].split(",")}
        assert not noted & {*content["undetermined"], *followed}
    assert content["identifiability"]["sentences"]
    assert content["settings"] == {}  # a diffusive memristor has none
    assert content["data"][0]["sha256"]
    assert content["backend"] == result.backend == backend_in_use() != "xla"
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert html.escape(content["backend"]) in page
    assert 'src="http' not in page
    simulated = np.genfromtxt(tmp_path / "simulated.csv", delimiter=",", names=True)
    assert len(simulated) == result.n_points
    cycles = np.genfromtxt(tmp_path / "cycles.csv", delimiter=",", names=True)
    assert len(np.unique(cycles["sweep"])) == 20 * len(result.waves)
    assert len(content["distribution"]["positive"]["v_th_V"]) == 100


@pytest.mark.study
@pytest.mark.parametrize("solved", [True, False])
def test_a_device_whose_simulation_takes_too_many_steps_is_not_lost(
    result, tmp_path, monkeypatch, solved
):
    """It is simulated at the tolerances of the search; what even these do not solve is said, and no number."""
    store = import_module("fitting.sweeps.result")
    real, asked = store.simulate_like, []

    def simulated(*args, policy=None, **options):
        asked.append(policy)
        few = mj.Stiff(max_steps=3)
        return real(*args, policy=policy if solved and policy else few, **options)

    monkeypatch.setattr(store, "simulate_like", simulated)
    write(result, tmp_path, Origin())
    first, second = asked[:2]
    assert first is None
    assert (second.rtol, second.max_steps) == (result.problem.policy.rtol, PATIENT.max_steps)
    content = json.loads((tmp_path / "fit.json").read_text())
    assert any("could not be solved" in w for w in content["warnings"]) != solved
    found = np.loadtxt(tmp_path / "simulated.csv", delimiter=",", skiprows=1)
    assert np.isfinite(found).all() == solved
    assert (tmp_path / "report.html").exists()
