"""Formats that are refused: the recipe in the message makes a file that is read."""

import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
import scipy.io

from memjax.data import read
from memjax.errors import ReaderError

pytestmark = pytest.mark.fast

V = np.array([0.0, 0.5, 1.0, 0.5, 0.0])


def _save(path):
    if path.suffix == ".npy":
        np.save(path, np.column_stack([V, 1e-3 * V]))
    elif path.suffix == ".npz":
        np.savez(path, V=V, I=1e-3 * V)
    elif path.suffix == ".mat":
        scipy.io.savemat(path, {"V": V, "I": 1e-3 * V})
    else:
        with h5py.File(path, "w", userblock_size=512 if path.stem == "matlab73" else 0) as file:
            file["V"], file["I"] = V[None], 1e-3 * V[None]


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.mat", "a.h5", "matlab73.h5"])
def test_the_refusal_says_how_to_convert_and_that_works(tmp_path, name):
    path = tmp_path / name
    _save(path)
    with pytest.raises(ReaderError) as caught:
        read(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    recipe = re.search(r'python -c "(.*)" \(', text)
    assert recipe
    assert '"' not in recipe[1]
    subprocess.run([sys.executable, "-c", recipe[1]], cwd=tmp_path, check=True, capture_output=True)
    m = read(path.with_suffix(".csv"))
    np.testing.assert_allclose([m.v, m.i], [V, 1e-3 * V])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("voltage;nothing\n1;2\n3;4\n", "columns found: 'voltage', 'nothing'"),
        (
            "Voltage Current\n1,2,3\n4,5,6\n",
            "no header: the line 'Voltage Current' has 2 cells over rows of 3",
        ),
        ("1 2 3\n4 5 6\n", r"columns found: '1', '2', '3' \(no header\)"),
        ("bias,flow\n1,\n2,\n", "columns found: 'bias', 'flow'|its first line: 'bias,flow'"),
        (
            "cycle,HRS,LRS\n1,2,1\n2,2,1\n",
            "columns found: .*it seems to hold endurance, which .memjax read. shows",
        ),
        ("A letter\nof words\n", "its first line: 'A letter'"),
    ],
)
def test_refusals_name_what_stands_in_the_file(tmp_path, text, says):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(ReaderError, match=says):
        read(path)
