"""Jumps: exact in distribution under adaptive steps, first order under fixed ones, and how likely they were."""

from functools import cache
from typing import ClassVar

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.result import Result
from memjax.core.system import Diagonal, Jump
from memjax.errors import PolicyError, SolveError, StimulusError
from tests.helpers import z_score
from tests.systems.exact import (
    AbstractFree,
    OrnsteinUhlenbeck,
    PoissonDecay,
    Telegraph,
    free,
    number,
)

HELD = mj.Sampled(np.array([0.0, 1.0]), np.zeros(2))
ROWS = np.array([0.3, 1.0])
MEMBERS = 4096  # whole blocks of 512, as a processor takes them: a rest would be compiled, too
KAPPA = PoissonDecay().kappa


class JumpDiffusion(AbstractFree):
    """dy = a y dt + b y dW, and y to (1 - eta) y at rate kappa; the moments of y decay exponentially."""

    a: Float[Array, ""] = number(-0.5)
    b: Float[Array, ""] = number(0.4)
    kappa: Float[Array, ""] = number(3.0)
    eta: Float[Array, ""] = number(0.3)

    states: ClassVar = (free("y"),)
    structure: ClassVar[type] = Diagonal

    def initial(self, env):
        return {"y": jnp.ones_like(self.a)}

    def drift(self, t, state, u, env):
        return {"y": self.a * state["y"]}

    def noise(self, t, state, u, env):
        return {"w": {"y": self.b * state["y"]}}

    def jumps(self, t, state, u, env):
        after = {"y": (1 - self.eta) * state["y"]}
        return {"loss": Jump(self.kappa, self.kappa, after)}

    def moment(self, power, t):
        """Mean of y^power."""
        noise = 0.5 * power * (power - 1) * self.b**2
        return jnp.exp((power * self.a + noise + self.kappa * ((1 - self.eta) ** power - 1)) * t)


def _run(system, policy=None, **options):
    more = {"save": ROWS, "members": MEMBERS, "seed": 1, "policy": policy} | options
    return mj.simulate(system, HELD, **more)


@pytest.fixture(scope="module")
def decays():
    """Losses at a constant rate, and, thinned, at one that depends on the state and lies below its bound."""
    return cache(lambda thinned: np.asarray(_run(PoissonDecay(thinned=thinned)).check().state["f"]))


@pytest.mark.study
@pytest.mark.parametrize("thinned", [False, True])
@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("power", [1, 2])
def test_losses_have_the_exact_moments(decays, thinned, row, power):
    moment = lambda k: PoissonDecay(thinned=thinned).moment(k, ROWS[row])  # noqa: E731
    f = decays(thinned)[:, row]
    sd = (moment(2 * power) - moment(power) ** 2) ** 0.5
    assert abs(z_score(f**power, moment(power), expected_sd=sd)) < 4


@pytest.mark.study
def test_without_a_jump_the_decay_is_undisturbed(decays):
    # The probability of none within t is exp(-kappa t), and then f = exp(-g t).
    for row, t in enumerate(ROWS):
        quiet = decays(False)[:, row] > 0.85 * np.exp(-t)  # a jump leaves 0.7 of it
        chance = np.exp(-4.0 * t)
        assert abs(z_score(quiet, chance, expected_sd=(chance * (1 - chance)) ** 0.5)) < 4


@pytest.mark.slow
def test_a_switch_has_the_exact_mean_and_is_always_in_one_of_its_states():
    x = np.asarray(_run(Telegraph()).check().state["x"])
    assert set(np.unique(x)) == {0.0, 1.0}
    for row, t in enumerate(ROWS):
        mean = float(Telegraph().mean(t))
        assert abs(z_score(x[:, row], mean, expected_sd=(mean * (1 - mean)) ** 0.5)) < 4
    # Where it is at the end, given where it was: back and forth at their own rates.
    total, gap = 4.0, ROWS[1] - ROWS[0]
    for before, settled in ((0.0, 0.75), (1.0, 0.25)):
        moved = np.abs(x[x[:, 0] == before, 1] - before)
        chance = settled * -np.expm1(-total * gap)
        assert abs(z_score(moved, chance, expected_sd=(chance * (1 - chance)) ** 0.5)) < 4


@pytest.fixture(scope="module")
def diffusion():
    return np.asarray(_run(JumpDiffusion(), seed=2).check().state["y"])


@pytest.mark.study
@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("power", [1, 2])
def test_noise_and_jumps_together_have_the_exact_moments(diffusion, row, power):
    moment = lambda k: float(JumpDiffusion().moment(k, ROWS[row]))  # noqa: E731
    sd = (moment(2 * power) - moment(power) ** 2) ** 0.5
    assert abs(z_score(diffusion[:, row] ** power, moment(power), expected_sd=sd)) < 4


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("policy", [mj.Stiff(), mj.Fixed(0.02)], ids=["stiff", "fixed"])
def test_the_jumps_of_a_member_do_not_depend_on_how_many_there_are(policy):
    few, many = (_run(JumpDiffusion(), policy, members=n) for n in (3, MEMBERS))
    np.testing.assert_array_equal(few.state["y"], many.state["y"][:3])
    np.testing.assert_array_equal(few.pattern, many.pattern[:3])


