"""The picture of learned functions, out of what fit.json holds."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.function_figure import draws_of, figure_functions
from memjax.device.hybrid import NODES, node_names


@pytest.fixture
def content():
    """Nodes of set that are known alike, one that is known better, and others that are fixed."""
    free = node_names("set")
    values = mj.params.to_dict(mj.HybridDevice())
    rows = {n: {"value": x, "std": None} for n, x in values.items()}
    for n in free:
        rows[n]["std"] = 0.1 if n == "set5" else 1.0
    return {"parameters": rows, "free": list(free), "correlation": np.eye(NODES).tolist()}


def test_nodes_are_drawn_as_they_were_estimated(content):
    sets, offs = draws_of(content, [node_names("set"), node_names("off")])
    assert np.ptp(offs, axis=0).max() == 0
    np.testing.assert_array_equal(
        sets[0], [content["parameters"][n]["value"] for n in node_names("set")]
    )
    # Of 500 draws a deviation is known to 3 percent: four times that.
    np.testing.assert_allclose(np.std(sets[1:], axis=0), [1.0] * 5 + [0.1] + [1.0] * 5, rtol=0.13)


def test_the_picture_shows_both_branches_and_both_rates(content):
    figure = figure_functions(content, np.linspace(-1, 1, 5), mj.HybridDevice.functions)
    labels = [ax.get_legend_handles_labels()[1] for ax in figure.axes]
    assert labels == [["off, x = 0", "on, x = 1"], ["set, at x = 0", "reset, at x = 1"]]
    assert all(ax.get_yscale() == "log" for ax in figure.axes)
    plt.close(figure)


def test_the_picture_of_corrections_shows_factors_about_one():
    device = mj.model("vteam+hybrid")
    rows = {n: {"value": x, "std": None} for n, x in mj.params.to_dict(device).items()}
    free = node_names("level")
    for n in free:
        rows[n] = {"value": float(np.log(2.0)), "std": 0.1}
    content = {"parameters": rows, "free": list(free), "correlation": np.eye(NODES).tolist()}
    figure = figure_functions(content, np.linspace(-1, 1, 5), device.functions)
    labels = [ax.get_legend_handles_labels()[1] for ax in figure.axes]
    assert labels == [["level", "contrast"], ["pace"]]
    (level,) = (x for x in figure.axes[0].lines if x.get_label() == "level")
    np.testing.assert_allclose(level.get_ydata(), 2.0)
    plt.close(figure)
