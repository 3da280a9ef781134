"""What every kind of data advises to measure next, and that it says nothing where nothing is open."""

import pytest

from fitting.circuits.report import spike_advice, trace_advice
from fitting.joint.report import advice as of_files
from fitting.pulses.report import advice as of_pulses
from fitting.retention.report import advice as of_decays
from fitting.targets.report import advice as of_targets
from fitting.transients.report import advice as of_delays

pytestmark = pytest.mark.integration

OPEN = {
    "parameters": {"mu": {}, "tau": {}},
    "undetermined": ["tau", "sigma_ln(mu)"],
    "free": ["mu", "tau"],
}
CLOSED = OPEN | {"undetermined": []}


def pulses(kinds, cycles=20):
    return {"pulses": {"kinds": kinds}, "n_sweeps": cycles}


def decays(aic):
    laws = [{"name": "power law", "aic": -50.0}, {"name": "stretched exponential", "aic": aic}]
    return {"retention": {"laws": laws, "held_at_V": 0.1}}


def delays(late=0, power=0.9):
    times = {n: {"n": 50, "censored": late} for n in ("delay_s", "relaxation_s")}
    pulse = {"width_s": 5e-3, "amplitude_V": 1.2}
    comparison = {"power": {"log delay longer by 1 SD": power, "log delay longer by 2 SD": 0.99}}
    return {"transients": {"pulse": pulse, "measured": times, "comparison": comparison}}


def files(share, contradicts=False):
    part = {"label": "dc.csv", "shares": {"tau": share}, "contradicts": contradicts, "p": 1e-4}
    return {"files": [part, {"label": "decay.csv", "shares": {}, "contradicts": False, "p": 0.5}]}


def targets(alone, needed=False):
    return {"targets": {"parameters": [{"name": "tau", "needed": needed, "alone_ln": alone}]}}


def spikes(freedom, energy_p=0.5):
    about = {"freedom": freedom, "summaries": {"rate": {}}, "comparison": {"energy_p": energy_p}}
    return {"spikes": about, "n_sweeps": 3}


@pytest.mark.parametrize(
    ("advise", "content", "words"),
    [
        (of_pulses, pulses([0, 0]), ["both polarities: these are all set pulses, and leave tau open"]),
        (of_pulses, pulses([0, 1], 4), ["hardly seen in 4 cycles", "another height or width", "leave tau open"]),
        (of_decays, decays(-49.0), ["run: power law, stretched exponential", "apart by 1.0", "0.1 V leaves tau"]),
        (of_delays, delays(late=7), ["7 of 50 curves did not switch within 5 ms", "7 of 50 curves were not"]),
        (of_delays, delays(power=0.2), ["50 would show", "by 1 SD", "a probability of 0.20", "1.2 V alone leave tau"]),
        (of_files, files(0.8), ["More like dc.csv: of all files it knows most of tau (80 %)"]),
        (of_files, files(0.1, True), ["tau acts on: 90 %", "dc.csv again", "p 0.0001"]),
        (of_targets, targets(2.0), ["tau act on"]),
        (spike_advice, spikes(-1), ["1 summaries are fewer than 2 free parameters"]),
        (spike_advice, spikes(2, None), ["leave tau open", "More trains: 3"]),
        (trace_advice, {"trace": {"node": "gate"}}, ["gate under this one leaves tau open"]),
    ],
)  # fmt: skip
def test_advice_names_what_is_open_and_the_number_behind_it(advise, content, words):
    sentences = " ".join(advise(OPEN | content))
    assert all(w in sentences for w in words), sentences
    assert "sigma_ln" not in sentences


@pytest.mark.parametrize(
    ("advise", "content"),
    [
        (of_pulses, pulses([0, 1])),
        (of_decays, decays(-40.0)),
        (of_delays, delays()),
        (of_files, files(0.8)),
        (of_targets, targets(0.02)),
        (of_targets, targets(2.0, needed=True)),
        (spike_advice, spikes(2)),
        (trace_advice, {"trace": {"node": "gate"}}),
    ],
)
def test_nothing_is_advised_where_nothing_is_open(advise, content):
    assert advise(CLOSED | content) == []