@pytest.mark.study
def test_the_times_of_jumps_are_those_of_the_seed_whatever_the_rows():
    # Between jumps f falls as exp(-t): what is left over tells how many there were until each row.
    dense, sparse = np.linspace(0.05, 1.0, 20), np.array([0.5, 1.0])
    ends = [_run(PoissonDecay(), members=50, save=rows).state["f"] for rows in (dense, sparse)]
    jumps = [
        np.log(np.asarray(f) * np.exp(rows)) / np.log(0.7)
        for f, rows in zip(ends, (dense, sparse), strict=True)
    ]
    counts = [np.round(n) for n in jumps]
    np.testing.assert_allclose(jumps[0], counts[0], atol=0.02)
    assert np.all(np.diff(counts[0], axis=1) >= 0)
    np.testing.assert_array_equal(counts[0][:, [9, 19]], counts[1])
    other = _run(PoissonDecay(), members=50, save=sparse, seed=7).state["f"]
    assert not np.array_equal(other, ends[1])


@pytest.mark.study
def test_a_clock_that_is_faster_than_needed_changes_the_path_and_not_the_moments(decays):
    fast = np.asarray(_run(PoissonDecay(), mj.Stiff(clock=11.0)).check().state["f"])[:, 1]
    moment = lambda k: PoissonDecay().moment(k, 1.0)  # noqa: E731
    assert abs(z_score(fast, moment(1), expected_sd=(moment(2) - moment(1) ** 2) ** 0.5)) < 4
    assert not np.array_equal(fast, decays(False)[:, 1])


