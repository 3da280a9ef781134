"""Random models, benches, circuits, drives and policies: the kernel in C and XLA give the same states and failures."""

import numpy as np
import pytest

import memjax as mj
from memjax.compiled import library
from memjax.simulate import batch, ensemble_kernel
from tests.simulate import test_stiff_kernel as stiff
from tests.simulate.random_cases import SWEEPS, free_parameters, random_case, random_device

pytestmark = [
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
    pytest.mark.parity,
]

_ULPS, _FACTOR = 32, 100
"""Roundings by which drives and parameters are moved to see how much a path lets errors grow; that growth is taken
times those of a step."""


def both(case, monkeypatch) -> tuple:
    """Traces by C, by XLA, and by XLA with drives and devices that are moved by some roundings."""
    ways, solve = ["takes none"], ensemble_kernel.solve_by_kernel

    def spy(*args):
        solution = solve(*args)
        ways.append(solution if isinstance(solution, str) else "C")
        return solution

    monkeypatch.setattr(batch, "solve_by_kernel", spy)
    ours = case.run()
    assert ways[-1] == "C", case.text
    monkeypatch.setattr(batch, "reason_for_xla", lambda *args: "asked for")
    return ours, case.run(), case.run(1 + _ULPS * np.finfo(float).eps)


def check_states(case, monkeypatch) -> bool:
    """Compare the backends; whether all solves of the case went well."""
    ours, theirs, moved = both(case, monkeypatch)
    # A step that is too long for a rate at a kink is so or not by roundings.
    other, by_rounding = (np.sum(t.result != theirs.result) for t in (ours, moved))
    assert other <= 2 * by_rounding, (
        f"{other} end otherwise, by rounding {by_rounding}; {case.text}"
    )
    well = np.all((np.asarray(theirs.result) == 0) & (ours.result == 0), axis=1)
    for name in theirs.state:
        x, y, z = (np.asarray(t.state[name])[well] for t in (theirs, ours, moved))
        grown = np.max(np.abs(z - x), initial=0.0)
        scale = np.max(np.abs(x), initial=0.0)
        bound = _FACTOR * grown + 1e4 * np.finfo(float).eps * scale
        away = np.max(np.abs(y - x), initial=0.0)
        assert away <= bound, f"{name} is {away:.3g} away, {bound:.3g} allowed; {case.text}"
    return bool(well.all())


def check_derivatives(seed: int) -> None:
    """Adaptive steps with derivatives, as fits take them: states and slopes of a random device and drive."""
    rng = np.random.default_rng(seed)
    device = mj.params.quiet(random_device(rng, str(rng.choice(_STIFF))))
    names = tuple(str(n) for n in rng.permutation(free_parameters(device))[:2])
    peak = SWEEPS[device.name].peak
    values = stiff.VALUES * peak / 0.6 * rng.uniform(0.5, 1.2)
    kind = str(rng.choice(["linear", "staircase"]))
    _, ours = stiff.solve(names, device, kind, values=values)
    theirs, slope = stiff.by_xla(names, device, kind, values=values)
    text = f"{seed}: {device.name}, {names}, {kind}, {values}"
    np.testing.assert_array_equal(np.asarray(ours.counts)[:, 2], theirs.result, err_msg=text)
    for lane in np.flatnonzero(np.asarray(theirs.result) == 0):
        np.testing.assert_allclose(
            ours.y[lane], theirs.y[lane], atol=stiff._GROWTH * stiff.RTOL, err_msg=text
        )
        away = np.abs(np.asarray(ours.dy)[lane, ..., : len(names)] - slope[lane])
        assert np.max(away) <= 0.04 * max(np.max(np.abs(slope[lane])), 1.0), text


_STIFF = ("diffusive", "diffusive-1m1t1r", "second-order", "linear-drift", "vteam", "mms")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24))
def test_backends_agree(seed, monkeypatch):
    check_states(random_case(seed), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_backends_agree_in_derivatives(seed):
    check_derivatives(seed)


@pytest.mark.study
@pytest.mark.timeout(7200)
def test_backends_agree_on_many(monkeypatch):
    """300 cases, of which some fail and most do not."""
    well = []
    for seed in range(30, 270):
        with monkeypatch.context() as patch:
            well.append(check_states(random_case(seed), patch))
    assert 0.5 < np.mean(well) < 1
    for seed in range(30, 90):
        check_derivatives(seed)
