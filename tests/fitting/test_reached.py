"""What is saved of a fit that did not come to its end."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.config import Request
from fitting.optimize.levenberg_marquardt import Progress
from fitting.reached import NOTHING, Reached
from memjax.core.params import unconstrain
from memjax.io.fit import load_fit


class _Problem:
    """What says which device coordinates mean."""

    free = ("tau", "r_on")
    bench = mj.Bench(series_resistance=50.0)

    def at(self, z):
        device = mj.model("mms")
        return mj.params.constrain(device, self.free, jnp.asarray(z))


@pytest.fixture
def reached(tmp_path):
    """A command that has begun."""
    return Reached(
        Request(
            dict(out=str(tmp_path / "fit"), model="mms", files=[], temperature=None, seed=3)
            | {"command": "memjax fit", "entries": {}}
        )
    )


def test_without_a_point_nothing_is_saved(reached, tmp_path):
    assert reached.save() == NOTHING
    reached.hear(Progress(np.zeros((2, 2)), np.full(2, np.inf), problem=_Problem()))
    assert reached.save() == NOTHING
    assert not (tmp_path / "fit").exists()


def test_the_best_point_is_saved_as_a_fit(reached, tmp_path):
    z = np.asarray(unconstrain(mj.params.replace(mj.model("mms"), {"tau": 3e-4}), _Problem.free))
    search = Progress(np.stack([z + 1, z]), np.array([5.0, 2.0]), problem=_Problem())
    reached.kind = "sweeps"
    reached.hear(search)
    reached.hear(Progress(z[None], np.zeros(1)))  # of which nobody knows what it is of
    assert "without their errors" in reached.save()
    content = json.loads((tmp_path / "fit" / "fit.json").read_text())
    assert content["interrupted"] is True
    assert content["loss"] == 2.0
    assert content["parameters"]["tau"]["std"] is None
    assert set(content["free"]) == set(content["undetermined"]) == {"tau", "r_on"}
    fit = load_fit(tmp_path / "fit")
    assert fit.values["tau"] == pytest.approx(3e-4)
    assert fit.bench["series_resistance"] == 50.0
    assert "interrupted" in (tmp_path / "fit" / "report.html").read_text()


def test_what_is_written_already_stays(reached, tmp_path):
    reached.saved = "the fit to first order is in fit"
    assert reached.save() == "the fit to first order is in fit"
    assert not (tmp_path / "fit").exists()
