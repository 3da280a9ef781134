"""Joint fits: information adds, shares are parts of it, contradictions are said."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import fitting as ft
from fitting.joint.fit import JointFit
from fitting.joint.problem import PRECISION
from fitting.verdict import Verdict
from memjax.errors import DataError
from tests.fits import LINE_NAMES, LINE_START, fitted_line


@pytest.mark.slow
def test_files_add_their_information_and_shares_are_parts_of_it():
    fits = [
        fitted_line(("r_on", "r_off"), rows=15, seed=1),
        fitted_line(("r_on", "tau"), rows=30, seed=2, scale=3.0),
    ]
    found = ft.solve(ft.JointProblem(fits, LINE_START))
    assert found.free == ("r_on", "r_off", "tau")
    whole = PRECISION * np.eye(3)
    for fit, at in zip(fits, ([0, 1], [0, 2]), strict=True):
        whole[np.ix_(at, at)] += np.linalg.inv(fit.covariance) - PRECISION * np.eye(2)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(whole), rtol=1e-5)
    # Shares are of the precision: all of what the prior does not hold.
    prior = PRECISION * np.sum(found.covariance**2, axis=0) / np.diag(found.covariance)
    for k, name in enumerate(found.free):
        assert sum(p.shares[name] for p in found.parts) == pytest.approx(1 - prior[k], rel=1e-6)
    assert found.parts[1].shares["r_off"] == pytest.approx(0, abs=0.2)
    assert not any(p.contradicts for p in found.parts)
    assert not found.warnings
    assert all(abs(z) < 4 for z in found.z_scores({"r_on": 700.0, "tau": 3e-4}).values())


@pytest.mark.integration
def test_intervals_rest_on_the_degrees_of_freedom_of_the_files():
    names = ("r_on", "tau")
    fits = [fitted_line(names, rows=40, seed=k) for k in range(2)]
    assert ft.solve(ft.JointProblem(fits, LINE_START)).freedom == np.inf
    found = ft.solve(ft.JointProblem([replace(f, freedom=5.0) for f in fits], LINE_START))
    # Two files of about the same share know as much as one of twice the degrees of freedom; one alone, its own.
    shares = [p.shares[n] for p in found.parts for n in names]
    assert 5 / max(shares) ** 2 > found.freedom > 5
    narrow, wide = (
        f.intervals()["tau"] for f in (ft.solve(ft.JointProblem(fits, LINE_START)), found)
    )
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_a_file_of_another_device_is_said_to_contradict():
    names = ("r_on", "r_off", "tau")
    fits = [fitted_line(names, rows=30, seed=k, off=0.3 * (k == 2)) for k in range(3)]
    found = ft.solve(ft.JointProblem(fits, LINE_START, labels=["a", "b", "c"]))
    assert min(found.parts, key=lambda p: p.p).label == "c"
    assert any(w.startswith("c contradicts the other files") for w in found.warnings)


def test_fewer_than_two_fits_are_refused():
    fit = fitted_line(LINE_NAMES, rows=9, seed=0)
    with pytest.raises(DataError, match="two or more"):
        ft.solve(ft.JointProblem([fit], LINE_START))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("good", "poor", "usable"), "poor (b: b)"),
        (("usable", "good", "usable"), "usable (a: a; c: c)"),
        ((None, "good", None), "good (b: b)"),
        ((None, None, None), "None"),
    ],
)
def test_the_worst_file_decides_on_a_joint_fit_and_is_named(words, expected):
    labels = ("a", "b", "c")
    own = [w and Verdict(word=w, reason=n) for w, n in zip(words, labels, strict=True)]
    parts = [
        SimpleNamespace(label=n, fit=SimpleNamespace(verdict=v))
        for n, v in zip(labels, own, strict=True)
    ]
    assert str(JointFit.verdict.fget(SimpleNamespace(parts=parts))) == expected
