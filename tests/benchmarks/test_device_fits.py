"""What the case of device fits counts: areas of loops, ends of commands, models that have a loop."""

import time

import numpy as np
import pytest

import memjax as mj
from benchmarks.cases.device_fits import every_file, verdicts
from benchmarks.cases.device_fits.alarm import alarm

V = np.concatenate([np.linspace(0, 1, 51), np.linspace(1, 0, 51)[1:]])
BACK = np.arange(101) > 50


def test_the_ratio_of_areas_is_that_of_the_openings_and_has_a_sign():
    v = np.concatenate([V, -V[1:]])
    way = np.concatenate([BACK, BACK[1:]])
    loop = v * (1 + 1.0 * way)
    for opening in (0.25, 2.5, -0.5):
        other = v * (1 + opening * way)
        assert verdicts.area_ratio(v, loop, other) == pytest.approx(opening, rel=1e-9)


def test_a_loop_is_off_beyond_a_factor_of_two_and_where_it_runs_the_other_way_round():
    ratios = {0.49: True, 0.51: False, 1.99: False, 2.01: True, -1.0: True, None: False}
    assert {x: verdicts.off({"area_ratio": x}) for x in ratios} == ratios


def test_every_model_has_a_loop_of_a_preset_of_its_own():
    own = {c.name for c in mj.device.registry.BUILT_IN}
    assert set(verdicts.LOOPS) == own
    assert {f"{m}/{x.preset}" for m, x in verdicts.LOOPS.items()} <= set(mj.presets.names())
    pairs = verdicts._pairs(list(own))
    assert len(pairs) == len(set(pairs)) == len(own) ** 2


@pytest.mark.integration
@pytest.mark.parametrize(
    ("status", "said", "made", "outcome"),
    [
        (0, "memjax: note: n\n", True, "fitted"),
        (130, "memjax: interrupted: the best result so far is in fit\n", True, "fitted"),
        (130, "memjax: interrupted: nothing was saved\n", False, "out of time"),
        (2, "memjax: error: no sweep; allowed: one\n", False, "refused"),
        (2, "memjax: error: one\nmemjax: error: two\n", False, "crashed"),
        (2, "memjax: error: one\n", True, "crashed"),  # what is refused leaves nothing
        (3, "Traceback\nmemjax: error: one\n", False, "crashed"),
        (1, "memjax: error: KeyError: 'x'; this is a bug\n", False, "crashed"),
        (0, "", False, "crashed"),
    ],
)
def test_how_a_command_ended(tmp_path, status, said, made, outcome):
    folder = tmp_path / "fit"
    if made:
        folder.mkdir()
        (folder / "fit.json").write_text('{"verdict": {"word": "good"}}')
        (folder / "report.html").write_text("page")
    found = every_file._ended(status, said, folder)
    assert (found["outcome"], found["verdict"]) == (
        outcome,
        "good" if outcome == "fitted" else None,
    )


def test_the_alarm_ends_what_takes_too_long_and_no_more():
    def forever():
        while True:
            pass

    with pytest.raises(KeyboardInterrupt), alarm(0.05):
        forever()
    with alarm(10.0):
        time.sleep(0.01)
