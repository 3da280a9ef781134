"""Sources of a deck as a stimulus."""

import numpy as np
import pytest

from memjax.errors import StimulusError
from memjax.io.spice_sources import load_sources
from memjax.io.stimulus import load_stimulus
from tests.export.test_ngspice import run_deck
from tests.spice import needs_ngspice

SHAPES = {
    "pulse": "PULSE(0.1 1.2 1m 10u 20u 0.5m 2m)",
    "pulse_count": "PULSE(0 -1 0.2m 10u 10u 0.5m 1m 3)",
    "sine": "SIN(0.2 1 500 1m 100)",
    "pwl": "PWL(0 0 1m 1\n+ 2m -0.5, 3m 0)",
}


@pytest.mark.slow
@needs_ngspice
@pytest.mark.parametrize("shape", SHAPES)
def test_a_source_gives_what_it_gives_in_ngspice(tmp_path, shape):
    lines = [f"Vs a 0 {SHAPES[shape]}", "R1 a 0 1k", ".control", "set wr_singlescale", "set wr_vecnames",
             "tran 5u 8m 0 5u", "wrdata out.txt v(a)", ".endc"]  # fmt: skip
    t, v = run_deck(tmp_path, lines)[:2]
    stimulus = load_stimulus(tmp_path / "deck.cir")
    ours = np.array([float(stimulus(x)) for x in t])
    assert np.ptp(v) > 0.5
    np.testing.assert_allclose(ours, v, atol=2e-3 * np.ptp(v))


def test_a_current_source_is_a_current(tmp_path):
    (tmp_path / "a.cir").write_text("title\nI1 0 a PWL(0 0 1u 2m)\n.tran 1n 2u\n")
    found = load_sources(tmp_path / "a.cir")["i1"]
    assert (found.quantity, found.duration) == ("current", 2e-6)
    assert float(np.asarray(found.values)[-1]) == 2e-3


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("t\nR1 a 0 1k\n", "no source"),
        ("t\nV1 a 0 SIN(0 1 1k)\n", "no end"),
        ("t\nV1 a 0 SIN(0 {amp} 1k)\n.tran 1n 1u\n", "'{amp}'"),
        ("t\nV1 a 0 PWL(0 0 1m)\n", "PWL"),
        ("t\nV1 a 0 PWL(0 0 1m 1)\nV2 b 0 PWL(0 0 1m 1)\n", "sources v1, v2"),
    ],
)  # fmt: skip
def test_a_deck_that_says_too_little_is_refused(tmp_path, text, match):
    (tmp_path / "a.cir").write_text(text)
    with pytest.raises(StimulusError, match=match):
        load_stimulus(tmp_path / "a.cir")
