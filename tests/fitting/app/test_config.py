"""The command line and files of configurations, made out of the fields of configurations."""

import json

import pytest

from fitting.app.config import parse_fit, words_of
from memjax.cli import main
from memjax.errors import UsageError

WORDS = ["a.csv", "--model", "vteam", "--out", "x", "--fix", "r_on=100", "--bounds", "r_off=1e3,1e5", "--free", "v_on",
         "--compliance", "1e-3,2e-3", "--seed", "3", "--reversed", "--sweeps", "3-5", "--target", "v_th=0.5:0.01",
         "--target", "delay@1.0=1e-3", "--columns", "v=AV,i=AI", "--offset-current", "-1e-9"]  # fmt: skip


def _values(request, *left_out):
    return {n: str(x) for n, x in request.values.items() if n not in ("entries", *left_out)}


def test_what_was_asked_for_is_asked_for_again_by_its_words():
    request = parse_fit(WORDS)
    asked = dict(json.loads(json.dumps(request.entries)))
    again = parse_fit([*asked.pop("files"), "--out", "x", *words_of(asked)])
    assert _values(again) == _values(request)
    assert again.entries == request.entries


def test_a_file_of_options_is_the_command_line_with_them(tmp_path):
    path = tmp_path / "fit.toml"
    path.write_text(
        'files = ["a.csv"]\nmodel = "vteam"\nfree = ["v_on"]\nseed = 3\ncompliance = [1e-3, 2e-3]\n'
        "fix.r_on = 100\nbounds.r_off = [1e3, 1e5]\n"
    )
    request = parse_fit(["--config", str(path), "--out", "x", "--seed", "4"])
    assert (request.files, request.model, request.free) == (["a.csv"], "vteam", ["v_on"])
    assert request.seed == 4  # what is said on the command line counts
    assert (request.compliance, request.compliance_negative) == (1e-3, 2e-3)
    assert (dict(request.fix), dict(request.bounds)) == ({"r_on": 100.0}, {"r_off": (1e3, 1e5)})


def _from(path, text, *words):
    path.write_text(text)
    return parse_fit(["--config", str(path), "--out", "x", *words])


def test_what_is_said_counts_also_where_it_is_the_default(tmp_path):
    text = 'model = "vteam"\nfiles = "a.csv"\nseed = 3\npoint-time = 0.5\nfree = ["v_on"]\noffset_current = -1e-9\n'
    path = tmp_path / "fit.toml"
    request = _from(path, text)
    assert (request.files, request.seed, request.point_time) == (["a.csv"], 3, 0.5)
    assert (request.free, request.offset_current) == (["v_on"], -1e-9)
    request = _from(path, text, "b.csv", "--seed", "0", "--point-time", "0.1", "--free", "r_on")
    assert (request.files, request.seed, request.point_time) == (["b.csv"], 0, 0.1)
    assert request.free == ["r_on"]
    assert request.entries["files"] == ["b.csv"]


def test_what_is_switched_off_is_not_asked_for_and_one_wanted_number_needs_no_list(tmp_path):
    text = 'model = "vteam"\nreversed = false\ntarget = "v_th=0.5"\n'
    request = _from(tmp_path / "fit.toml", text)
    assert request.entries == {"model": "vteam", "files": [], "target": ["v_th=0.5"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('model = "vteam"\nno_such = 1\n', "unrecognized arguments: --no-such"),
        ('model = "vteam"\nno-such = false\n', "unrecognized arguments: --no-such"),
        ('model = "vteam"\nfiles = 3\n', "files = 3; in "),
        ('model = "vteam"\nseed = "x"\n', "in --seed"),
        ("model = \n", "cannot be read"),
        ("seed = 1\n", "--model"),
    ],
)
def test_a_wrong_file_of_options_is_one_line(text, said, tmp_path, capsys):
    path = tmp_path / "fit.toml"
    path.write_text(text)
    assert main(["fit", "a.csv", "--config", str(path), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize("text", ["{}", "[1]", '{"config": 1}'])
def test_a_folder_of_an_earlier_version_has_no_configuration(text, tmp_path, capsys):
    path = tmp_path / "fit.json"
    path.write_text(text)
    assert main(["fit", "--config", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "no config" in capsys.readouterr().err


def test_without_a_model_the_command_line_says_so():
    with pytest.raises(UsageError, match="required: --model"):
        parse_fit(["a.csv", "--out", "x"])
