"""Stiff stochastic equations: steps that stiffness does not cost, errors within the tolerance, the right process."""

from typing import ClassVar

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import memjax as mj
from benchmarks.cases.stiff_sde.systems import Oscillator
from memjax.core.scaling import Scaled
from memjax.core.system import Diagonal, Jump
from memjax.noise import DyadicPath, device_key, words
from memjax.simulate import solve_adaptive
from memjax.solver import (
    DriftImplicitEuler,
    DriftImplicitMilstein,
    DyadicController,
    SemiImplicitEuler,
    SraEsdirk,
)
from tests.helpers import z_score
from tests.systems.exact import AbstractFree, Breathing, Entangled, KramersWell, free, number

END, DRIVE = 10.0, 3.0
TAUS = np.array([1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9])
MEMBERS, RTOL = 8, 1e-3
BOUNDS = np.array([0.0, END])
STUDIED = [
    pytest.param(k(), marks=pytest.mark.study) for k in (DriftImplicitEuler, DriftImplicitMilstein)
]
KERNELS = pytest.mark.parametrize("kernel", [SraEsdirk(), *STUDIED])
"""Of the adaptive kernels the default one, the others with the studies."""
KEYS = jax.vmap(lambda m: words(device_key(0, member=m, sweep=0)))(jnp.arange(MEMBERS))


def _path(key):
    return DyadicPath(key, jnp.asarray(BOUNDS), 1)


def _adaptive(kernel):
    """End states and steps (tau, member) of the stiff oscillator, by diffrax alone."""

    def one(tau, key):
        scaled, drive = Scaled(Oscillator(tau=tau), mj.Environment()), jnp.asarray(DRIVE)
        sol = dfx.diffeqsolve(
            dfx.MultiTerm(
                dfx.ODETerm(lambda t, y, args: scaled.drift(t, y, drive)),
                dfx.ControlTerm(lambda t, y, args: scaled.diffusion(t, y, drive), _path(key)),
            ),
            kernel,
            jnp.asarray(0.0),
            jnp.asarray(END),
            jnp.asarray(1e-5),
            scaled.initial(),
            stepsize_controller=DyadicController(RTOL, RTOL, jnp.asarray(BOUNDS)),
            adjoint=dfx.ForwardMode(),
            max_steps=20_000,
        )
        return sol.ys[-1], sol.stats["num_accepted_steps"], sol.stats["num_rejected_steps"]

    each = jax.vmap(jax.vmap(one, (None, 0)), (0, None))
    return tuple(np.asarray(x) for x in jax.jit(each)(jnp.asarray(TAUS), KEYS))


@pytest.fixture(scope="module")
def slaved():
    """The limit of small tau, V = u / (1 + R_ext g(x)): explicit Euler on the same paths in 2^16 steps.

    Its strong order is 1, as the amplitude depends on T, which has no noise of its own.
    """
    steps = 2**16
    h = END / steps

    def one(key):
        path = _path(key)

        def step(k, y):
            x, heat, _ = y
            dw = path.evaluate(k * h, (k + 1) * h)[0]
            g = 1 / jnp.cosh(x / 0.12)
            v = DRIVE / (1 + 5.0 * g)
            fall = v - 1.5 - 2.0 * (x**3 - x)
            warm = 5.0 * v**2 * g - 8.0 * (heat - 0.3)
            x = x + h * fall + jnp.sqrt(0.1 * heat) * dw
            return x, heat + h * warm, DRIVE / (1 + 5.0 / jnp.cosh(x / 0.12))

        return jnp.stack(jax.lax.fori_loop(0, steps, step, (-1.0, 0.3, 0.0)))

    return np.asarray(jax.jit(jax.vmap(one))(KEYS))


@pytest.mark.study
@KERNELS
def test_steps_do_not_grow_with_stiffness_and_errors_stay_within_the_tolerance(kernel, slaved):
    y, accepted, rejected = _adaptive(kernel)
    mean = accepted.mean(axis=1)
    assert mean.max() < 1.2 * mean.min()
    # Stable explicit steps: below 2 tau / (1/R_ext + 1), the fastest rate that V can have.
    explicit = END * (1 / 5 + 1) / (2 * 1e-8)
    taken = (accepted + rejected)[list(TAUS).index(1e-8)]
    assert np.all(explicit > 1e5 * taken)
    error = np.sqrt(np.mean((y - slaved) ** 2, axis=1))  # of each tau and state, over members
    allowed = 5 * RTOL * (1 + np.abs(slaved).mean(axis=0))
    assert np.all(error[:, :2] < allowed[:2])
    # V follows x within tau: for longer tau it is behind by what x does meanwhile.
    assert np.all(error[TAUS <= 1e-7, 2] < allowed[2])


