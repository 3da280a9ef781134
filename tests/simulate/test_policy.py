"""Policies refuse what converges to the wrong process or cannot reach its tolerance."""

import diffrax as dfx
import jax
import numpy as np
import pytest

import memjax as mj
from memjax.core.system import Additive, Commutative, Diagonal, General, NoNoise, Partitioned
from memjax.errors import PolicyError
from memjax.simulate.policy import AbstractPolicy, check, require_x64, resolve
from memjax.solver import (
    DriftImplicitEuler,
    DriftImplicitMilstein,
    Rodas3,
    SemiImplicitEuler,
    SraEsdirk,
)


@pytest.mark.parametrize("dt", [0.0, -1e-3, np.nan, np.inf])
def test_a_step_that_is_no_positive_number_is_refused(dt):
    with pytest.raises(PolicyError, match=r"dt = .*a finite step > 0 s"):
        mj.Fixed(dt)


def test_a_step_in_numpy_is_a_number():
    assert mj.Fixed(np.float64(1e-3)).dt == 1e-3
    assert mj.Fixed(np.float32(0.5)).dt == 0.5


def test_unknown_increments_are_refused():
    with pytest.raises(
        PolicyError,
        match="increments = 'cauchy'; in Fixed; allowed: gaussian, two-point, three-point",
    ):
        mj.Fixed(1e-3, increments="cauchy")


@pytest.mark.parametrize(
    "method", [SemiImplicitEuler(), Rodas3(), dfx.Heun(), dfx.Euler(), dfx.ShARK()]
)
def test_methods_without_an_error_estimate_for_noise_are_refused_under_adaptive_steps(method):
    name = type(method).__name__
    with pytest.raises(PolicyError, match=f"{name} under adaptive steps with noise; in Stiff"):
        check(mj.Stiff(method=method), Additive, noisy=True)
    check(mj.Stiff(method=method), Additive, noisy=False)


@pytest.mark.parametrize("structure", [General, Commutative, Diagonal, Partitioned, Additive])
@pytest.mark.parametrize("method", [None, DriftImplicitMilstein()])
def test_adaptive_steps_go_with_noise_of_any_structure(structure, method):
    check(mj.Stiff(method=method), structure, noisy=True)
    kernel = mj.Stiff(method=method).kernel(structure)
    assert kernel == (SraEsdirk(structure=structure) if method is None else method)


@pytest.mark.parametrize("structure", [General, Commutative, Diagonal])
def test_euler_under_adaptive_steps_is_refused_where_an_amplitude_feels_its_noise(structure):
    policy = mj.Stiff(method=DriftImplicitEuler())
    with pytest.raises(PolicyError, match=r"noisy state; in Stiff; .*SraEsdirk, DriftImplicitM"):
        check(policy, structure, noisy=True)
    check(policy, structure, noisy=False)
    check(mj.Fixed(1e-3, method=DriftImplicitEuler()), structure, noisy=True)
    for partitioned in (Partitioned, Additive):
        check(policy, partitioned, noisy=True)


@pytest.mark.parametrize("policy", [mj.Stiff, lambda method: mj.Fixed(1e-3, method=method)])
def test_a_method_that_counts_on_more_than_the_noise_has_is_refused(policy):
    for structure in (General, Commutative, Diagonal):
        with pytest.raises(
            PolicyError,
            match=rf"SraEsdirk\(Partitioned\) with {structure.__name__} noise; .*"
            rf"allowed: SraEsdirk\(structure={structure.__name__}\); .*to its own noise",
        ):
            check(policy(method=SraEsdirk()), structure, noisy=True)
        check(policy(method=SraEsdirk(structure=structure)), structure, noisy=True)
        check(policy(method=SraEsdirk(structure=General)), structure, noisy=True)
        check(policy(method=SraEsdirk()), structure, noisy=False)
    check(policy(method=SraEsdirk()), Additive, noisy=True)


@pytest.mark.parametrize("kind", ["two-point", "three-point"])
@pytest.mark.parametrize(
    ("method", "structure"),
    [(DriftImplicitMilstein(), Diagonal), (dfx.Euler(), Diagonal), (dfx.Heun(), Additive)],
)
def test_discrete_increments_are_refused_where_they_gain_nothing(kind, method, structure):
    with pytest.raises(
        PolicyError, match=f"{kind} increments with {type(method).__name__}.*leave increments out"
    ):
        check(mj.Fixed(1e-3, method, kind), structure, noisy=True)
    check(mj.Fixed(1e-3, method, kind), structure, noisy=False)


@pytest.mark.parametrize("kind", ["gaussian", "two-point", "three-point"])
@pytest.mark.parametrize("method", [DriftImplicitEuler(), SemiImplicitEuler(), SraEsdirk()])
def test_discrete_increments_go_with_methods_of_their_weak_order(kind, method):
    check(mj.Fixed(1e-3, method, kind), Additive, noisy=True)


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


@pytest.mark.parametrize(
    "method",
    [
        DriftImplicitEuler(),
        DriftImplicitMilstein(),
        SemiImplicitEuler(),
        dfx.Euler(),
        dfx.ItoMilstein(),
    ],
)
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
    "options",
    [
        {"rtol": np.nan},
        {"rtol": 0.0},
        {"atol": -1.0},
        {"atol": np.nan},
        {"rtol": np.inf},
        {"rtol": True},
        {"atol": np.array([1e-7, 1e-8])},
        {"max_steps": 0},
        {"max_steps": 2.5},
        {"max_steps": np.inf},
    ],
)
def test_tolerances_that_are_no_numbers_are_refused(options):
    (name,) = options
    with pytest.raises(PolicyError, match=rf"{name} .*in Stiff; allowed: .*(number|integer)"):
        mj.Stiff(**options)


@pytest.mark.parametrize("clock", [0.0, -1.0, np.nan])
def test_a_clock_that_never_ticks_is_refused(clock):
    with pytest.raises(
        PolicyError, match=r"clock = .* 1/s; in Stiff; allowed: a finite number > 0 1/s"
    ):
        mj.Stiff(clock=clock)


def test_tolerances_are_looser_with_noise_unless_they_are_given():
    assert mj.Stiff().tolerances(noisy=False) == (1e-5, 1e-7)
    assert mj.Stiff().tolerances(noisy=True) == (1e-3, 1e-4)
    given = mj.Stiff(rtol=1e-6, atol=0.0)
    assert given.tolerances(noisy=True) == given.tolerances(noisy=False) == (1e-6, 0.0)
    assert mj.Stiff(atol=1e-9).tolerances(noisy=True) == (1e-3, 1e-9)


def test_auto_is_adaptive_and_has_nothing_to_set():
    assert resolve(mj.Auto()) == mj.Stiff()
    with pytest.raises(TypeError, match="steps_per_row"):
        mj.Auto(steps_per_row=50)


def test_other_policies_stand_for_themselves():
    for policy in (mj.Stiff(rtol=1e-2), mj.Fixed(1.0)):
        assert resolve(policy) is policy


def test_an_unknown_policy_is_refused():
    class Luck(AbstractPolicy):
        """None that `simulate` knows."""

    with pytest.raises(PolicyError, match="policy Luck; in simulate; allowed: Auto, Stiff, Fixed"):
        resolve(Luck())
