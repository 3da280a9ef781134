"""What memjax leaves is what the stored files hold: ``pytest -m study tests/golden``."""

import json

import pytest

import memjax as mj
from memjax.errors import ModelError
from tests.golden.cases import CASES
from tests.golden.comparison import RELATIVE, SHARE, differences
from tests.golden.run import FILES, produce, stored
from tests.golden.summary import summary_of_text

pytestmark = pytest.mark.study

MOST_BYTES = 400_000
"""Of all stored files: what is larger nobody reads when it changes."""


@pytest.mark.parametrize("name", CASES)
@pytest.mark.timeout(900)
def test_a_case_says_and_leaves_what_is_stored(name):
    before = stored(name)
    assert before is not None, f"python -m tests.golden write {name}"
    assert differences(before, produce(CASES[name])) == []


def test_each_stored_file_is_of_a_case_and_all_together_are_small():
    files = list(FILES.glob("*.json"))
    assert {p.stem for p in files} == set(CASES)
    assert sum(p.stat().st_size for p in files) <= MOST_BYTES


def test_a_list_of_all_models_or_formats_is_no_part_of_a_message():
    with pytest.raises(ModelError) as error:
        mj.model("nope")
    (line,) = summary_of_text(f"{error.value}\n", FILES, FILES)
    assert line == "unknown model 'nope'; allowed: MODELS; see 'memjax models'"
    with pytest.raises(ModelError) as error:
        mj.presets.load("mms/none")
    (line,) = summary_of_text(f"{error.value}\n", FILES, FILES)
    assert "allowed: PRESETS" in line


def _changed(change) -> list[str]:
    """Differences of a small fit after `change` was applied to it."""
    before = {
        "status": 0,
        "parameters": {"r_on": {"value": 500.0, "std": 100.0, "interval_90": [330.0, 660.0]}},
        "correlation": [[1.0, 1e-5], [1e-5, 1.0]],
        "total": {"count": 40, "sum": 1e-12, "size": 1e-3},
        "notes": ["loss 0.512 of 12 sweeps"],
        "free": ["r_on"],
    }
    now = json.loads(json.dumps(before))
    change(now)
    return differences(before, now)


def test_every_change_that_a_reader_would_notice_is_a_line_with_its_path():
    row = "/parameters/r_on/"
    for change, path in (
        (lambda x: x.update(status=3), "/status: 0 -> 3"),
        (lambda x: x.pop("free"), "/free: ['r_on'] -> nothing"),
        (lambda x: x.update(more=None), "/more: nothing -> None"),
        (lambda x: x["free"].append("tau"), "/free: 1 entries -> 2"),
        (lambda x: x.update(free=["r_off"]), "/free[0]: 'r_on' -> 'r_off'"),
        (lambda x: x["parameters"]["r_on"].update(value=500 + 101 * SHARE), row + "value"),
        (lambda x: x["parameters"]["r_on"].update(std=100 * (1 + 1.1 * RELATIVE)), row + "std"),
        (lambda x: x["parameters"]["r_on"].update(interval_90=[330.0, 666.0]), row + "interval_90[1]"),
        (lambda x: x["correlation"][0].__setitem__(1, 2e-3), "/correlation[0][1]"),
        (lambda x: x["total"].update(sum=2e-6), "/total/sum"),
        (lambda x: x["total"].update(count=41), "/total/count: 40 -> 41"),
        (lambda x: x.update(notes=["loss 0.515 of 12 sweeps"]), "/notes[0]"),
        (lambda x: x.update(notes=["loss 0.512 of 13 sweeps"]), "/notes[0]"),
        (lambda x: x.update(notes=["cost 0.512 of 12 sweeps"]), "/notes[0]"),
    ):  # fmt: skip
        (line,) = _changed(change)
        assert line.startswith(path), line


def test_what_a_compiler_rounds_differently_is_no_change():
    for change in (
        lambda x: x["parameters"]["r_on"].update(value=500 + 99 * SHARE),
        lambda x: x["parameters"]["r_on"].update(interval_90=[334.0, 656.0]),
        lambda x: x["parameters"]["r_on"].update(std=100 * (1 + 0.9 * RELATIVE)),
        lambda x: x["correlation"][0].__setitem__(1, 5e-4),
        lambda x: x["total"].update(sum=9e-7),
        lambda x: x.update(notes=["loss 0.513 of 12 sweeps"]),
    ):
        assert _changed(change) == []
