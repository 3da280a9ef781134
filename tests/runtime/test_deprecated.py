"""Keywords of the last version are taken, with a warning that says what to write."""

import inspect
from dataclasses import dataclass

import pytest

from memjax.errors import BoundsError
from memjax.runtime.deprecated import forward_attributes, forward_keywords

# Where annotations are checked each function stands in another one, which a warning then names.
pytestmark = pytest.mark.wrong_types


@dataclass(frozen=True)
class Place:
    x: float = 0.0
    y: float = 0.0


@forward_keywords(names={"old": "new"}, groups={"place": Place})
def arguments(*, new: int = 0, place: Place | None = None):
    return new, place


@forward_attributes({"height": "place.y", "whole": ""})
@dataclass(frozen=True)
class Thing:
    place: Place


def test_attributes_of_the_last_version_are_there_and_warn():
    thing = Thing(Place(1.0, 2.0))
    with pytest.warns(DeprecationWarning, match=r"height of Thing goes: say Thing\.place\.y"):
        assert thing.height == 2.0
    with pytest.warns(
        DeprecationWarning, match="whole of Thing goes: say the Thing itself"
    ) as caught:
        assert thing.whole is thing
    assert [w.filename for w in caught] == [__file__]


def test_keywords_of_a_group_and_old_names_arrive_and_warn():
    with pytest.warns(
        DeprecationWarning, match=r"y= of arguments goes: say place=Place\(y=\.\.\.\)"
    ):
        assert arguments(y=2.0) == (0, Place(0.0, 2.0))
    with pytest.warns(DeprecationWarning, match="old= of arguments goes: say new="):
        assert arguments(old=3) == (3, None)
    assert arguments(new=1, place=Place(1.0)) == (1, Place(1.0))


def test_a_keyword_is_put_into_the_group_that_is_there():
    with pytest.warns(DeprecationWarning, match="x= of arguments") as caught:
        assert arguments(x=1.0, place=Place(5.0, 7.0)) == (0, Place(1.0, 7.0))
    assert [w.filename for w in caught] == [__file__]


@dataclass(frozen=True)
class Whole:
    x: float
    y: float


class House:
    @forward_keywords(groups={"whole": Whole})
    def __init__(self, *, whole: Whole):
        self.whole = whole


def test_keywords_of_a_group_that_has_no_defaults_arrive_together_at_the_class_they_are_of():
    with pytest.warns(
        DeprecationWarning, match=r"x=, y= of House goes: say whole=Whole\(x=\.\.\., y="
    ):
        assert House(x=1.0, y=2.0).whole == Whole(1.0, 2.0)


def test_unknown_keywords_and_other_objects_are_refused():
    with pytest.raises(TypeError, match="nothing"):
        arguments(nothing=1)
    with pytest.raises(BoundsError, match=r"place = 'there'; in arguments; allowed: Place"):
        arguments(place="there")


def test_the_signature_is_the_new_one():
    assert list(inspect.signature(arguments).parameters) == ["new", "place"]
