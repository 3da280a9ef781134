"""Units as laboratories write them."""

import pytest

from memjax.core.units import parse_factor, parse_unit, spelled
from memjax.errors import UnitError


@pytest.mark.parametrize(
    ("text", "factor", "si"),
    [
        ("mV", 1e-3, "V"),
        ("uA", 1e-6, "A"),
        ("\u00b5A", 1e-6, "A"),
        ("\u03bcA", 1e-6, "A"),
        ("kOhm", 1e3, "\u03a9"),
        ("k\u2126", 1e3, "Ohm"),
        ("MOhms", 1e6, "V/A"),
        ("ms", 1e-3, "second"),
        ("min", 60.0, "s"),
        ("A/cm^2", 1e4, "A/m^2"),
        ("A cm-2", 1e4, "A m^-2"),
        ("cm²", 1e-4, "m^2"),
        ("m^2/(V s)", 1.0, "m^2 V^-1 s^-1"),
        ("A/V/s", 1.0, "S/s"),
        ("1/ms", 1e3, "Hz"),
        ("J/K", 1.0, "kg m^2 s^-2 K^-1"),
        ("eV", 1.602176634e-19, "C V"),
        ("mS", 1e-3, "A/V"),
        ("%", 0.01, "1"),
        ("S V^-1.5", 1.0, "S/V^1.5"),
    ],
)
def test_unit_has_the_factor_and_the_dimension(text, factor, si):
    assert parse_factor(text, like=si) == pytest.approx(factor, rel=1e-15)


def test_prefix_is_exact():
    assert (parse_factor("uA"), parse_factor("mV"), parse_factor("fF")) == (1e-6, 1e-3, 1e-15)


@pytest.mark.parametrize(
    "text", ["", "  ", "xyz", "10", "m/", "(V", "V)", "V^", "A//s", "a.u.", "m%"]
)
def test_nonsense_is_an_error(text):
    with pytest.raises(UnitError, match="is no unit"):
        parse_unit(text)


def test_wrong_dimension_is_an_error():
    with pytest.raises(UnitError, match="'mV' does not measure what 'A' does"):
        parse_factor("mV", like="A")


@pytest.mark.parametrize(
    ("text", "like", "spelling"),
    [
        ("S", "s", "s"),
        ("s", "S", "S"),
        ("S", "S", "S"),
        ("MS", "s", "ms"),
        ("MIN", "s", "min"),
        ("UA", "A", "uA"),
        ("ma", "A", "mA"),
        ("MA", "A", "mA"),  # no device carries a million amperes
        ("KOHM", "ohm", "kohm"),
        ("MOHM", "ohm", "MOHM"),  # either
        ("MΩ", "ohm", "MΩ"),
        ("K", "s", "K"),
        ("kA", "V", "kA"),
    ],
)
def test_a_unit_in_other_capitals_is_spelled_by_rule_where_it_measures_what_is_meant(
    text, like, spelling
):
    assert spelled(text, like) == spelling
