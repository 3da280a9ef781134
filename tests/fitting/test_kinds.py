"""The registry of kinds of data, and options that would be ignored."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fitting.config import CommonConfig, Request, flag_option, option, options_of, shared
from fitting.kinds import Kind, kind_of, kinds, refuse_unused
from memjax.cli import main
from memjax.errors import DataError, UsageError


def test_the_kinds_of_this_package_are_found_by_what_fit_json_calls_them():
    assert set(kinds()) >= {
        "sweeps", "conductance per pulse", "resistance against time", "delay and relaxation", "spike times",
        "trace of a node",
    }  # fmt: skip
    assert kind_of({}, where=Path("fit.json")).label == "sweeps"  # as memjax 0.1 wrote it
    with pytest.raises(DataError, match=r"kind 'tea leaves'.*allowed: .*sweeps"):
        kind_of({"kind": "tea leaves"}, where=Path("fit.json"))


def test_what_a_kind_says_it_uses_is_an_option_and_what_joins_can_fit_and_write():
    from fitting.app.cli import fit_command

    parser = argparse.ArgumentParser()
    fit_command.configure(parser)
    known = {a.dest for a in parser._actions}
    for kind in kinds().values():
        used = {n for config in kind.configs for n in options_of(config)}
        named = {*used, *(n.split()[0] for n in kind.refused)} - {"compliance_negative"}
        assert named <= known, kind.label
        assert kind.fit is None or kind.write or (kind.content and kind.tables), kind.label
        assert kind.build or kind.pictures, kind.label


@dataclass(frozen=True, kw_only=True)
class _Signed(CommonConfig):
    sign: int = shared(1)


@dataclass(frozen=True, kw_only=True)
class _Several(_Signed):
    hold_out: int | None = option("cycles")
    level: float | None = option("level")


@dataclass(frozen=True, kw_only=True)
class _Random(CommonConfig):
    stochastic: bool = flag_option("random")
    draws: int | None = option("draws", needs="stochastic")


def test_options_that_were_given_and_mean_nothing_are_named():
    words = ["model", "hold_out", "sign", "level"]
    options = Request({"uncertainty": "nuts"}, words)
    refuse_unused(options, Kind(label="anything", configs=(_Several,)))
    message = r"--hold-out, --level would be ignored; in a fit of sweeps; leave it out"
    with pytest.raises(UsageError, match=message):
        refuse_unused(options, Kind(label="sweeps", configs=(_Signed,)))
    refused = Kind(label="sweeps", refused={"uncertainty nuts": "it has no likelihood"})
    with pytest.raises(UsageError, match="--uncertainty nuts: it has no likelihood; in a fit of"):
        refuse_unused(options, refused)
    options = Request({"uncertainty": "laplace", "stochastic": False}, ["draws"])
    with pytest.raises(UsageError, match=r"--draws would be ignored.*; add --stochastic"):
        refuse_unused(options, Kind(label="sweeps", configs=(_Random,)))
    refuse_unused(options.replace(stochastic=True), Kind(label="sweeps", configs=(_Random,)))


def test_of_what_was_asked_of_several_fits_each_says_what_means_something_to_it():
    request = Request({"entries": {"sign": -1, "level": 0.5, "seed": 3, "draws": 16}})
    assert Kind(label="sweeps", configs=(_Signed,)).entries(request, files=["b.csv"]) == {
        "sign": -1, "seed": 3, "files": ["b.csv"],
    }  # fmt: skip
    several = Kind(label="anything", configs=(_Several,)).entries(request, level=0.1)
    assert several == {"sign": -1, "level": 0.1, "seed": 3}


def _decay(path: Path) -> str:
    rows = (f"{t},{1e4 + 100 * np.log1p(t / 200)}" for t in np.linspace(0, 3e4, 40))
    path.write_text("\n".join(["t_s,r_ohm", *rows]) + "\n")
    return str(path)


def _sweep(path: Path) -> str:
    v = np.concatenate([np.linspace(0, 1, 41), np.linspace(0.975, 0, 40)])
    rows = (f"{k},{x},{1e-6 * x}" for k, x in enumerate(v))
    path.write_text("\n".join(["t_s,v_V,i_A", *rows]) + "\n")
    return str(path)


@pytest.mark.parametrize(
    ("make", "words", "named"),
    [
        (_sweep, ["--model", "mms", "--hold-out", "2"], "--hold-out"),
        (_sweep, ["--model", "mms", "--level", "0.1"], "--level"),
        (_sweep, ["--model", "mms", "--chunk", "3"], "--chunk"),
        (_decay, ["--model", "drift", "--hold-out", "2"], "--hold-out"),
        (_decay, ["--model", "drift", "--point-time", "0.1"], "--point-time"),
        (_decay, ["--model", "drift", "--series-resistance", "50"], "--series-resistance"),
        (_decay, ["--model", "drift", "--reversed"], "--reversed"),
        (_decay, ["--model", "drift", "--model-sigma", "0.1"], "--model-sigma"),
    ],
)
def test_no_option_is_ignored(make, words, named, tmp_path, capsys):
    out = tmp_path / "fit"
    assert main(["fit", make(tmp_path / "a.csv"), *words, "--out", str(out)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith(f"memjax: error: {named} would be ignored")
    assert not out.exists()


@pytest.mark.parametrize("words", [["--uncertainty", "profile"], ["--stochastic"]])
def test_what_a_batch_of_sweeps_does_not_do_is_refused(words, tmp_path, capsys):
    files = [_sweep(tmp_path / f"{n}.csv") for n in "ab"]
    words = [*files, "--model", "mms", "--batch", *words, "--out", str(tmp_path / "fit")]
    assert main(["fit", *words]) == 2
    assert "with --batch" in capsys.readouterr().err
