"""Sweeps of a current are known as such, and it is said why."""

import json
import re

import numpy as np
import pytest

from memjax.cli import main
from memjax.data import read
from memjax.data.base import Table
from memjax.data.drive import Drive, find_drive

N = 60
I = 1e-5 * np.concatenate([np.arange(N // 2), np.arange(N // 2, 0, -1)])
V = 3 * np.tanh(I / 1e-4) - 2e3 * I * (I > 2e-4)


def drive(v, i, names=("v", "i"), **about):
    table = Table(names=names, columns=(v, i), lines=[], **about)
    return find_drive(v, i, table, dict(zip(("v", "i"), names)))


@pytest.mark.parametrize(
    ("names", "about", "reason"),
    [
        (("v", "i"), {"driven": "current", "driven_reason": "VAR1"}, "VAR1"),
        (("V_meas", "Source Current (A)"), {}, "'Source Current.*' is that of a source"),
        (("v", "i"), {"settings": {"Source": "Current"}}, "the file says 'Source: Current'"),
        (("v", "i"), {}, "even steps"),
    ],
)
def test_a_current_is_driven_where_format_names_settings_or_steps_say_so(names, about, reason):
    found = drive(V, I, names, **about)
    assert found.quantity == "current"
    assert re.search(reason, found.reason)
    assert found.warnings == (f"taken as driven by the current: {found.reason}",)


@pytest.mark.parametrize("settings", [{}, {"Source": "Current", "Function": "Voltage Sweep"}])
def test_a_voltage_sweep_stays_one(settings):
    v = np.linspace(0, 1, N)
    assert drive(v, np.sinh(5 * v), settings=settings) == Drive()
    # A resistor gives even steps of both, whatever was driven.
    assert drive(v, 1e-3 * v) == Drive()
    # At the current limit the current stands still and the voltage goes on.
    assert drive(v, np.minimum(np.sinh(5 * v), 2.0)) == Drive()


@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_readings_of_the_current_may_scatter_a_little(noise):
    scatter = noise * 1e-5 * np.random.default_rng(0).normal(size=N)
    assert drive(V, I + scatter).quantity == "current"
    rough = 0.1 * 1e-5 * np.random.default_rng(0).normal(size=N)
    assert drive(V, I + rough) == Drive()


def test_the_summary_says_that_it_is_driven_and_why(tmp_path, capsys):
    path = tmp_path / "iv.csv"
    np.savetxt(path, np.column_stack([V, I]), delimiter=",", header="v_V,i_A", comments="")
    assert main(["read", str(path)]) == 0
    assert "driven      current (the current goes in even steps" in capsys.readouterr().out
    assert main(["read", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["driven_reason"].startswith("the current goes")
    assert read(path).driven == "current"