@pytest.mark.slow
def test_a_node_voltage_is_taken_implicitly_without_newton_and_keeps_its_statistics():
    # tau = 1e-5, steps of 1e-3: 60 times what explicit steps endure. Statistics of 20,000 devices from
    # an independent program in C, explicit Euler in float64 at steps of 1e-5: mean, standard deviation.
    reference = {"x": (-0.400521, 0.0846621), "T": (0.508899, 0.0472658)}
    policy = mj.Fixed(1e-3, method=SemiImplicitEuler())
    held = mj.Sampled(BOUNDS, np.full(2, DRIVE))
    system = Oscillator(tau=1e-5)
    trace = mj.simulate(system, held, policy=policy, members=4096, save=BOUNDS[1:]).check()
    for name, (mean, sd) in reference.items():
        seen = np.asarray(trace.state[name])[:, -1]
        se = np.hypot(seen.std() / 4096**0.5, sd / 20_000**0.5)
        assert abs(seen.mean() - mean) < 4 * se
        # Of a deviation: from the fourth moment of what is seen.
        spread = np.sqrt(np.var((seen - seen.mean()) ** 2)) / (2 * seen.std())
        assert abs(seen.std() - sd) < 4 * spread * np.hypot(4096**-0.5, 20_000**-0.5)


class Reverting(AbstractFree):
    """dX = a (1 - X) dt + X dW from 1: the mean stays 1; with the noise taken implicitly it goes to 1.86 for a = 2."""

    a: Float[Array, ""] = number(2.0)

    states: ClassVar = (free("x"),)
    structure: ClassVar[type] = Diagonal

    def initial(self, env):
        return {"x": jnp.ones_like(self.a)}

    def drift(self, t, state, u, env):
        return {"x": self.a * (1 - state["x"])}

    def noise(self, t, state, u, env):
        return {"w": {"x": state["x"]}}


GENERAL, ADDITIVE = SraEsdirk(structure=Diagonal), SraEsdirk()
POLICIES = {
    "stiff": lambda esdirk: mj.Stiff(),
    "stiff-euler": lambda esdirk: mj.Stiff(method=DriftImplicitEuler()),
    "stiff-milstein": lambda esdirk: mj.Stiff(method=DriftImplicitMilstein()),
    "euler": lambda esdirk: mj.Fixed(1e-2),
    "milstein": lambda esdirk: mj.Fixed(1e-2, method=DriftImplicitMilstein()),
    "esdirk": lambda esdirk: mj.Fixed(1e-2, method=esdirk),
    "semi-implicit": lambda esdirk: mj.Fixed(1e-2, method=SemiImplicitEuler()),
    "two-point": lambda esdirk: mj.Fixed(1e-2, method=SemiImplicitEuler(), increments="two-point"),
    "three-point": lambda esdirk: mj.Fixed(1e-2, method=esdirk, increments="three-point"),
}
_OTHERS = ("stiff-euler", "stiff-milstein")
EVERY = [pytest.param(n, marks=pytest.mark.study) if n in _OTHERS else n for n in POLICIES]
"""Of the adaptive policies the default one, the others with the studies."""
OF_ITO = [p for n, p in zip(POLICIES, EVERY, strict=True) if n != "stiff-euler"]
"""Those that take noise which its own state drives."""


def _stiff_studied(policies: list) -> list:
    """The same, the default policy with the studies too."""
    return [pytest.param(p, marks=pytest.mark.study) if p == "stiff" else p for p in policies]


MANY = 2000


def _ends(system, name, end, *, esdirk=ADDITIVE):
    """First state at the end of a solve at rest, by member."""
    held, policy = mj.Sampled(np.array([0.0, end]), np.zeros(2)), POLICIES[name](esdirk)
    rows = np.array([end])
    trace = mj.simulate(system, held, policy=policy, members=MANY, save=rows)
    return np.asarray(trace.check().state[system.specs[0].name])[:, 0]


REVERTED = (-np.expm1(-12.0) / 3) ** 0.5
"""Deviation at time 4: d<X^2> = (4 - 3 <X^2>) dt."""


