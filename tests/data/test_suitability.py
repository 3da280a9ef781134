"""Which models can describe what sweeps show, and why others cannot."""

from dataclasses import replace

import pytest

import memjax as mj
from memjax.cli.model_table import traits
from memjax.data import Features, Traits, objections, reservations, suitable

VOLATILE = Features(
    driven="voltage", volatile=True, sets_at=(1, -1), resets_at=(), rests_at=(), carries=False, abrupt=True,
    opening=3.0, share=0.0, jump=0.9, rectification=None, sweeps=4, reason="made up",
)  # fmt: skip
BIPOLAR = replace(VOLATILE, volatile=False, sets_at=(1,), resets_at=(-1,), share=1.0)
ONE_SIDED = replace(VOLATILE, sets_at=(1,), rests_at=(-1,))
KEEPING = Traits(volatile=False, sets_at=(1,), resets_at=(-1,), rectifies=False)
SWITCH = Traits(volatile=True, sets_at=(1, -1), rectifies=False)
DRIFT = Traits(volatile=True, sets_at=(1,), resets_at=(-1,), rectifies=False)


def test_memory_decides():
    assert objections(VOLATILE, KEEPING) == ("it keeps its state, which the data forget",)
    assert objections(VOLATILE, SWITCH) == ()
    assert objections(BIPOLAR, KEEPING) == ()
    assert objections(BIPOLAR, SWITCH) == ("it relaxes alone, the data reset",)
    assert objections(replace(BIPOLAR, volatile=None), KEEPING) == ()
    assert objections(replace(VOLATILE, volatile=None), SWITCH) == ()


def test_a_model_that_forgets_slowly_is_the_second_choice_unless_states_are_carried():
    assert objections(BIPOLAR, DRIFT) == ()
    (text,) = reservations(BIPOLAR, DRIFT)
    assert text == "it forgets its state in time, which the data keep over a sweep"
    (text,) = objections(replace(BIPOLAR, carries=True), DRIFT)
    assert text == "it begins each sweep at rest, the data where the sweep before ended"
    assert reservations(BIPOLAR, KEEPING) == ()


def test_polarity_decides():
    one = replace(SWITCH, sets_at=(1,))
    (text,) = objections(VOLATILE, one)
    assert text == "it sets at positive voltage, the device at either"
    assert objections(ONE_SIDED, one) == ()
    (text,) = objections(ONE_SIDED, one, reversed=True)
    assert text == "it sets at positive voltage, the device at negative"
    (text,) = objections(ONE_SIDED, SWITCH)
    assert text == "it sets at either voltage alike, the device at positive alone"
    assert objections(ONE_SIDED, replace(SWITCH, has_sides=True)) == ()


@pytest.mark.parametrize(
    ("sets_at", "resets_at", "text"),
    [((1,), (1,), "does both at one"), ((1, -1), (-1,), "does both"), ((), (1, -1), "does not")],
)
def test_what_sets_and_resets_otherwise_than_at_opposite_polarities_is_none_of_a_bipolar_model(
    sets_at, resets_at, text
):
    features = replace(BIPOLAR, sets_at=sets_at, resets_at=resets_at)
    (reason,) = objections(features, KEEPING)
    assert text in reason


def test_a_model_that_keeps_its_state_may_stand_reversed():
    assert objections(BIPOLAR, replace(KEEPING, sets_at=(-1,), resets_at=(1,))) == ()


def test_rectification_is_a_reservation_and_no_current_an_objection():
    features = replace(BIPOLAR, rectification=-1.2)
    (text,) = reservations(features, KEEPING)
    assert text == "it conducts alike at both polarities, the data 1.2 decades apart"
    assert reservations(features, replace(KEEPING, rectifies=True)) == ()
    (text,) = objections(features, replace(KEEPING, is_one_way=True))
    assert text.startswith("it conducts at positive voltage alone")


def test_a_model_that_declares_nothing_is_judged_by_its_memory_alone():
    assert objections(BIPOLAR, Traits(volatile=True)) == ()
    assert objections(ONE_SIDED, Traits(volatile=False)) == ("it keeps its state, which the data forget",)  # fmt: skip


def test_the_nearest_has_the_memory_of_the_device():
    features = replace(BIPOLAR, resets_at=(1, -1))
    judged = suitable(features, {"switch": SWITCH, "keeping": KEEPING})
    assert judged.models == ()
    assert judged.nearest == ("keeping", "switch")
    assert set(judged.to_json()) == {"models", "nearest", "reservations", "objections"}


def test_every_model_of_the_library_says_where_it_sets_and_resets():
    table = traits()
    assert table == {n: Traits.of(mj.device_class(n)) for n in mj.device_names() if n in table}
    assert len(table) >= 18
    for name, own in table.items():
        assert own.sets_at, name
        assert own.rectifies is not None, name
        # What keeps its state has to be reset by something.
        assert own.volatile or own.resets_at == tuple(-s for s in own.sets_at), name


def test_bipolar_data_are_of_models_that_keep_their_state_first():
    judged = suitable(BIPOLAR, traits())
    first = [n for n in judged.models if n not in judged.reservations]
    assert first == [n for n, own in traits().items() if not own.volatile]
    assert set(judged.reservations) == {"langevin", "langevin-chain", "drift", "event-switches"}
    assert {"diffusive", "threshold-switch"} <= set(judged.objections)
