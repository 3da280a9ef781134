"""Random models, benches, circuits, drives and policies: the kernel in C and XLA give the same states and failures.

Kernels of each compiler of the machine are compared with one solve by XLA, which takes most of the time.
"""

import shutil

import numpy as np
import pytest

import memjax as mj
from memjax.lanes.cc import library
from memjax.simulate import batch
from tests.simulate import test_stiff_kernel as stiff
from tests.simulate.random_cases import (
    MODELS,
    SWEEPS,
    free_parameters,
    random_case,
    random_device,
)
from tests.simulate.test_fixed_backends import trace_anew, way

pytestmark = pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C")

COMPILERS = [None] + ["clang"] * (
    shutil.which("clang") is not None and library.compiler_name() != "clang"
)
"""Compilers beside each other: the one of the machine, and clang where it is another one."""

_ULPS, _FACTOR = 32, 100
"""Roundings by which drives and parameters are moved to see how much a path lets errors grow; that growth is taken
times those of a step."""


def use_compiler(monkeypatch, compiler: str | None) -> None:
    """Let kernels be built by one of `COMPILERS`."""
    if compiler is not None:
        monkeypatch.setenv(library.COMPILER, compiler)


def by_kernels(case, monkeypatch) -> dict:
    """Traces of a case by the kernel of each compiler."""
    traces = {}
    for compiler in COMPILERS:
        with monkeypatch.context() as patch:
            use_compiler(patch, compiler)
            trace_anew(patch)
            traces[compiler] = case.run()
            assert way(traces[compiler]) == "C", case.text
    return traces


def check_states(case, monkeypatch) -> bool:
    """Compare the backends; whether all solves of the case went well."""
    kernels = by_kernels(case, monkeypatch)
    monkeypatch.setattr(batch, "reason_for_xla", lambda *args: "asked for")
    theirs, moved = case.run(), case.run(1 + _ULPS * np.finfo(float).eps)
    for compiler, ours in kernels.items():
        check_trace(ours, theirs, moved, f"{compiler}, {case.text}")
    return bool(np.all([np.asarray(t.result) == 0 for t in (theirs, *kernels.values())]))


def check_trace(ours, theirs, moved, text: str) -> None:
    """Compare traces by C and by XLA, knowing one by XLA with drives and devices that are moved by some roundings."""
    # A step that is too long for a rate at a kink is so or not by roundings.
    other, by_rounding = (np.sum(t.result != theirs.result) for t in (ours, moved))
    assert other <= 2 * by_rounding, f"{other} end otherwise, by rounding {by_rounding}; {text}"
    well = np.all((np.asarray(theirs.result) == 0) & (ours.result == 0), axis=1)
    for name in theirs.state:
        x, y, z = (np.asarray(t.state[name])[well] for t in (theirs, ours, moved))
        grown = np.max(np.abs(z - x), initial=0.0)
        scale = np.max(np.abs(x), initial=0.0)
        bound = _FACTOR * grown + 1e4 * np.finfo(float).eps * scale
        distance = np.max(np.abs(y - x), initial=0.0)
        assert distance <= bound, f"{name} is {distance:.3g} away, {bound:.3g} allowed; {text}"


def check_derivatives(seed: int, monkeypatch) -> None:
    """Adaptive steps with derivatives, as fits take them: states and slopes of a random device and drive."""
    rng = np.random.default_rng(seed)
    device = mj.params.quiet(random_device(rng, str(rng.choice(_STIFF))))
    names = tuple(str(n) for n in rng.permutation(free_parameters(device))[:2])
    peak = SWEEPS[device.name].peak
    values = stiff.VALUES * peak / 0.6 * rng.uniform(0.5, 1.2)
    kind = str(rng.choice(["linear", "staircase"]))
    theirs, slope = stiff.by_xla(names, device, kind, values=values)
    for compiler in COMPILERS:
        with monkeypatch.context() as patch:
            use_compiler(patch, compiler)
            _, ours = stiff.solve(names, device, kind, values=values)
        text = f"{compiler}, {seed}: {device.name}, {names}, {kind}, {values}"
        check_lanes(ours, theirs, slope, len(names), text)


def check_lanes(ours, theirs, slope, count: int, text: str) -> None:
    """Compare states and derivatives along so many directions by C and by XLA."""
    np.testing.assert_array_equal(np.asarray(ours.counts)[:, 2], theirs.result, err_msg=text)
    for lane in np.flatnonzero(np.asarray(theirs.result) == 0):
        np.testing.assert_allclose(
            ours.y[lane], theirs.y[lane], atol=stiff._GROWTH * stiff.RTOL, err_msg=text
        )
        away = np.abs(np.asarray(ours.dy)[lane, ..., :count] - slope[lane])
        assert np.max(away) <= 0.04 * max(np.max(np.abs(slope[lane])), 1.0), text


_STIFF = ("diffusive", "diffusive-1m1t1r", "second-order", "linear-drift", "vteam", "mms")

CASES = (0, 4, 11, 24, 35, 40, 78, 80)
"""Few that have all models, benches, kinds of drives, numbers of devices, of members and of sweeps among them."""


def test_the_cases_have_all_models():
    texts = [random_case(seed).text for seed in CASES]
    assert [m for m in MODELS if not any(repr(m) in text for text in texts)] == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", CASES)
def test_backends_agree(seed, monkeypatch):
    check_states(random_case(seed), monkeypatch)


@pytest.mark.slow
@pytest.mark.few(1)
@pytest.mark.parametrize("seed", [1, 0, 5])  # three models and both kinds of drives
def test_backends_agree_in_derivatives(seed, monkeypatch):
    check_derivatives(seed, monkeypatch)


@pytest.mark.study
@pytest.mark.timeout(7200)
def test_backends_agree_on_many(monkeypatch):
    """300 cases, of which some fail and most do not."""
    well = []
    for seed in range(240):
        with monkeypatch.context() as patch:
            well.append(check_states(random_case(seed), patch))
    assert 0.5 < np.mean(well) < 1
    for seed in range(60):
        check_derivatives(seed, monkeypatch)
