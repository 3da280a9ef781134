"""What may be traced by jax: stimuli, seeds, parameters, bench, temperature; and what is refused in one sentence."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core.result import Result
from memjax.errors import BoundsError, PolicyError, SolveError, StimulusError
from memjax.simulate import is_noisy
from tests.systems.exact import OrnsteinUhlenbeck

ROWS = np.linspace(0.0, 1.0, 6)[1:]
FIXED, TIGHT = mj.Fixed(5e-3), mj.Stiff(rtol=1e-9, atol=1e-11)
VALUES = np.array([0.1, 0.5, 0.4, -0.5])

STIMULI = {
    "triangle": lambda p: mj.triangle_sweep(0.5 * p, 2.0, negative=0.5),
    "rate": lambda p: mj.triangle_sweep(0.5, 2.0 * p, negative=0.5 * p),
    "samples": lambda p: mj.Sampled(np.array([0.0, 0.25, 0.5, 1.0]), jnp.asarray(VALUES) * p),
    "list": lambda p: mj.Sampled([0.0, 0.3 * p, 0.5, 1.0], [0.0, 0.5 * p, -0.5, 0.0]),
    "staircase": lambda p: mj.staircase(jnp.asarray(VALUES) * p, 0.25),
    "pulses": lambda p: mj.PulseTrain(0.5 * p, 0.1, 0.3, 2, edge=0.02 * p, delay=0.05),
    "sine": lambda p: mj.Sine(0.5 * p, 1.3 * p),
    "sum": lambda p: p * mj.Sine(0.3, 2.0) + mj.PulseTrain(0.2 * p, 0.1, 0.3, 2, edge=0.02),
}


def _last(stimulus, policy):
    system = OrnsteinUhlenbeck(sigma=0.0)
    return mj.simulate(system, stimulus, save=ROWS, policy=policy).state["x"][0]


@pytest.mark.few(6)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "policy"),
    [(n, FIXED) for n in STIMULI] + [(n, TIGHT) for n in ("triangle", "pulses")],
    ids=lambda x: type(x).__name__ if isinstance(x, mj.Fixed | mj.Stiff) else x,
)
def test_a_derivative_by_a_number_of_a_stimulus_is_the_secant(name, policy):
    run = lambda p: _last(STIMULI[name](p), policy)  # noqa: E731
    both = jax.jit(lambda p: jax.jvp(run, (p,), (jnp.ones(()),)))
    p, h = 1.0137, 1e-5 if policy is FIXED else 1e-3  # no corner is the end of a step
    value, slope = both(p)
    np.testing.assert_allclose(value, run(p), atol=1e-9 if policy is FIXED else 1e-6)
    secant = (both(p + h)[0] - both(p - h)[0]) / (2 * h)
    size = float(np.max(np.abs(secant)))
    assert size > 1e-3
    # A difference of order h^2, and of adaptive steps what they leave, 1e-6, over h.
    near = 1e-6 if policy is FIXED else 1e-6 / h
    np.testing.assert_allclose(slope, secant, atol=near * max(size, 1.0))


@pytest.mark.slow
def test_a_reverse_derivative_by_an_amplitude_is_the_forward_one():
    run = lambda p: jnp.sum(_last(STIMULI["triangle"](p), FIXED))  # noqa: E731
    reverse, forward = jax.jit(lambda p: (jax.grad(run)(p), jax.jacfwd(run)(p)))(1.1)
    np.testing.assert_allclose(reverse, forward, rtol=1e-12)


@pytest.mark.slow
def test_a_traced_seed_gives_what_the_seed_gives():
    def run(seed):
        options = dict(save=ROWS, policy=FIXED, seed=seed)
        return mj.simulate(OrnsteinUhlenbeck(), STIMULI["sine"](1.0), **options)

    plain = np.stack([run(s).state["x"] for s in (3, 4)])
    traced = jax.jit(jax.vmap(lambda s: run(s).state["x"]))(np.array([3, 4]))
    np.testing.assert_allclose(traced, plain, rtol=1e-12)
    inside = eqx.filter_jit(run)(jnp.asarray(4))
    np.testing.assert_allclose(inside.state["x"], plain[1], rtol=1e-12)
    assert inside.notes["seed"] == "traced"


@pytest.mark.slow
def test_traced_parameters_out_of_bounds_are_flagged_and_known_ones_refused():
    device, drive = mj.LinearIonDrift(), mj.Sine(1.0, 1.0)
    top = mj.fields.parameter_specs(device)["x0"].bounds[1]

    @eqx.filter_jit
    def trace(x0, rows):
        changed = mj.params.replace(device, {"x0": x0})
        values = {"r_on": rows}
        return mj.simulate(
            changed,
            drive,
            save=ROWS,
            policy=FIXED,
            members=2,
            conditions=mj.Conditions(values=values),
        )

    run = lambda x0, *rows: trace(jnp.asarray(x0), jnp.array(rows)[:, None])  # noqa: E731
    assert np.all(run(0.5, 100.0, 200.0).result == 0)
    flagged = run(top + 0.1, 100.0, 200.0)
    assert np.all(flagged.result == Result.out_of_bounds)
    np.testing.assert_array_equal(run(0.5, 100.0, -1.0).result[:, 0], [0, Result.out_of_bounds])
    assert np.all(run(jnp.nan, 100.0, 200.0).result == Result.out_of_bounds)
    with pytest.raises(BoundsError, match="x0"):
        mj.params.replace(device, {"x0": top + 0.1})
    with pytest.raises(SolveError, match="out_of_bounds 2x"):
        flagged.check()


@pytest.mark.integration
def test_a_bench_a_temperature_and_corners_may_be_traced_and_are_flagged_where_they_cannot_be():
    device = mj.LinearIonDrift()

    @jax.jit
    def run(ohms, kelvin, end):
        drive = mj.Sampled([0.0, 0.5, end], [0.0, 1.0, 0.0])
        where = dict(
            bench=mj.Bench(compliance=ohms), conditions=mj.Conditions(env=mj.Environment(kelvin))
        )
        return mj.simulate(device, drive, save=ROWS, policy=FIXED, **where).result[0, 0]

    assert run(1e-3, 300.0, 1.0) == 0
    for wrong in ((-1e-3, 300.0, 1.0), (1e-3, -3.0, 1.0), (1e-3, 300.0, 0.2)):
        assert run(*wrong) == Result.out_of_bounds


@pytest.mark.study
def test_derivatives_that_adaptive_steps_cannot_give_are_refused_in_one_sentence():
    def run(g, policy):
        system = OrnsteinUhlenbeck(sigma=0.0, g=g)
        return mj.simulate(system, mj.Sine(0.5, 1.0), save=ROWS, policy=policy).state["x"][0, -1]

    tight = dict(rtol=1e-9, atol=1e-11)
    reverse = mj.Stiff(adjoint=dfx.RecursiveCheckpointAdjoint(checkpoints=16), **tight)
    with pytest.raises(
        PolicyError, match=r"write policy=mj\.Stiff\(adjoint=diffrax\.RecursiveCheckpointAdjoint"
    ):
        jax.grad(run)(1.0, mj.Stiff())
    with pytest.raises(PolicyError, match="leave adjoint out of mj"):
        jax.jacfwd(run)(1.0, reverse)
    forward = jax.jacfwd(run)(1.0, mj.Stiff(**tight))
    np.testing.assert_allclose(
        jax.jit(jax.grad(run), static_argnums=1)(1.0, reverse), forward, rtol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (StimulusError, "give them: save=", lambda p: mj.simulate(mj.Vteam(), mj.Sine(1.0, p))),
        (
            StimulusError,
            "rows that are traced",
            lambda p: mj.simulate(mj.Vteam(), mj.Sine(1.0, 1.0), save=p),
        ),
        (
            BoundsError,
            "members that are traced",
            lambda p: mj.simulate(mj.Vteam(), mj.Sine(1.0, 1.0), members=p),
        ),
        (
            SolveError,
            "whose `result` is traced",
            lambda p: mj.simulate(
                mj.Vteam(x0=p), mj.Sine(1.0, 1.0), save=ROWS, policy=FIXED
            ).check(),
        ),
        (PolicyError, "dt that is traced", lambda p: mj.Fixed(p)),
    ],
    ids=["duration", "save", "members", "check", "dt"],
)
def test_what_has_to_be_known_says_so(error, match, call):
    with pytest.raises(error, match=match):
        jax.jit(lambda p: jax.tree.leaves(call(p)))(0.5)


@pytest.mark.parametrize(
    ("build", "free"), [(OrnsteinUhlenbeck, "k"), (mj.DiffusiveMemristor, "r_on")]
)
def test_numbers_stay_known_under_jit_so_that_no_noise_is_none(build, free):
    """A strength that is a plain 0 is one, wherever the device is made; a traced one counts as noise."""
    quiet = {n: 0.0 for n, s in mj.fields.parameter_specs(build).items() if s.noise}
    known = []

    @jax.jit
    def run(x):
        device = mj.params.replace(build(), quiet | {free: x})
        noisy = mj.params.replace(build(), {next(iter(quiet)): x}, check=False)
        known.extend([is_noisy(build(**quiet)), is_noisy(device), is_noisy(noisy)])
        return x

    run(1e4)
    assert known == [False, False, True]
