"""Measured and simulated spike trains against each other."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fitting import command
from fitting.circuits.spikes import SpikeCalibration, compare_trains
from fitting.config import Request
from fitting.progress import Session

pytestmark = pytest.mark.integration


def test_trains_of_one_law_are_alike_and_others_are_told_apart():
    rng = np.random.default_rng(0)
    make = lambda scale: [np.cumsum(rng.gamma(4, scale / 4, 20)) for _ in range(40)]  # noqa: E731
    one, same, slower = make(1.0), make(1.0), make(1.2)
    alike, apart = (compare_trains(one, x, window=(0.0, 100.0), seed=0) for x in (same, slower))
    assert alike["energy_p"] > 1e-3
    assert max(map(abs, alike["isi"]["z"].values())) < 4
    assert apart["energy_p"] < 0.01
    assert apart["isi"]["z"]["mean"] > 4
    assert apart["isi"]["w1"] > 2 * apart["isi"]["floor"]
    few = compare_trains(one[:1], same, window=(0.0, 100.0), seed=0)
    assert few["energy_p"] is None
    assert few["isi"]["z"]["mean"] is None


@pytest.mark.wrong_types
def test_a_calibration_has_all_that_a_command_asks_of_a_fit(monkeypatch, capsys):
    """It is no `AbstractFit`, of which it would inherit that."""
    names = ("fit", "trains", "simulated", "dt", "save", "members", "seed", "steps", "comparison")
    empty: Any = dict.fromkeys(names)
    made = SpikeCalibration(**empty, warnings=("a warning",), window=(0, 1), notes=("a note",))
    monkeypatch.setattr(command, "start_of", lambda options: None)
    monkeypatch.setattr(command, "new_folder", lambda options: "out")
    monkeypatch.setattr(command, "write_fit", lambda fit, request, out, session: {})
    kind: Any = SimpleNamespace(
        fit=lambda config, device, session: made, config=lambda request: None
    )
    assert command.run(kind, Request({}), Session()) == 0
    assert capsys.readouterr().err == "memjax: note: a note\nmemjax: warning: a warning\n"
