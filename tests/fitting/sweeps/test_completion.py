"""What follows the search of a fit, by stand-ins: lower optima, those that are not excluded, notes, an interrupt."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps import completion
from fitting.sweeps.far_optima import FarOptimum

pytestmark = pytest.mark.wrong_types  # of a fit they have what is asked of it


@dataclass(frozen=True)
class Fit:
    """A fit of two parameters."""

    z: np.ndarray = field(default_factory=lambda: np.array([1.0, 2.0]))
    loss: float = 1.0
    notes: tuple = ()
    profiles: tuple = ()
    interrupted: bool = False
    search: Any = None
    free: tuple = ("r_on", "tau")
    problem: Any = None
    verdict: Any = field(default_factory=lambda: SimpleNamespace(word="poor"))
    suggestion: Any = None
    waves: tuple = ()

    @property
    def values(self):
        return self.values_at(self.z)

    def values_at(self, z):
        return dict(zip(self.free, np.exp(z).tolist(), strict=True))

    def at_optimum(self, z):
        return replace(self, z=z, loss=0.5, notes=(*self.notes, "moved"))


def fit(*, switches=False, backend="cc 14"):
    group = SimpleNamespace(event_weight=np.full((1, 1, 3), float(switches)))
    problem = SimpleNamespace(group=group, backend=backend, device=mj.Vteam())
    return Fit(problem=problem)


@pytest.fixture
def stages(monkeypatch):
    """Stand-ins of the stages: what they find in turn, and what they were asked."""
    about = SimpleNamespace(
        far=[[]], lower=[], curved=(), asked=[], profiled=[], sampled=None, misses=[], counts=False
    )

    def far_optima(result, *, least, tick):
        about.asked.append(least)
        return about.far.pop(0) if about.far else []

    def profiles(result, *, names, beyond, tick):
        about.profiled.append((names, [n for n, _ in beyond]))
        return [f"profile of {n}" for n in names]

    def misses(result, *, granted=0.0):
        return about.misses.pop(0) > granted

    monkeypatch.setattr(completion, "suggest", lambda result, tick: (None, None))
    monkeypatch.setattr(completion, "far_optima", far_optima)
    monkeypatch.setattr(completion, "curved", lambda result, follow: about.curved)
    monkeypatch.setattr(completion, "profiles", profiles)
    monkeypatch.setattr(
        completion, "lower_nearby", lambda result, tick: about.lower.pop() if about.lower else None
    )
    monkeypatch.setattr(completion, "counts_by_sampling", lambda problem, waves: about.counts)
    monkeypatch.setattr(completion, "_by_sampling", lambda result: about.sampled)
    monkeypatch.setattr(completion, "_misses", misses)
    return about


def test_a_fit_of_one_optimum_that_is_linear_stays_as_it_is(stages):
    assert completion.completed(fit(), None).notes == ()
    assert stages.profiled == []
    assert stages.asked == [0.0]


def test_no_backend_decides_how_far_is_looked(stages):
    completion.completed(fit(backend="xla (no compiler)"), None)
    assert stages.asked == [0.0]


def test_a_lower_optimum_far_off_becomes_the_fit_and_is_looked_around_again(stages):
    stages.far = [[FarOptimum(np.zeros(2), 0.5, True, ("r_on",))], []]
    done = completion.completed(fit(), None)
    np.testing.assert_array_equal(done.z, 0.0)
    assert done.notes == ("moved",)
    assert len(stages.asked) == 2


def test_an_optimum_that_is_not_excluded_is_named_with_its_loss_and_has_a_profile_that_reaches_there(
    stages,
):
    stages.far = [[FarOptimum(np.array([-3.0, 2.0]), 1.05, False, ("r_on",))]]
    stages.curved = ("tau",)
    done = completion.completed(fit(), None)
    assert done.notes == (
        "another optimum has a loss 5.0% above: r_on 0.0498 in place of 2.72, tau 7.39 in place of 7.39",
    )
    assert stages.profiled == [(("r_on", "tau"), ["r_on"])]
    assert done.profiles == ("profile of r_on", "profile of tau")


def test_where_a_current_switches_only_what_is_loose_is_looked_at_and_a_note_names_what_is_not_linear(
    stages,
):
    stages.curved = ("tau",)
    done = completion.completed(fit(switches=True), None)
    assert stages.asked == [completion.LOOSE]
    assert stages.profiled == []
    assert done.notes[0].startswith("tau: intervals to first order are not")
    stages.counts = True  # the data are described to their noise: what is not linear has a profile
    done = completion.completed(fit(switches=True), None)
    assert stages.profiled == [(("tau",), [])]
    assert done.notes == ()


def test_where_a_current_switches_and_first_order_does_not_hold_a_lower_optimum_nearby_is_the_fit(
    stages,
):
    stages.lower = [np.array([3.0, 4.0])]
    assert completion.completed(fit(switches=True), None).notes == ()
    stages.curved = ("tau",)
    done = completion.completed(fit(switches=True), None)
    assert done.z.tolist() == [3.0, 4.0]
    assert "moved" in done.notes


def test_events_count_by_their_sampling_where_the_data_are_described_so_near_by(stages):
    """It is looked near by though nothing is curved; the fit stays as it was where none describes the data so."""
    stages.sampled, stages.misses = replace(fit(switches=True), loss=0.9), [0.0]
    stages.lower = [np.array([3.0, 4.0])]
    done = completion.completed(fit(switches=True), None)
    assert done.z.tolist() == [3.0, 4.0]
    assert done.loss == 0.5
    stages.misses, stages.lower = [2.0, 2.0], []
    assert completion.completed(fit(switches=True), None).loss == 1.0
    # Nothing near with such weights, then a lower optimum near the fit as it was, from which they do.
    stages.misses, stages.lower = [2.0, 0.0], [np.array([3.0, 4.0]), None]
    assert completion.completed(fit(switches=True), None).loss == 0.9
    # A misfit that the scatter hides in its own size is searched once more, and granted.
    stages.misses, stages.lower = [0.5, 0.5], []
    assert completion.completed(fit(switches=True), None).loss == 0.9


def test_an_interrupt_leaves_the_fit_as_far_as_it_came(stages, monkeypatch):
    def stop(result, *, least, tick):
        raise KeyboardInterrupt

    monkeypatch.setattr(completion, "far_optima", stop)
    done = completion.completed(fit(), None)
    assert done.interrupted
    assert done.profiles == ()


def test_what_follows_the_search_of_learned_functions_are_words_alone(monkeypatch):
    learned = fit()
    learned.problem.device = mj.HybridDevice()
    for sentence in ("", "the learned shapes resemble a law"):
        monkeypatch.setattr(completion, "resemblance_of", lambda _, sentence=sentence: sentence)
        done = completion.completed(learned, None)
        assert done == replace(learned, notes=(sentence,) * bool(sentence))
