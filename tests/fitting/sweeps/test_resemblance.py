"""Laws that learned functions resemble, of shapes whose law is known."""

import numpy as np
import pytest

from fitting.sweeps.resemblance import Shape, _of_side, conduction_laws, in_words, rate_laws

V = np.geomspace(0.1, 1.0, 60)
SLOPE_ERROR = 0.05
"""Standard deviation of the slopes of the draws, as shares of the argument's range."""


def _drawn(logs):
    """A curve and 500 draws about it: each is turned and raised a little."""
    rng = np.random.default_rng(0)
    tilt, level = SLOPE_ERROR * rng.normal(size=(2, 500, 1))
    return np.concatenate([logs[None], logs + level + tilt * np.log(V)])


@pytest.mark.parametrize(
    ("logs", "first"),
    [
        (np.log(1e-4 * V), "ohmic conduction (exponent 1, 0."),
        (np.log(1e-4 * V**2), "space-charge-limited current (exponent 2, 1."),
        (np.log(1e-4 * V**4), "space-charge-limited current with traps (exponent 4, "),
        (-12 + 8 * np.sqrt(V), "Schottky emission (ln I rises by 8, "),
        (np.log(V) - 12 + 8 * np.sqrt(V), "Poole-Frenkel emission (ln(I/V) rises by 8, "),
        (-12 + 10 * V, "an exponential (ln I rises by 10, "),
    ],
)
def test_a_current_is_named_by_the_law_that_made_it(logs, first):
    laws = conduction_laws(V, _drawn(logs))
    assert laws[0].startswith(first)
    assert len(laws) == 1


def test_laws_that_are_not_told_apart_are_named_together_unless_they_are_too_many():
    """Over a factor of less than 3 the line of the other argument leaves 0.008 of a slope of 1 per sqrt(V)."""
    short = V > 0.35
    two = conduction_laws(V[short], _drawn(-12 + 2.5 * np.sqrt(V))[:, short])
    assert [x.partition(" (")[0] for x in two] == ["Schottky emission", "an exponential"]
    assert conduction_laws(V[short], _drawn(-12 + 1.5 * np.sqrt(V))[:, short]) == ()
    # Nor is there a law of a range in which all are alike.
    assert conduction_laws(V[V > 0.5], _drawn(8 * np.sqrt(V))[:, V > 0.5]) == ()


def test_the_widest_range_that_a_law_holds_in_is_looked_for():
    """Ohmic up to 0.4 V, and beyond an exponential that no law of the whole describes."""
    curve = np.where(V < 0.4, np.log(V), np.log(0.4) + 12 * (V - 0.4))
    curves = {"off": _drawn(curve - np.log(V)), "gain": np.full((501, V.size), -30.0)}
    curves |= {"set": _drawn(-8 + 14 * V), "reset": _drawn(4 - 14 * V)}
    shapes = {s.what: s for s in _of_side(curves, V, -1.0)}
    off = shapes["the current when off"]
    assert off.laws[0].startswith("an exponential (ln I rises by 12,") or off.laws[0].startswith(
        "ohmic"
    )
    assert off.high - off.low < 0.75
    # Set prevails from 12 V / 28 on, and reset falls with the voltage.
    assert shapes["the rate of set"].high == pytest.approx(-12 / 28, abs=0.02)
    assert "the rate of reset" not in shapes


def test_a_current_that_no_law_describes_resembles_none():
    assert conduction_laws(V, _drawn(2 * np.sin(5 * np.log(V)))) == ()
    # One that falls with the voltage has no exponent of a law.
    assert conduction_laws(V, _drawn(np.log(1e-4 / V**2))) == ()


def test_the_band_of_a_slope_is_that_of_its_draws():
    (text,) = conduction_laws(V, _drawn(np.log(V**2)))
    low, high = (float(x) for x in text.partition(", ")[2].rstrip(")").split(" to "))
    # Nine tenths of a normal within 1.645 standard deviations; two digits are shown.
    assert low == pytest.approx(2 - 1.645 * SLOPE_ERROR, abs=0.05)
    assert high == pytest.approx(2 + 1.645 * SLOPE_ERROR, abs=0.1)


def test_a_rate_that_rises_exponentially_is_activated_by_the_voltage():
    (text,) = rate_laws(V, _drawn(-8 + 14 * V))
    assert text.startswith("activation by the voltage (ln of it rises by 14, ")
    assert rate_laws(V, _drawn(8 - 14 * V)) == ()
    assert rate_laws(V, _drawn(-8 + V)) == ()
    assert rate_laws(V, _drawn(-8 + 10 * np.sin(9 * V))) == ()


def test_the_sentence_says_that_it_is_a_hint():
    shape = Shape(what="the current when on", low=-1.0, high=-0.1, laws=("a law", "another"))
    text = in_words([shape])
    assert text == (
        "the learned shapes resemble, as a hint and no proof: the current when on from -1 to -0.1 V a law or another"
    )
    assert in_words([]) == ""
