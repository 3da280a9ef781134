"""The attention task: its scenes, and how detection is scored."""

import numpy as np
import pytest

from benchmarks.cases.tasks_attention import task


@pytest.mark.integration
def test_two_objects_lie_inside_and_two_outside_of_the_attended_part():
    scenes = task.Scenes(contrasts=(0.3, 0.6), trials=50)
    objects, inside = scenes.objects, scenes.attended
    assert (inside.sum(), (~inside).sum()) == (4, 12)
    np.testing.assert_array_equal(objects[..., inside].sum(axis=-1), 2)
    np.testing.assert_array_equal(objects[..., ~inside].sum(axis=-1), 2)
    assert objects.mean(axis=(0, 1)).min() > 0.05  # every place is used
    cued, plain = scenes.frames(True), scenes.frames(False)
    assert cued.shape == (5, 2, 50, 16, 16)
    np.testing.assert_array_equal(cued[3:], plain[3:])  # the scene is the same
    assert np.all(cued[:3, ..., :8, :8] == 1.0)
    assert np.all(cued[:3, ..., 8:, :] == task.BACKGROUND)
    # Objects of 2 by 2 pixels, as bright as the contrast says.
    np.testing.assert_array_equal((plain[4] > task.BACKGROUND).sum(axis=(-2, -1)), 16)
    assert [set(np.unique(plain[4, k])) for k in (0, 1)] == [
        {task.BACKGROUND, 0.3},
        {task.BACKGROUND, 0.6},
    ]


def test_detection_at_equal_false_alarms():
    rng = np.random.default_rng(0)
    same = rng.poisson(3.0, 20_000)
    # Without a difference objects are detected as often as alarms are false, ties or not.
    assert task.detection_rate(rng.poisson(3.0, 20_000), same) == pytest.approx(0.05, abs=0.01)
    assert task.detection_rate(np.zeros(9, int), np.zeros(9, int)) == pytest.approx(0.05)
    assert task.discrimination(same[:900], same[:900]) == pytest.approx(0.5)
    # Half of the objects are above all empty places, and the others are drawn among them.
    hits, alarms = np.repeat([0, 5], 10), np.zeros(20, int)
    assert task.detection_rate(hits, alarms) == pytest.approx(0.5 + 0.05 * 0.5)
    assert task.discrimination(hits, alarms) == pytest.approx(0.75)
    assert task.discrimination(np.full(3, 2), np.ones(3, int)) == 1.0
