"""`memjax explore`: what it takes, and the one line that answers what it does not."""

import pytest

from fitting.app.explore import command
from fitting.app.explore.command import COMMAND, subject_of
from fitting.app.explore.driven_circuit import DrivenCircuit
from fitting.app.explore.driven_device import DrivenDevice
from memjax.cli.command import Parser
from memjax.errors import MemjaxError


def _options(*words):
    parser = Parser(prog="memjax explore")
    COMMAND.configure(parser)
    return parser.parse_args(words)


def _refusal(*words):
    with pytest.raises(MemjaxError) as caught:
        subject_of(_options(*words))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_has_its_standard_drive_and_preset():
    device = subject_of(_options("diffusive"))
    assert isinstance(device, DrivenDevice)
    assert (device.bench.compliance, device.notes) == (
        1e-6,
        ["values of the preset diffusive/wang2024-dc-symmetric"],
    )
    circuit = subject_of(
        _options("1m1t1r", "--preset", "1m1t1r/zhao2025-table7", "--temperature", "320")
    )
    assert isinstance(circuit, DrivenCircuit)
    assert (float(circuit.env.temperature), circuit.words) == (320.0, ("--temperature", "320.0"))


def test_bench_and_stimulus_of_a_model(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("t_s,v_V\n0,0\n1,0.4\n2,0\n")
    about = ("diffusive", "--stimulus", str(path), "--series-resistance", "1e3")
    device = subject_of(_options(*about))
    assert (device.stimulus.values.tolist(), device.bench.series_resistance) == (
        [0.0, 0.4, 0.0],
        1e3,
    )
    assert device.bench.compliance is None
    assert "--series-resistance 1000.0" in device.command({})
    limited = subject_of(_options("diffusive", "--compliance", "1e-5"))
    assert limited.command({}).count("--compliance") == 1


def test_a_wrong_file_has_the_readers_own_message(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("These are notes.\n")
    assert "no reader recognises it" in _refusal(str(path))
    assert "no such file" in _refusal(str(tmp_path / "missing.csv"))
    untimed = tmp_path / "untimed.csv"
    untimed.write_text(
        "v_V,i_A\n" + "".join(f"{v},{v * 1e-6}\n" for v in (0, 0.1, 0.2, 0.3, 0.2, 0.1, 0))
    )
    assert "say --point-time S" in _refusal(str(untimed))
    assert "no fit.json in the folder" in _refusal(str(tmp_path))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("nonsense",), "is no file, no fit and no model"),
        (("diffusive", "--sweeps", "3"), "--sweeps would be ignored; in a model"),
        (("diffusive", "--model", "vteam"), "--model would be ignored"),
        (("1m1t1r", "--compliance", "1e-3"), "--compliance would be ignored; in a circuit"),
        (("diffusive", "--preset", "vteam/illustration"), "is of model 'vteam'"),
        (
            ("example:diffusive-sweeps", "--stimulus", "s.csv"),
            "--stimulus would be ignored; in a measured file",
        ),
        (("diffusive-drift-synapse",), "2 driven sources"),
    ],
)
def test_what_would_be_ignored_or_is_unknown_is_refused(words, text):
    assert text in _refusal(*words)


def test_a_model_with_corrections_is_shown_without_a_file():
    subject = command.subject_of(_options("vteam+hybrid"))
    assert (subject.model, subject.device.name) == ("vteam+hybrid", "vteam+hybrid")
    assert "no file, no fit and no model" in _refusal("nonsense+hybrid")


def test_an_option_is_refused_beside_a_fit(tmp_path):
    (tmp_path / "fit.json").write_text("{}")
    assert "a fit, which brings its own" in _refusal(str(tmp_path), "--point-time", "1")


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("memjax.runtime.packages.find_spec", lambda name: None)
    with pytest.raises(MemjaxError, match=r"pip install 'memjax\[explore\]'"):
        COMMAND.run(_options("diffusive"))


def test_a_page_that_cannot_be_opened_is_said(monkeypatch, capsys):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    command._open("http://127.0.0.1:1/")
    assert "open the address yourself" in capsys.readouterr().err
