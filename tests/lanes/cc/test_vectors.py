"""Steps of many lanes are whole vectors: nothing but their speed shows whether a compiler saw it."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import memjax as mj
from memjax.lanes.cc import backend, library
from memjax.solver import SemiImplicitEuler

pytestmark = [
    pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc"),
    pytest.mark.skipif(library.find_compiler() is None, reason="kernels are not written"),
    pytest.mark.parity,
]

DEVICES = {
    # A logarithm of what a choice gives, in float32, and results that are alike in several branches.
    "diffusive": {"sigma_ion": 0.5},
    "stanford-pku": {},
}
DRIVE = mj.Sampled(np.array([0.0, 0.1, 0.2]), np.array([0.0, 0.5, 0.0]))
STEPS = mj.Fixed(1e-4, method=SemiImplicitEuler(damped=True), single_precision=True)


class _WrittenError(Exception):
    """The text of a kernel, which is not built."""


def _text(name: str, monkeypatch) -> str:
    def stop(text, compiler, real):
        raise _WrittenError(text)

    monkeypatch.setattr(backend, "register", stop)
    device = mj.params.replace(mj.model(name), DEVICES[name])
    with pytest.raises(_WrittenError) as caught:
        mj.simulate(device, DRIVE, policy=STEPS, save=0.1, members=70)
    return str(caught.value)


@pytest.mark.parametrize("name", DEVICES)
def test_gcc_makes_whole_vectors_of_a_step(name, monkeypatch):
    """They were computed lane by lane, in seven to fifteen times the time."""
    text = _text(name, monkeypatch)
    begin = text.index("void advance_block(")
    line = text.count("\n", 0, text.index("for (int j = 0; j < LANES", begin)) + 1
    flags = [*library._FLAGS, *library._FLAGS_OF_GCC["f"]]
    command = [
        "gcc",
        *flags,
        f"-I{library._headers()}",
        "-w",
        "-fopt-info-vec-optimized",
        "-o",
        "/dev/null",
    ]
    said = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stderr
    assert re.search(rf":({line}|{line + 1}):\d+: optimized: +loop vectorized", said), said
