"""What the commands of all kinds of data do alike."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fitting.command import calibrated, start_of
from fitting.progress import Stages
from fitting.result import AbstractFit
from memjax.errors import BoundsError, DataError


def test_piped_progress_is_a_line_for_each_stage(capsys):
    with Stages(["search", "refine"], notes=["of the data"]) as bar:
        for stage, cost in (("search", 3.0), ("search", 2.0), ("refine", 1.0), ("spread", 0.5)):
            bar(stage, SimpleNamespace(iterations=1, cost=np.array([cost])))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["memjax: note: of the data", "memjax: progress: stage 1 of 2: search"]
    assert lines[2].startswith("memjax: progress: stage 2 of 2: refine (iteration 1, loss 1, ")
    assert lines[3].startswith("memjax: progress: spread (iteration 1, loss 0.5, ")
    assert len(lines) == 4


def test_each_iteration_is_a_line_for_a_program_that_wants_it(capsys, monkeypatch):
    monkeypatch.setenv("MEMJAX_PROGRESS", "iterations")
    with Stages(["search"]) as bar:
        for n, cost in enumerate((3.0, 2.0, 1.5)):
            bar("search", SimpleNamespace(iterations=n, cost=np.array([cost])))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "memjax: progress: stage 1 of 1: search"
    assert lines[1].startswith("memjax: progress: search: iteration 1, loss 2, ")
    assert lines[2].startswith("memjax: progress: search: iteration 2, loss 1.5, ")
    assert len(lines) == 3


@pytest.mark.wrong_types
def test_a_start_is_checked_and_left_to_the_problem():
    """A device that begins there would not know where a fit without a start begins."""

    def device(**start):
        nothing = {"preset": None, "model_values": (), "bounds": ()}
        return start_of(SimpleNamespace(model="mms", start=start.items(), **nothing))

    assert device(tau=0.3).tau == device().tau
    with pytest.raises(BoundsError, match="tau = 10000"):
        device(tau=1e4)


def test_a_stage_waits_until_what_was_given_is_checked(capsys):
    """Wrong input is answered by one line alone."""

    def refused():
        with Stages(checked=False) as bar:
            bar.describe("grid")
            raise DataError("wrong")

    with pytest.raises(DataError, match="wrong"):
        refused()
    assert capsys.readouterr().err == ""
    with Stages(checked=False) as bar:
        bar.describe("grid")
    assert capsys.readouterr().err == "memjax: progress: grid\n"


@dataclass(frozen=True)
class _Fit(AbstractFit):
    """A fit with nothing but what a further stage changes."""

    notes: tuple[str, ...] = ("a note",)
    failure: str = ""
    model: str = "mms"
    problem: Any = None
    z: np.ndarray = field(default_factory=lambda: np.zeros(0))
    loss: float = 0.0
    search: Any = None


@pytest.mark.integration
@pytest.mark.wrong_types
@pytest.mark.parametrize(
    "error",
    [BoundsError("mu = [1 2 3]"), np.linalg.LinAlgError("Singular matrix"), RuntimeError("bug")],
    ids=repr,
)
def test_a_stage_that_fails_leaves_the_fit_before_it(error):
    def fails():
        raise error

    fit = calibrated(_Fit(), fails)
    assert fit.failure.startswith("no randomness was calibrated: ")
    assert str(error) in fit.failure
    assert fit.notes == ("a note", fit.failure)
    assert calibrated(_Fit(), lambda: fit) is fit


@pytest.mark.wrong_types
def test_wrong_input_of_a_stage_is_no_failure():
    def refuses():
        raise DataError("nothing that may differ")

    with pytest.raises(DataError, match="nothing that may differ"):
        calibrated(_Fit(), refuses)
