"""Every model of one driven source has a standard drive, and every standard drive a model."""

import pytest

import memjax as mj
from fitting.app.explore.drives import DRIVES, SWEEPS
from memjax.models import model_names


def test_every_model_has_its_drive():
    several = {n for n in model_names() if len(getattr(mj.model(n), "ports", ())) > 1}
    assert {*SWEEPS, *DRIVES} == set(model_names()) - several


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SWEEPS, *DRIVES])
def test_presets_exist_and_signals_are_states(name):
    about = SWEEPS.get(name) or DRIVES[name]
    assert not about.preset or f"{name}/{about.preset}" in mj.presets.names(name)
    if name in DRIVES:
        states = [s.name for s in mj.model(name).specs]
        signal, level, rearm = about.spike
        assert {signal, *about.signals} <= set(states)
        assert rearm < level
