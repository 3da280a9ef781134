"""Ends of profiles between multiples of a first move."""

import numpy as np
import pytest

from fitting.inference.brackets import CLOSE, LOST, Brackets


def ends_of(root_at, rounds=12, farthest=50.0):
    """The end of one lane whose root of the rise is a function of the multiple and of the last that was followed."""
    brackets, followed, x = Brackets(np.array([farthest])), 0.0, []
    for _ in range(rounds):
        (tried,) = brackets.x
        x.append(tried)
        reached = brackets.narrow(np.array([root_at(tried, followed) ** 2]), np.ones(1, bool))
        followed = tried if reached.follows[0] else followed
        if brackets.done[0]:
            break
    (end,), (is_open,) = brackets.ends()
    return end, is_open, x


def test_a_straight_root_ends_after_its_chord():
    end, is_open, x = ends_of(lambda x, _: x / 3)
    assert end == pytest.approx(3.0, rel=CLOSE)
    assert not is_open
    assert len(x) == 2


def test_what_is_lost_beyond_a_short_step_is_followed_step_by_step():
    end, _, x = ends_of(lambda x, last: x / 2 if x - last < 0.6 else 2 * LOST)
    assert end == pytest.approx(2.0, rel=CLOSE)
    assert x[:2] == [1.0, 0.5]


def test_a_wall_is_an_end():
    end, is_open, _ = ends_of(lambda x, _: 0.1 if x < 0.7 else np.nan, rounds=20)
    assert end == pytest.approx(0.7, rel=2 * CLOSE)
    assert not is_open


def test_a_flat_root_is_open():
    assert ends_of(lambda x, _: 1e-3)[1]


def test_where_no_round_is_left_the_interval_is_too_long_rather_than_too_short():
    end, is_open, _ = ends_of(lambda x, _: 0.1 if x < 0.7 else np.nan, rounds=3)
    assert end >= 0.7
    assert not is_open