@pytest.mark.study
def test_a_traced_bound_needs_a_clock():
    def last(kappa, policy):
        return _run(PoissonDecay(kappa=kappa), policy, members=2).state["f"][0, -1]

    for transform in (jax.jit, jax.grad):
        with pytest.raises(PolicyError, match=r"bound is traced; in Stiff; say Stiff\(clock="):
            transform(lambda k: last(k, mj.Stiff()))(KAPPA)
    traced = jax.jit(lambda k: last(k, mj.Stiff(clock=4.0)))(KAPPA)
    assert np.isfinite(traced)
    np.testing.assert_allclose(traced, last(KAPPA, mj.Stiff()), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("thinned", [pytest.param(False, marks=pytest.mark.study), True])
def test_a_clock_that_is_slower_than_the_jumps_is_reported(thinned):
    def run(kappa):
        system = PoissonDecay(kappa=kappa, thinned=thinned)
        return _run(system, mj.Stiff(clock=4.0), members=5, output=mj.Output(on_failure="ignore"))

    trace = run(8.0)
    assert {Result(int(k)) for k in trace.result[:, 0]} == {Result.clock_too_slow}
    with pytest.raises(SolveError, match="clock_too_slow 5x"):
        trace.check()
    assert run(4.0).check().accepted.shape == (5, 1)


class Liar(AbstractFree):
    """Jumps more often than it says, once x has grown."""

    rate: Float[Array, ""] = number(20.0)

    states: ClassVar = (free("x"),)
    structure: ClassVar[type] = Diagonal

    def initial(self, env):
        return {"x": jnp.zeros_like(self.rate)}

    def drift(self, t, state, u, env):
        return {"x": jnp.ones_like(state["x"])}

    def jumps(self, t, state, u, env):
        said = 0.5 * self.rate
        return {"back": Jump(self.rate * state["x"], said, {"x": 0.5 + 0.5 * state["x"]})}


@pytest.mark.slow
def test_a_system_that_jumps_more_often_than_it_says_is_reported():
    trace = _run(Liar(), members=5, save=np.array([2.0]), output=mj.Output(on_failure="ignore"))
    assert {Result(int(k)) for k in trace.result[:, 0]} == {Result.clock_too_slow}


CLOCK = 8.0


@pytest.fixture(scope="module", params=[pytest.param("stiff", marks=pytest.mark.study), "fixed"])
def scores(request):
    """Of both decays: f at the end, and the derivative of the pattern's log-probability with respect to kappa."""
    policy = {"stiff": mj.Stiff(clock=CLOCK), "fixed": mj.Fixed(0.01)}[request.param]

    def run(kappa, thinned):
        trace = _run(PoissonDecay(kappa=kappa, thinned=thinned), policy, save=ROWS[1:], seed=3)
        return trace.pattern[:, 0], trace.state["f"][:, 0]

    both = {}
    for thinned in (True, False):
        f = lambda kappa: run(kappa, thinned)  # noqa: B023, E731
        along_kappa = jax.jit(lambda k: jax.jvp(f, (k,), (jnp.ones_like(k),)))  # noqa: B023
        (_, end), (score, along) = along_kappa(KAPPA)
        both[thinned] = tuple(np.asarray(x) for x in (end, score, along))
    return request.param, both


@pytest.mark.slow
@pytest.mark.parametrize("thinned", [False, True])
def test_the_score_of_the_pattern_has_mean_zero(scores, thinned):
    _, both = scores
    _, score, along = both[thinned]
    assert score.std() > 0.1
    assert abs(z_score(score, 0.0)) < 4
    assert np.all(along == 0)  # at a fixed pattern the rate changes nothing


@pytest.mark.slow
def test_the_score_has_the_variance_of_its_closed_form(scores):
    name, both = scores
    score = both[False][1]
    h = 0.01
    exact = {
        # Jumps n / kappa and left-out candidates m / (clock - kappa), both Poisson, over unit time.
        "stiff": 1 / 4.0 + 1 / (CLOCK - 4.0),
        # 100 steps: a jump has the score h / (exp(kappa h) - 1), none -h.
        "fixed": 100 * h**2 / np.expm1(4.0 * h),
    }[name]
    assert abs(z_score(score**2, exact)) < 4


@pytest.mark.slow
@pytest.mark.parametrize("thinned", [False, True])
def test_the_derivative_of_a_mean_follows_from_the_score(scores, thinned):
    name, both = scores
    end, score, _ = both[thinned]
    mean = lambda kappa: PoissonDecay(kappa=kappa, thinned=thinned).moment(1, 1.0)  # noqa: E731
    exact = (mean(4.0 + 1e-4) - mean(4.0 - 1e-4)) / 2e-4
    off = end * score - exact
    # Fixed steps are right to first order in them: an allowance of dt times the largest rate.
    allowed = 0.0 if name == "stiff" else 0.01 * CLOCK * abs(exact)
    assert abs(off.mean()) < 4 * off.std() / MEMBERS**0.5 + allowed


@pytest.mark.slow
def test_the_pattern_of_a_system_without_jumps_is_certain():
    trace = mj.simulate(OrnsteinUhlenbeck(), HELD, save=ROWS, members=2, policy=mj.Fixed(0.02))
    np.testing.assert_array_equal(trace.pattern, 0.0)


@pytest.mark.slow
def test_fixed_steps_have_the_moments_of_their_own_chain():
    # In each step a jump happens with 1 - exp(-kappa h), then f falls by 1 / (1 + g h).
    h, n = 0.02, 50
    f = np.asarray(_run(PoissonDecay(), mj.Fixed(h), save=ROWS[1:]).check().state["f"])[:, 0]

    def moment(k):
        jump = -np.expm1(-4.0 * h)
        return ((1 - jump + jump * 0.7**k) / (1 + h) ** k) ** n

    for power in (1, 2):
        sd = (moment(2 * power) - moment(power) ** 2) ** 0.5
        assert abs(z_score(f**power, moment(power), expected_sd=sd)) < 4


@pytest.mark.slow
def test_fixed_steps_agree_with_adaptive_ones_to_first_order():
    ends = {
        dt: np.asarray(_run(JumpDiffusion(), policy, seed=5).check().state["y"])[:, 1]
        for dt, policy in ((0.0, mj.Stiff()), (0.02, mj.Fixed(0.02)))
    }
    off = ends[0.02].mean() - ends[0.0].mean()
    se = np.hypot(ends[0.02].std(), ends[0.0].std()) / MEMBERS**0.5
    # Rates of 3 and 0.5 per unit time over unit time: relative error below rate^2 h / 2.
    assert abs(off) < 4 * se + 0.5 * 3.5**2 * 0.02 * ends[0.0].mean()


@pytest.mark.slow
def test_a_switch_under_fixed_steps_is_the_chain_of_its_steps():
    h, n = 0.05, 20
    x = np.asarray(_run(Telegraph(), mj.Fixed(h), save=np.array([1.0])).check().state["x"])[:, 0]
    assert set(np.unique(x)) == {0.0, 1.0}
    p = 0.0
    for _ in range(n):
        p += (1 - p) * -np.expm1(-3.0 * h) - p * -np.expm1(-1.0 * h)
    assert abs(z_score(x, p, expected_sd=(p * (1 - p)) ** 0.5)) < 4


@pytest.mark.slow
def test_deterministic_runs_leave_jumps_out():
    trace = _run(PoissonDecay(), members=2, deterministic=True).check()
    np.testing.assert_allclose(trace.state["f"], np.exp(-ROWS) * np.ones((2, 1)), rtol=1e-4)
    np.testing.assert_array_equal(trace.pattern, 0.0)


def test_more_candidates_than_memory_holds_are_refused_before_they_are_drawn():
    years = mj.Sampled(np.array([0.0, 1e12]), np.zeros(2))
    with pytest.raises(PolicyError, match=r"candidates for jumps .* take .*mj\.Fixed"):
        mj.simulate(mj.model("diffusive-spice"), years, save=np.array([1e12]))


def test_a_bench_around_a_system_is_refused():
    with pytest.raises(StimulusError, match="a bench around a PoissonDecay"):
        _run(PoissonDecay(), bench=mj.Bench(compliance=1e-3))


def test_solvers_that_know_no_jumps_are_refused():
    with pytest.raises(PolicyError, match=r"Euler.*jumps"):
        _run(PoissonDecay(), mj.Fixed(0.5, method=dfx.Euler()), members=1)
