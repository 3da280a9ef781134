"""Words of `memjax fit`: what is parsed is written again, and a page's choice is a command line."""

import pytest

import memjax as mj
from fitting.app.config import parse_fit
from fitting.app.explore.fit_words import choice_words, option_words
from memjax.errors import ModelError

GIVEN = [
    "--point-time", "0.01", "--series-resistance", "1000.0", "--points", "200", "--preset", "P", "--reversed",
    "--compliance", "1e-06,2e-06", "--columns", "v=A, B,i=C", "--sweeps", "1,2,7", "--sign", "-1",
]  # fmt: skip


def _same(words, other):
    one, two = (parse_fit(w) for w in (words, other))
    return one.values == two.values


def test_options_are_written_as_they_were_read():
    head, tail = ["a.csv", "--model", "diffusive"], ["--out", "x"]
    words = option_words(parse_fit([*head, *GIVEN, *tail]))
    assert _same([*head, *GIVEN, *tail], [*head, *words, *tail])
    assert option_words(parse_fit([*head, *tail])) == []


def test_a_choice_frees_fixes_and_bounds():
    guess = mj.params.replace(mj.DiffusiveMemristor(), {"mu": 50.0, "mu_neg": 40.0})
    about = {
        "free": ["mu"],
        "bounds": {"mu": [1, 100]},
        "values": {"mu": 55.0, "lam": 0.5, "f0": 0.0},
    }
    words = choice_words(guess, about, guess)
    options = parse_fit(["a.csv", "--model", "diffusive", *words, "--out", "x"])
    assert (options.free, dict(options.start), dict(options.bounds)) == (
        ["mu"],
        {"mu": 55.0},
        {"mu": (1.0, 100.0)},
    )
    fixed = dict(options.fix)
    assert (fixed["lam"], fixed["mu_neg"]) == (0.5, 40.0)
    # What a fit leaves alone and what follows others goes without saying.
    assert {"mu", "f0", "gamma1_neg", "sigma1"} & set(fixed) == set()
    assert choice_words(guess, about | {"stochastic": True, "seed": 3}, guess)[-3:] == [
        "--stochastic",
        "--seed",
        "3",
    ]


@pytest.mark.parametrize("about", [{"free": ["nonsense"]}, {"bounds": {"nonsense": [0, 1]}}])
def test_unknown_names_are_refused(about):
    device = mj.DiffusiveMemristor()
    with pytest.raises(ModelError, match="nonsense"):
        choice_words(device, about, device)
