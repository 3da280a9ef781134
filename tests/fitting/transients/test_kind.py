"""Which files are curves under one pulse each."""

from fitting.app.config import parse_fit
from fitting.transients.kind import claims
from memjax.cli import main


def test_delays_are_asked_for_one_file_or_a_batch():
    plain = ["--model", "diffusive", "--out", "out"]
    request = parse_fit(["a.csv", *plain, "--delays", "--off-threshold", "1e-7"])
    assert request.off_threshold == 1e-7
    assert claims(request)
    assert not claims(
        request.replace(files=["a.csv", "b.csv"])
    )  # of several, those under pulses are
    assert not claims(parse_fit(["a.csv", *plain]))


def test_randomness_has_intervals_of_its_own(tmp_path, capsys):
    words = ["fit", "a.csv", "--model", "diffusive", "--delays", "--stochastic"]
    words += ["--uncertainty", "profile", "--out", str(tmp_path / "fit")]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--uncertainty profile with --stochastic" in line
