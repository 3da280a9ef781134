"""Labels of neurons, the score, receptive fields: out of spikes and conductances that are known."""

import numpy as np
import pytest

from memjax.errors import BoundsError
from memjax.learning import assign_labels, receptive_fields, responses
from memjax.network import Recording
from memjax.plot import confusion, receptive_fields as draw_fields, style


def _recording(member, time, *, duration=0.06, start=0.0) -> Recording:
    """Three neurons, images of 20 ms and pauses of 10 ms."""
    spikes = {"cells": (np.asarray(member, int), np.asarray(time, float))}
    about = {"dt": 1e-4, "duration": duration, "start": start, "traces": {}, "times": np.zeros(0)}
    return Recording(sizes={"cells": 3}, spikes=spikes, statistics={}, **about)


def test_spikes_belong_to_the_image_in_whose_time_or_pause_they_fall():
    # The last one is dated at the end of the second pause, the end of the step in which it fell.
    recording = _recording([0, 2, 2, 1], [1e-4, 0.029, 0.0301, 0.06])
    counts = responses(recording, "cells", images=2, interval=0.02, pause=0.01)
    np.testing.assert_array_equal(counts, [[1, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize(
    ("options", "match"),
    [({"images": 3}, "a recording from 0 to 0.09 s"), ({"group": "cell"}, "allowed: cells")],
)
def test_images_that_were_not_shown_are_refused(options, match):
    about = {"group": "cells", "images": 2, "interval": 0.02, "pause": 0.01} | options
    with pytest.raises(BoundsError, match=match):
        responses(_recording([0], [0.01]), about.pop("group"), **about)


def test_a_neuron_takes_the_class_of_its_largest_mean_response():
    """Class 4 has two images and class 7 one: neuron 0 fired three times in all at 4, and twice at 7 alone."""
    counts = np.array([[2, 0, 0, 1], [1, 0, 0, 0], [2, 3, 0, 1]])
    labels = np.array([4, 4, 7])
    assigned = assign_labels(counts, labels)
    np.testing.assert_array_equal(assigned.labels, [7, 7, -1, 7])
    np.testing.assert_array_equal(assigned.classes, [4, 7])


def test_the_class_whose_neurons_fired_most_is_the_answer_and_silence_is_an_error():
    assigned = assign_labels(np.array([[3, 0, 0], [0, 2, 2]]), np.array([0, 5]))
    held_out = np.array([[2, 1, 0], [1, 1, 1], [0, 0, 0], [1, 1, 0]])
    np.testing.assert_array_equal(assigned.classify(held_out), [0, 5, -1, 0])
    assert assigned.accuracy(held_out, np.array([0, 5, 5, 5])) == 0.5
    table = assigned.confusion(held_out, np.array([0, 5, 5, 5]))
    np.testing.assert_array_equal(table, [[1, 0, 0], [1, 1, 1]])


def test_labels_that_are_not_one_per_image_are_refused():
    with pytest.raises(BoundsError, match="one whole number >= 0 for each image"):
        assign_labels(np.ones((2, 1), int), np.array([0, 1, 1]))
    with pytest.raises(BoundsError, match="one whole number >= 0"):
        assign_labels(np.ones((2, 1), int), np.array([0.0, 1.0]))


def test_fields_are_the_edges_of_a_dense_projection_by_neuron():
    g = np.arange(8.0)  # source k to neurons 0, 1: 2 k, 2 k + 1
    np.testing.assert_array_equal(receptive_fields(g, members=2), [[0, 2, 4, 6], [1, 3, 5, 7]])
    np.testing.assert_array_equal(receptive_fields(g, members=2, on_off=True), [[-4, -4], [-4, -4]])
    with pytest.raises(BoundsError, match="one for each pixel and neuron"):
        receptive_fields(g, members=3)


def test_fields_are_drawn_in_the_order_of_their_classes():
    fields = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]) * 1e-6
    with style():
        ax = draw_fields(fields, (1, 2), labels=[1, 0, -1])
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown[0, [0, 3, 6]], [3.0, 2.0, 1.0])
    assert [t.get_text() for t in ax.texts] == ["–", "0", "1"]
    assert ax.figure.axes[1].get_ylabel() == "Conductance (µS)"
    with pytest.raises(BoundsError, match="members times 4 pixels"):
        draw_fields(fields, (2, 2))


def test_the_confusion_has_a_column_of_images_without_an_answer():
    with style():
        ax = confusion(np.array([[3, 1, 0], [0, 2, 2]]), [0, 5])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "5", "none"]
    assert sorted(t.get_text() for t in ax.texts) == ["1", "2", "2", "3"]
    with pytest.raises(BoundsError, match="2 times 3"):
        confusion(np.ones((2, 2), int), [0, 5])
