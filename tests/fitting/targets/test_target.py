"""Wanted numbers as text and as objects."""

import pytest

from fitting.targets.target import UNITS, Target
from memjax.errors import DataError


def test_a_target_is_read_from_text():
    assert Target.parse("v_th=1.0:0.02") == Target("v_th", 1.0, 0.02)
    assert Target.parse("delay@-0.8=1e-3") == Target("delay", 1e-3, voltage=-0.8)
    assert Target.parse("delay@0.8=1e-3").label == "delay@0.8"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v_thh=1", "unknown observable"),
        ("v_th", "NAME=VALUE"),
        ("v_th=one", "NAME=VALUE"),
        ("v_th=-1", "numbers above 0"),
        ("v_th=nan", "numbers above 0"),
        ("v_th=1:0", "numbers above 0"),
        ("v_th=1:2:3", "NAME=VALUE"),
        ("delay=1e-3", "no voltage"),
        ("v_th@1=1", "means nothing"),
    ],
)
def test_a_target_that_is_none_is_refused_in_one_line(text, message):
    with pytest.raises(DataError, match=message) as error:
        Target.parse(text)
    assert "\n" not in str(error.value)


def test_tolerances_are_in_the_unit_but_of_a_ratio_a_share():
    assert Target("v_th", 0.5, 0.01).share == 0.02
    assert Target("on_off", 1e6, 0.1).share == 0.1
    assert {
        Target(n, 2.0, voltage=1.0 if n in ("delay", "relaxation") else None).share for n in UNITS
    } == {0.02}
    wanted = Target("v_th", 0.5, 0.01)
    assert wanted.meets(0.509)
    assert not wanted.meets(0.511)
    assert not wanted.meets(float("nan"))
