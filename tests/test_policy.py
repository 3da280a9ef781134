"""Policies refuse what converges to the wrong process or cannot reach its tolerance."""

import diffrax as dfx
import jax
import numpy as np
import pytest

import memjax as mj
from memjax.errors import PolicyError
from memjax.policy import check, require_x64, resolve
from memjax.solver import DriftImplicitEuler
from memjax.system import Additive, Commutative, Diagonal, NoNoise

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("dt", [0.0, -1e-3, np.nan, np.inf])
def test_a_step_that_is_no_positive_number_is_refused(dt):
    with pytest.raises(PolicyError, match=r"dt = .*a finite step > 0 s"):
        mj.Fixed(dt)


def test_a_step_in_numpy_is_a_number():
    assert mj.Fixed(np.float64(1e-3)).dt == 1e-3
    assert mj.Fixed(np.float32(0.5)).dt == 0.5


def test_adaptive_steps_with_noise_are_refused():
    with pytest.raises(PolicyError, match=r"adaptive steps with noise; in Stiff.*use mj.Fixed"):
        check(mj.Stiff(), Diagonal, noisy=True)
    check(mj.Stiff(), Diagonal, noisy=False)


@pytest.mark.parametrize("structure", [Diagonal, Commutative])
@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (dfx.Heun(), "Stratonovich process, which is another one"),
        (dfx.EulerHeun(), "Stratonovich process, which is another one"),
        (dfx.StratonovichMilstein(), "Stratonovich process, which is another one"),
        (dfx.ImplicitEuler(), "converges to the wrong mean"),
        (dfx.Kvaerno3(), "converges to the wrong mean"),
    ],
)
def test_methods_of_another_process_are_refused_for_noise_that_depends_on_the_state(
    structure, method, reason
):
    with pytest.raises(PolicyError, match=reason) as error:
        check(mj.Fixed(1e-3, method=method), structure, noisy=True)
    assert type(method).__name__ in str(error.value)
    assert "DriftImplicitEuler" in str(error.value)


@pytest.mark.parametrize("method", [dfx.EulerHeun(), dfx.ImplicitEuler(), dfx.Heun(), dfx.Euler()])
def test_any_method_goes_with_additive_noise_or_none(method):
    check(mj.Fixed(1e-3, method=method), Additive, noisy=True)
    check(mj.Fixed(1e-3, method=method), NoNoise, noisy=True)
    check(mj.Fixed(1e-3, method=method), Diagonal, noisy=False)


@pytest.mark.parametrize("method", [DriftImplicitEuler(), dfx.Euler(), dfx.ItoMilstein()])
def test_ito_methods_go_with_noise_that_depends_on_the_state(method):
    check(mj.Fixed(1e-3, method=method), Diagonal, noisy=True)


def test_a_tolerance_below_rounding_is_refused_with_the_line_that_helps():
    with pytest.raises(PolicyError, match=r"rtol = 1e-16 in float64; in Stiff; allowed: >= 2e-15"):
        check(mj.Stiff(rtol=1e-16), NoNoise, noisy=False)
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(PolicyError, match=r"rtol = 1e-07 in float32.*jax_enable_x64"):
            check(mj.Stiff(rtol=1e-7), NoNoise, noisy=False)
        with pytest.raises(PolicyError, match=r"float32; allowed: float64"):
            require_x64()
    finally:
        jax.config.update("jax_enable_x64", True)
    require_x64()


@pytest.mark.parametrize(
    "options", [{"rtol": np.nan}, {"atol": -1.0}, {"atol": np.nan}, {"max_steps": 0}]
)
def test_tolerances_that_are_no_numbers_are_refused(options):
    with pytest.raises(PolicyError, match="Stiff"):
        check(mj.Stiff(**options), NoNoise, noisy=False)


def test_auto_is_adaptive_without_noise_and_fixed_with_it():
    gaps = np.full(100, 0.01)
    assert isinstance(resolve(mj.Auto(), noisy=False, gaps=gaps), mj.Stiff)
    fixed = resolve(mj.Auto(steps_per_row=50), noisy=True, gaps=gaps)
    assert isinstance(fixed, mj.Fixed)
    assert fixed.dt == pytest.approx(2e-4)
    assert resolve(mj.Fixed(1.0), noisy=True, gaps=gaps).dt == 1.0


def test_two_rows_close_together_do_not_make_auto_take_tiny_steps():
    gaps = np.append(np.full(999, 0.01), 1e-15)
    fixed = resolve(mj.Auto(steps_per_row=50), noisy=True, gaps=gaps)
    assert fixed.dt == pytest.approx(2e-4)


def test_auto_keeps_to_its_largest_number_of_steps():
    gaps = np.full(1000, 0.01)
    fixed = resolve(mj.Auto(steps_per_row=500, max_steps=10_000), noisy=True, gaps=gaps)
    assert gaps.sum() / fixed.dt <= 10_000 * (1 + 1e-12)


def test_auto_copes_with_rows_at_the_start_only():
    assert isinstance(resolve(mj.Auto(), noisy=True, gaps=np.zeros(1)), mj.Fixed)
