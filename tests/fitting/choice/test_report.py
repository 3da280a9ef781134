"""The picture of a choice among models."""

import pandas
import pytest

from fitting.choice.report import figure_of
from fitting.sweeps.kind import KIND


@pytest.mark.parametrize(
    ("models", "titles"), [(["mms"], ["mms"]), (["mms", "vteam"], ["all models", "mms", "vteam"])]
)
def test_a_panel_of_all_models_stands_beside_several_only(tmp_path, models, titles):
    for name in models:
        (tmp_path / name).mkdir()
        for table in ("measured", "simulated"):
            rows = pandas.DataFrame({"sweep": [0, 0], "v_V": [0.1, 0.2], "i_A": [1e-6, 1e-3]})
            rows.to_csv(tmp_path / name / f"{table}.csv", index=False)
    figure = figure_of(tmp_path, models, KIND)
    assert [ax.get_title() for ax in figure.axes if ax.get_visible()] == titles
