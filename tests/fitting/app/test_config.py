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
    return {n: str(x) for n, x in request.values.items() if n not in ("asked", *left_out)}


def test_what_was_asked_for_is_asked_for_again_by_its_words():
    request = parse_fit(WORDS)
    asked = dict(json.loads(json.dumps(request.asked)))
    again = parse_fit([*asked.pop("files"), "--out", "x", *words_of(asked)])
    assert _values(again) == _values(request)
    assert again.asked == request.asked


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('model = "vteam"\nno_such = 1\n', "unrecognized arguments: --no-such"),
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


def test_a_folder_of_an_earlier_version_has_no_configuration(tmp_path, capsys):
    path = tmp_path / "fit.json"
    path.write_text("{}")
    assert main(["fit", "--config", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "no config" in capsys.readouterr().err


def test_without_a_model_the_command_line_says_so():
    with pytest.raises(UsageError, match="required: --model"):
        parse_fit(["a.csv", "--out", "x"])