@pytest.mark.study
@pytest.mark.parametrize("name", OF_ITO)
def test_the_process_is_the_one_of_ito(name):
    x = _ends(Reverting(), name, 4.0, esdirk=GENERAL)
    assert abs(z_score(x, 1.0, expected_sd=REVERTED)) < 4


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(("kernel", "right"), [(DriftImplicitEuler(), False), (GENERAL, True)])
def test_adaptive_steps_of_euler_would_converge_to_another_process(kernel, right):
    # What the policy refuses: steps are kept where dW^2 - h, which Euler leaves out, is small or negative.
    held, end = mj.Sampled(np.array([0.0, 4.0]), np.zeros(2)), jnp.asarray(4.0)
    scaled = Scaled(Reverting(), mj.Environment())
    policy = mj.Stiff(rtol=1e-2, atol=1e-3, method=kernel)

    def one(m):
        key = words(device_key(0, member=m, sweep=0))
        more = dict(rows=end[None], y0=scaled.initial(), end=end, policy=policy, key=key)
        return solve_adaptive(scaled, held, **more).y[-1, 0]

    z = z_score(jax.jit(jax.vmap(one))(jnp.arange(MANY)), 1.0, expected_sd=REVERTED)
    assert abs(z) < 4 if right else z > 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.study) for n in ("stiff", "stiff-milstein")] + ["milstein"],
)
def test_channels_that_do_not_commute_have_the_exact_moments(name):
    system, end = Entangled(), 2.0
    held, rows = mj.Sampled(np.array([0.0, end]), np.zeros(2)), np.array([end])
    policy = POLICIES[name](None)
    trace = mj.simulate(system, held, policy=policy, members=MANY, save=rows, seed=3).check()
    seen = np.stack([np.asarray(trace.state[k])[:, 0] for k in "xy"])
    mean, square = system.moments(end)
    for a in range(2):
        assert abs(z_score(seen[a], mean[a])) < 4
        for b in range(a + 1):
            assert abs(z_score(seen[a] * seen[b], square[a, b])) < 4


@pytest.mark.few(2)
@pytest.mark.slow
@pytest.mark.parametrize("name", _stiff_studied(EVERY))
def test_mean_and_variance_of_a_noise_that_breathes_are_the_exact_ones(name):
    end, system = 1.5, Breathing()
    x = _ends(system, name, end)
    mean, variance = (float(f) for f in (system.mean(end, 0.0), system.variance(end)))
    # Weak errors of order one, in units of the amplitude: below k h = 3 % of the variance.
    allowed = 0.03 if name in ("euler", "milstein", "semi-implicit", "two-point") else 0.0
    assert abs(z_score(x, mean, expected_sd=variance**0.5)) < 4
    z = abs(np.mean((x - mean) ** 2) / variance - 1) - allowed
    assert z < 4 * (2 / MANY) ** 0.5


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("name", _stiff_studied(OF_ITO))
def test_the_share_that_has_escaped_over_a_barrier_is_that_of_fokker_and_planck(name):
    end, system = 20.0, KramersWell(d=0.1)
    x = _ends(system, name, end)
    share = system.right(end)
    assert 0.1 < share < 0.4
    assert abs(z_score(x > 0, share, expected_sd=(share * (1 - share)) ** 0.5)) < 4


class Hopping(AbstractFree):
    """The oscillator with a node as slow as its particle, which also hops up by 0.3, at the rate 0.5 V / 3."""

    inner: Oscillator = Oscillator(tau=0.2)

    states: ClassVar = Oscillator().specs
    structure: ClassVar[type] = Oscillator().noise_structure

    def initial(self, env):
        return self.inner.initial(env)

    def drift(self, t, state, u, env):
        return self.inner.drift(t, state, u, env)

    def noise(self, t, state, u, env):
        return self.inner.noise(t, state, u, env)

    def jumps(self, t, state, u, env):
        share = jnp.clip(state["V"] / 3.0, 0.0, 1.0)
        return {"hop": Jump(0.5 * share, 0.5 * jnp.ones_like(share), {"x": state["x"] + 0.3})}


@pytest.mark.study
def test_first_passages_under_adaptive_and_fine_fixed_steps_agree():
    # Rows, corners of a pulsed drive, candidates for hops, and steps that are refused: all are landings.
    members, rows = MANY, np.arange(1, 81) * 0.1
    pulses = mj.PulseTrain(4.0, width=0.73, period=1.37, count=6, edge=0.05, base=2.0)

    def passage(policy, seed):
        options = dict(members=members, save=rows, seed=seed, policy=policy)
        trace = mj.simulate(Hopping(), pulses, **options).check()
        past = np.asarray(trace.state["x"]) > 0
        return np.where(past.any(axis=1), rows[past.argmax(axis=1)], rows[-1]), trace

    adaptive, trace = passage(mj.Stiff(), 0)
    fixed, _ = passage(mj.Fixed(1e-3, method=SemiImplicitEuler()), 1)
    assert np.asarray(trace.rejected).sum() > 0.05 * np.asarray(trace.accepted).sum()
    assert rows[0] < np.median(fixed) < rows[-1]  # the passage is seen, not its censoring
    assert np.mean(fixed == rows[-1]) < 0.3
    se = np.hypot(adaptive.std(), fixed.std()) / members**0.5
    assert abs(adaptive.mean() - fixed.mean()) < 4 * se
