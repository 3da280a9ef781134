"""Which files are curves under one pulse each."""

import argparse

from fitting.transients.options import claims, configure
from memjax.cli import main


def test_delays_are_asked_for_one_file_or_a_batch():
    parser = argparse.ArgumentParser()
    configure(parser)
    options = parser.parse_args(["--delays", "--off-threshold", "1e-7"])
    assert options.off_threshold == 1e-7
    options.batch, options.files = False, ["a.csv"]
    assert claims(options)
    options.files = ["a.csv", "b.csv"]  # of several, those under pulses are
    assert not claims(options)
    assert not claims(argparse.Namespace(delays=False, batch=False, files=["a.csv"]))


def test_randomness_has_intervals_of_its_own(tmp_path, capsys):
    words = ["fit", "a.csv", "--model", "diffusive", "--delays", "--stochastic"]
    words += ["--uncertainty", "profile", "--out", str(tmp_path / "fit")]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--uncertainty profile with --stochastic" in line
