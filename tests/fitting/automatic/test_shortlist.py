"""The models of which a choice is made, by what sweeps show and how near starts are."""

import numpy as np
import pytest

import memjax as mj
from fitting.app.explore.drives import SWEEPS
from fitting.automatic import shortlist as module
from fitting.automatic.shortlist import first_sweeps, shortlist
from fitting.optimize.levenberg_marquardt import Progress
from memjax.core.fields import parameter_specs
from memjax.data import Measurement, Traits, features, objections
from memjax.errors import DataError, FitError
from tests.fits import measured_loops, threshold_loop

SWITCH = [measured_loops(threshold_loop(0.6, 0.3), threshold_loop(0.6, 0.3, sign=-1.0))]


@pytest.fixture
def losses(monkeypatch):
    """Losses of starts by model, in place of solves; a model without one has no start."""
    table: dict[str, float] = {}

    def best_start(measurements, device, **_):
        assert measurements
        if device.name == "ag-filament":
            raise DataError("no recipe")
        return Progress(np.zeros((1, 1)), np.array([table.get(device.name, np.inf)]))

    monkeypatch.setattr(module, "_best_start", best_start)
    return table


def test_models_that_can_are_ordered_by_their_starts(losses):
    losses |= {"diffusive": 3.0, "second-order": 1.0, "threshold-switch": 2.0, "mms": 0.0}
    ticks, heard = {}, {}
    listed = shortlist(SWITCH, count=2, tick=ticks.__setitem__, hear=heard.__setitem__)
    assert listed.models == ("second-order", "threshold-switch")
    assert listed.losses == {"diffusive": 3.0, "second-order": 1.0, "threshold-switch": 2.0}
    assert listed.objections["ag-filament"] == ("it cannot begin: no recipe",)
    assert listed.objections["and-ts"] == ("it has no start that could be solved",)
    assert "it keeps its state" in listed.objections["mms"][0]
    assert set(ticks) == {*listed.losses, "ag-filament", "and-ts"}
    assert list(ticks.values()) == [5, 4, 3, 2, 1]
    assert {n: float(x.cost[0]) for n, x in heard.items()} == listed.losses
    content = listed.to_json()
    assert content["shortlist"] == ["second-order", "threshold-switch"]
    assert content["features"]["text"] == str(listed.features)


def test_starts_are_solved_for_the_first_sweep_to_each_side():
    loops = [threshold_loop(0.6, 0.3, sign=s) for s in (1.0, 1.0, -1.0, 1.0, -1.0)]
    m = first_sweeps(measured_loops(*loops))
    assert m.labels.tolist() == [0, 2]
    assert first_sweeps(m.select(m.sweep == 2)).labels.tolist() == [2]


def test_a_second_choice_comes_after_the_first_ones(losses):
    losses |= {"drift": 1.0, "mms": 5.0, "vteam": 4.0}
    v = np.concatenate([np.linspace(0, 1, 31), np.linspace(0.97, 0, 30)])
    on = np.concatenate([v[:31] > 0.6, np.ones(30, bool)])
    i = np.concatenate([v * np.where(on, 1e-4, 1e-6), -v * np.where(on, 1e-6, 1e-4)])
    m = Measurement(
        v=np.concatenate([v, -v]), i=i, sweep=np.zeros(122, int), at_compliance=np.zeros(122, bool), reader="test"
    )  # fmt: skip
    assert shortlist([m]).models == ("vteam", "mms", "drift")


def test_a_single_candidate_is_compared_with_the_nearest(losses):
    losses |= {"threshold-switch": 1.0}
    listed = shortlist(SWITCH, models=["mms", "threshold-switch"])
    assert listed.models == ("threshold-switch", "mms")
    assert listed.notes == (
        "threshold-switch alone can describe the device; mms is fitted for comparison, though it keeps its state, "
        "which the data forget",
    )


def test_a_parameter_that_is_named_has_to_be_there(losses):
    losses |= {"diffusive": 1.0, "threshold-switch": 2.0}
    listed = shortlist(SWITCH, needed=["v_th", "v_hold"])
    assert listed.models[0] == "threshold-switch"
    assert listed.objections["diffusive"] == ("it has no v_th, v_hold",)
    # Nor is one without it fitted for comparison.
    named = [set(parameter_specs(mj.model(n))) for n in listed.models]
    assert all({"v_th", "v_hold"} <= names for names in named)


def test_what_no_model_can_describe_is_refused_with_the_nearest(losses):
    text = r"no model can describe what the sweeps show: volatile .*; allowed: nearest is mms, but it keeps its state"
    with pytest.raises(DataError, match=text):
        shortlist(SWITCH, models=["mms", "vteam"])
    with pytest.raises(FitError, match=r"no start of .*threshold-switch could be solved"):
        shortlist(SWITCH)


def test_what_shows_nothing_is_refused():
    line = np.linspace(0, 1, 21)
    way = np.concatenate([line, line[-2::-1]])
    resistor = measured_loops((way, way / 1e6))
    with pytest.raises(DataError, match=r"no loop opens .* nothing tells models apart.*--sweeps"):
        shortlist([resistor])
    with pytest.raises(DataError, match="no sweep was measured both ways in 16 rows"):
        shortlist([measured_loops((line, line / 1e6))])


@pytest.mark.slow
@pytest.mark.few(2)
@pytest.mark.parametrize(
    "name", sorted(SWEEPS, key=lambda n: n not in ("diffusive", "drift", "vteam", "and-ts"))
)
def test_no_feature_of_a_model_s_own_loop_excludes_it(name):
    sweep, device = SWEEPS[name], mj.model(name)
    values = mj.presets.load(f"{name}/{sweep.preset}")[1]
    noise = {n: 0.0 for n, spec in parameter_specs(device).items() if spec.noise}
    device = mj.params.replace(device, values | noise | dict(sweep.settings))
    way = 2 * (sweep.peak + (sweep.negative or 0.0))
    stimulus = mj.triangle_sweep(
        sweep.peak, way / sweep.period, negative=sweep.negative, cycles=sweep.cycles
    )
    bench = mj.Bench(compliance=sweep.compliance)
    trace = mj.simulate(device, stimulus, bench=bench, save=sweep.period / 400)
    shown = features(trace.member(0))
    assert shown is not None
    assert shown.switches
    assert objections(shown, Traits.of(device)) == ()
    if not device.volatile:
        assert shown.volatile is not True


@pytest.mark.slow
def test_starts_of_the_true_model_are_nearer_than_those_of_one_that_cannot():
    names = ["threshold-switch", "diffusive-spice"]
    listed = shortlist(SWITCH, models=names, point_time=0.01)
    # One conducts one way alone, and is fitted only since two are compared.
    assert listed.models == ("threshold-switch", "diffusive-spice")
    assert set(listed.losses) == {"threshold-switch"}
    assert np.isfinite(listed.losses["threshold-switch"])
