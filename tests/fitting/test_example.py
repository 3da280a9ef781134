"""The bundled data set is what its script makes."""

import numpy as np
import pytest

from benchmarks.examples.diffusive_sweeps import FOLDER, TRUTH, render


@pytest.mark.study
def test_the_script_makes_the_bundled_file(truth):
    kept, made = (FOLDER / "diffusive-sweeps.csv").read_text(), render()
    head = lambda text: text[: text.index("\n1,")]  # noqa: E731
    rows = lambda text: np.loadtxt(text[text.index("\n1,") :].split("\n"), delimiter=",")  # noqa: E731
    assert head(kept) == head(made)
    assert "SYNTHETIC" in head(kept)
    # Six digits are written; the last may differ from processor to processor.
    np.testing.assert_allclose(rows(kept), rows(made), rtol=1e-4, atol=1e-18)
    assert truth == TRUTH
