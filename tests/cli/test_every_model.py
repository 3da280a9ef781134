"""``memjax simulate`` with every model."""

import numpy as np
import pytest

import memjax as mj
from memjax.cli import main

pytestmark = pytest.mark.parity

PRESETS = {name.split("/")[0]: name for name in mj.presets.names()}
"""One preset of each model."""


KINDS = ("langevin-chain", "jart-vcm", "event-switches", "linear-drift")
"""A vector of states, an implicit current, jumps, a setting; the other devices run with the studies."""

OTHERS = [
    pytest.param(c.name, marks=pytest.mark.study)
    for c in mj.device.registry.BUILT_IN
    if c.name not in KINDS
]


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("model", [*KINDS, *OTHERS])
def test_a_preset_of_a_model_of_each_kind_runs(tmp_path, model):
    """A triangle of 0.3 V in a millisecond, with its noise; currents flow the way of the voltage."""
    (tmp_path / "s.csv").write_text("t_s,v_V\n0,0\n2.5e-4,0.3\n7.5e-4,-0.3\n1e-3,0\n")
    out = tmp_path / "out.csv"
    words = ["--preset", PRESETS[model], "--stimulus", tmp_path / "s.csv", "--save-every", "5e-5"]
    assert main(["simulate", model, *map(str, words), "--out", str(out)]) == 0
    table = np.genfromtxt(out, delimiter=",", names=True)
    scalar = {s.name for s in mj.device_class(model)().states if s.size == 1}
    assert {"member", "sweep", "t_s", "v_V", "i_A", *scalar} <= set(table.dtype.names)
    assert all(np.isfinite(table[n]).all() for n in table.dtype.names)
    assert np.all(table["i_A"] * table["v_V"] >= 0)
    assert np.ptp(table["v_V"]) > 0.5
