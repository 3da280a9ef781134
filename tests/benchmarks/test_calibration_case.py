"""What the study of presets counts."""

import numpy as np
import pytest

from benchmarks.cases.calibration.presets import Covered


def _covered() -> Covered:
    """Four devices: a is known, b never, c of the first device alone, d by one fit that is wrong about it."""
    yes, no = np.ones(4, bool), np.zeros(4, bool)
    first = np.array([True, False, False, False])
    return Covered(
        model="mms",
        names=("a", "b", "c", "d"),
        inside=np.stack([~first, yes, yes, yes], axis=1),
        determined=np.stack([yes, no, first, first], axis=1),
        identifiable=np.stack([yes, no, first, no], axis=1),
        score=np.full((4, 4), 2.0),
        excess=np.array([-3.0, 3.0, 5.0, -900.0]),
        seconds=np.ones(4),
        failed=1,
    )


def test_coverage_is_that_of_fits_that_call_a_parameter_determined():
    a, b, c, _ = _covered().table()
    assert (a["coverage"], a["coverage_of_all"], a["rms_score"]) == (0.75, 0.75, 2.0)
    assert (b["coverage"], b["determined"], b["coverage_of_all"]) == (None, 0.0, 1.0)
    assert (c["coverage"], c["identifiable"]) == (1.0, 0.25)


def test_a_parameter_has_to_be_covered_or_named_and_some_are_neither():
    found = _covered()
    assert [r["name"] for r in found.identifiable_rows()] == ["a"]
    hidden = {r["name"]: r["determined"] for r in found.hidden_rows()}
    assert hidden == {"b": 0.0, "d": pytest.approx(0.25)}


def test_a_fit_is_beside_the_optimum_where_the_truth_describes_the_data_better():
    assert _covered().missed == 1
