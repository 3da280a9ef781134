"""Choosing sweeps: by label, without the first, without those that a file names."""

import json

import numpy as np
import pytest

import memjax as mj
from memjax.cli.program import main
from memjax.data import choose, read_exclusions, sweep_labels
from memjax.errors import ReaderError


@pytest.fixture
def measured() -> mj.Measurement:
    n = np.repeat([1, 2, 3, 7], 5)
    return mj.Measurement(
        v=np.tile([0.0, 0.5, 1.0, 0.5, 0.0], 4), i=1e-6 * n, sweep=n, reader="made here",
        at_compliance=np.zeros(20, bool),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "labels"), [("3", (3,)), ("3-5, 9", (3, 4, 5, 9)), ("2,2-3", (2, 3))]
)
def test_labels_are_numbers_and_ranges(text, labels):
    assert sweep_labels(text) == labels


@pytest.mark.parametrize("text", ["", "a", "5-3", "1-", "1;2"])
def test_anything_else_is_no_label(text):
    with pytest.raises(ValueError, match=r"invalid literal|runs backwards"):
        sweep_labels(text)


def test_what_is_left_out_is_said_with_its_reason(measured):
    assert choose(measured) is measured
    some = choose(measured, sweeps=[1, 2, 7], skip_forming=True, exclude={7: "contact lost"})
    assert some.labels.tolist() == [2]
    assert some.i.tolist() == [2e-6] * 5
    assert some.warnings == (
        "sweeps left out, excluded: contact lost: 7",
        "sweeps left out, the first one, taken as forming: 1",
        "sweeps left out, not among those chosen: 3",
    )
    assert some.source["chosen"]
    forming = choose(measured, skip_forming=True)
    assert forming.labels.tolist() == [2, 3, 7]
    assert forming.warnings == ("sweeps left out, the first one, taken as forming: 1",)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sweeps": [4]}, "no sweeps 4"),
        ({"exclude": {9: "x"}}, "no sweeps 9"),
        ({"sweeps": [1], "skip_forming": True}, "no sweep is left"),
    ],
)
def test_labels_that_are_not_there_are_refused(measured, options, text):
    with pytest.raises(ReaderError, match=text):
        choose(measured, **options)


def test_a_file_of_exclusions(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("sweep,reason\n# by eye\n3, contact lost\n\n7-8\n")
    assert read_exclusions(path) == {
        3: "contact lost", 7: "no reason given", 8: "no reason given",
    }  # fmt: skip
    path.write_text("3,a\nfour,b\n")
    with pytest.raises(ReaderError, match=r"'four'.*line 2"):
        read_exclusions(path)
    with pytest.raises(ReaderError, match="cannot be read"):
        read_exclusions(tmp_path / "none.csv")


def test_the_commands_take_them(tmp_path, capsys):
    rows = "".join(f"{n},{v},{1e-6 * v}\n" for n in (1, 2, 3) for v in (0, 0.5, 1, 0.5, 0))
    (tmp_path / "a.csv").write_text("sweep,v_V,i_A\n" + rows)
    (tmp_path / "out.csv").write_text("3,contact lost\n")
    words = [
        str(tmp_path / "a.csv"),
        "--json",
        "--sweeps",
        "2-3",
        "--exclude",
        str(tmp_path / "out.csv"),
    ]
    assert main(["read", *words]) == 0
    about = json.loads(capsys.readouterr().out)
    assert (about["sweeps"], about["points"]) == (1, 5)
    assert any("excluded: contact lost: 3" in w for w in about["warnings"])
    assert main(["observe", *words]) == 0
    assert {row["sweep"] for row in json.loads(capsys.readouterr().out)["sweeps"]} == {2}
    assert main(["read", words[0], "--sweeps", "4-"]) == 2
    assert main(["read", words[0], "--sweeps", "9"]) == 2
    assert "no sweeps 9" in capsys.readouterr().err
