"""Published numbers: what counts as agreement, and that a number which differs fails unless that is known."""

import pytest

from benchmarks.cases.published import case, numbers
from benchmarks.records import Recorder, read


@pytest.mark.parametrize(
    ("text", "half"), [("1.45", 0.005), ("470", 0.5), ("4.3e9", 5e7), ("77.6e-3", 5e-5)]
)
def test_a_printed_number_is_known_to_half_its_last_digit(text, half):
    assert numbers.half_digit(text) == pytest.approx(half, rel=1e-12)


def _number(ours, gap=""):
    return numbers.number("delay", "s", "1.45", ours, "a paper", 0.001, gap=gap)


@pytest.mark.integration  # a record asks a process which devices there are
def test_a_verdict_follows_from_digits_and_method(tmp_path):
    near, far, known = _number(1.4555), _number(1.4565), _number(14.0, "nobody gets it")
    verdicts = [numbers.AGREES, numbers.DIFFERS, numbers.KNOWN]
    assert [x.verdict for x in (near, far, known)] == verdicts
    assert known.difference == pytest.approx(14.0 / 1.45 - 1)
    names = {"run_id": "r", "case": "published", "size": "smoke", "baseline": "-"}
    record = Recorder(path=tmp_path / "r.jsonl", **names)
    for x in (near, far, known):
        case._record(record, x, 1.0)
    rows = read(record.path)
    assert [row["status"] for row in rows] == ["ok", "failed", "ok"]
    assert [row["extra"]["verdict"] for row in rows] == verdicts


def test_the_table_says_why_a_number_differs():
    text = numbers.table([_number(1.45), _number(14.0, "nobody gets it")])
    assert (
        "| delay | 1.45 | 14 | s | +865.52% | 0.006 | differs, as is known: nobody gets it |"
        in text
    )
    assert text.count("\n") == 4
