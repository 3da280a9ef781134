"""The bar that follows a fit."""

import numpy as np

from fitting import ProgressBar
from fitting.optimize.levenberg_marquardt import levenberg_marquardt


def test_a_bar_shows_stage_iterations_and_the_best_loss(capsys):
    def line(z):
        return z - 3.0, np.broadcast_to(np.eye(1), (len(z), 1, 1)), np.ones(len(z), bool)

    with ProgressBar() as bar:
        done = levenberg_marquardt(line, np.zeros((2, 1)), tick=lambda p: bar("medians", p))
        bar("spread")
    shown = capsys.readouterr().err
    assert f"medians: {done.iterations} iterations" in shown
    assert f"loss {min(done.cost):.4g}" in shown
    assert "spread:" in shown
