"""`simulate`: members, sweeps, seeds, chunks, results, gradients."""

import importlib

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core.reprs import WIDTH
from memjax.core.result import Result
from memjax.errors import (
    BoundsError,
    ModelError,
    PolicyError,
    SolveError,
    SolveWarning,
    StimulusError,
)
from memjax.solver import SraEsdirk
from tests.helpers import z_score
from tests.systems.exact import Geometric, LinearDrift, OrnsteinUhlenbeck, Resistor

HELD = mj.Sampled(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
FIXED, STIFF = mj.Fixed(0.02), mj.Stiff()
FIELDS = ("t", "v", "i", "state", "v_device", "i_device", "result", "accepted", "rejected")
ROUNDED = 1e-12
"""Adaptive steps begin with a millionth of the longest sweep, whose error is beyond its second power."""

BOTH = pytest.mark.parametrize("policy", [FIXED, STIFF], ids=["fixed", "stiff"])


def _geometric(policy=FIXED, *, members=3, **options):
    """Two sweeps of each member; the same lanes in most tests, which are one program."""
    about = {
        "save": 0.1,
        "conditions": mj.Conditions(carry_state=False),
        "members": members,
    } | options
    return mj.simulate(Geometric(), [HELD, HELD], policy=policy, **about)


def _quiet(policy=None, *, sweeps=1, save=0.5):
    return mj.simulate(OrnsteinUhlenbeck(sigma=0.0), [HELD] * sweeps, save=save, policy=policy)


@pytest.fixture(scope="module")
def spoilt():
    """Three members, of which the second fails: its growth does not end, and the numbers do."""
    options = dict(save=0.1, policy=mj.Fixed(0.1), members=3, output=mj.Output(on_failure="ignore"))
    run = lambda **o: mj.simulate(  # noqa: E731
        Geometric(),
        HELD,
        conditions=mj.Conditions(values={"a": np.array([[-1.0], [1e9], [-2.0]])}),
        **options | o,
    )
    return run(), run


def _same(a, b):
    return all(eqx.tree_equal(getattr(a, n), getattr(b, n)) for n in FIELDS)


@pytest.fixture(scope="module")
def ensemble():
    return mj.simulate(
        OrnsteinUhlenbeck(), HELD, save=0.1, policy=mj.Fixed(2e-3), members=2048, seed=3
    )


@pytest.mark.slow
def test_mean_and_variance_of_an_ensemble_are_the_exact_ones(ensemble):
    device = OrnsteinUhlenbeck()
    x = np.asarray(ensemble.check().state["x"])
    for row in (2, 5, 10):
        t = float(ensemble.t[row])
        mean, variance = float(device.mean(t, 0.5)), float(device.variance(t))
        assert abs(z_score(x[:, row], mean, expected_sd=variance**0.5)) < 4
        assert abs(z_score((x[:, row] - mean) ** 2, variance, expected_sd=2**0.5 * variance)) < 4


@pytest.mark.slow
def test_members_are_independent(ensemble):
    x = np.asarray(ensemble.state["x"])[:, -1]
    x = (x - x.mean()) / x.std()
    assert abs(z_score(x[1:] * x[:-1], 0.0, expected_sd=1.0)) < 4


@pytest.mark.few(1)
@pytest.mark.slow
@BOTH
def test_a_member_does_not_depend_on_how_many_there_are(policy):
    three, seven = _geometric(policy), _geometric(policy, members=7)
    np.testing.assert_array_equal(three.state["y"], seven.state["y"][:3])
    np.testing.assert_array_equal(three.i, seven.i[:3])
    np.testing.assert_array_equal(three.accepted, seven.accepted[:3])


@pytest.mark.slow
@BOTH
def test_a_seed_reproduces_and_another_one_differs(policy):
    run = lambda seed: _geometric(policy, seed=seed)  # noqa: E731
    assert _same(run(4), run(4))
    first = np.arange(22) % 11 == 0
    assert not np.any((run(4).state["y"] == run(5).state["y"])[:, ~first])


@pytest.mark.slow
@BOTH
def test_two_sweeps_of_one_device_see_different_noise(policy):
    trace = _geometric(policy)
    first, second = np.split(np.asarray(trace.state["y"]), 2, axis=1)
    assert np.all(first[:, 0] == 1.0)
    assert np.all(second[:, 0] == 1.0)
    assert not np.any(first[:, 1:] == second[:, 1:])
    np.testing.assert_array_equal(trace.sweep, np.repeat([0, 1], 11))


@pytest.mark.slow
def test_progress_and_chunks_change_nothing(capsys):
    rows = np.linspace(0.01, 1.0, 60)
    run = lambda **o: mj.simulate(  # noqa: E731
        Geometric(), HELD, save=rows, policy=mj.Fixed(0.01), members=2, **o
    )
    assert _same(run(), run(output=mj.Output(progress=True)))
    assert "simulate" in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_starts_where_the_one_before_ended_if_the_device_keeps_its_state():
    run = lambda **o: mj.simulate(LinearDrift(), [HELD, HELD], save=0.5, **o).state["w"][0]  # noqa: E731
    kept, fresh = run(), run(conditions=mj.Conditions(carry_state=False))
    np.testing.assert_allclose(kept[3], kept[2], rtol=1e-12)
    assert kept[5] > kept[3] > 0.11
    assert fresh[3] == 0.1
    assert fresh[2] > 0.11
    assert _quiet(sweeps=2).state["x"][0, 3] == 1.0  # volatile


@pytest.mark.study
def test_sweeps_of_different_lengths_are_those_of_single_runs():
    short = mj.Sampled(np.array([0.0, 0.5]), np.array([0.0, 1.0]))
    long = mj.Sampled(np.array([0.0, 0.5, 0.7, 1.0]), np.array([0.0, 1.0, -1.0, 2.0]))
    rows = [np.linspace(0.1, 0.5, 5), np.linspace(0.1, 1.0, 10)]
    tight = mj.Stiff(rtol=1e-8, atol=1e-11)
    quiet = OrnsteinUhlenbeck(sigma=0.0)
    both = mj.simulate(quiet, [short, long], save=rows, policy=tight).check()
    assert both.v.shape == (1, 15)
    for k, part in enumerate((slice(0, 5), slice(5, 15))):
        alone = mj.simulate(quiet, (short, long)[k], save=rows[k], policy=tight)
        np.testing.assert_allclose(both.state["x"][0, part], alone.state["x"][0], rtol=1e-6)
        np.testing.assert_array_equal(both.v[0, part], alone.v[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy",
    [pytest.param(FIXED, id="fixed"), pytest.param(STIFF, id="stiff", marks=pytest.mark.study)],
)
def test_noise_of_sweeps_of_different_lengths_is_that_of_single_runs(policy):
    short = mj.Sampled(np.array([0.0, 0.5]), np.array([0.0, 1.0]))
    long = mj.Sampled(np.array([0.0, 0.5, 0.7, 1.0]), np.array([0.0, 1.0, -1.0, 2.0]))
    rows = [np.linspace(0.1, 0.5, 5), np.linspace(0.1, 1.0, 10)]
    noisy = mj.simulate(OrnsteinUhlenbeck(), [short, long], save=rows, policy=policy)
    alone = mj.simulate(OrnsteinUhlenbeck(), short, save=rows[0], policy=policy)
    np.testing.assert_allclose(noisy.state["x"][0, :5], alone.state["x"][0], rtol=ROUNDED)


@pytest.mark.slow
def test_equal_sweeps_without_noise_are_equal_and_in_order():
    other = mj.Sampled(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    about = dict(save=0.25, members=2, policy=FIXED)
    trace = mj.simulate(OrnsteinUhlenbeck(sigma=0.0), [HELD, other, HELD], **about)
    x = np.asarray(trace.state["x"]).reshape(2, 3, 5)
    np.testing.assert_array_equal(x[:, 0], x[:, 2])
    np.testing.assert_array_equal(x[0], x[1])
    assert np.all(x[0, 0, 1:] != x[0, 1, 1:])
    assert trace.result.shape == (2, 3)


PULSES = mj.PulseTrain(0.5, width=0.2, period=0.4, count=2, delay=0.1, edge=0.01)
STIMULI = {
    "pulses": PULSES,
    "product": 0.5 * PULSES,
    "sum": PULSES + mj.Sine(0.3, 1.0),
    "triangle": mj.triangle_sweep(0.5, 2.0),
}


WAYS = {"auto": (None, 0.0), "fixed": (FIXED, 0.0), "noisy": (None, 0.5)}
DRIVEN = [
    pytest.param(n, *x, id=f"{n}-{w}", marks=[pytest.mark.study] * (w == "noisy" and n != "sum"))
    for n in STIMULI
    for w, x in WAYS.items()
]


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(("name", "policy", "sigma"), DRIVEN)
def test_any_stimulus_drives_a_device_and_its_corners_are_landed_on(name, sigma, policy):
    drive, device = STIMULI[name], OrnsteinUhlenbeck(sigma=sigma)
    corners = np.asarray(drive.breakpoints())
    rows = np.linspace(0.05, 0.9, 18)
    trace = mj.simulate(device, [drive, drive], save=rows, policy=policy, seed=1).check()
    seen = np.asarray(jax.vmap(drive)(jnp.asarray(np.nextafter(rows, 0))))
    np.testing.assert_allclose(trace.v[0], np.tile(seen, 2), atol=1e-12)
    if sigma == 0:  # x(t) = exp(-3 t) + 3 int exp(-3 (t - s)) u(s) ds, by parts between corners
        ends = np.unique(np.concatenate([[0.0, rows[-1]], corners[corners < rows[-1]]]))
        nodes, weights = np.polynomial.legendre.leggauss(12)
        middle, half = 0.5 * (ends[1:] + ends[:-1]), 0.5 * np.diff(ends)
        s = (middle[:, None] + half[:, None] * nodes).ravel()
        u = np.asarray(jax.vmap(drive)(jnp.asarray(s)))
        pull = (half[:, None] * weights).ravel() * 3 * np.exp(-3 * (rows[-1] - s)) * u
        exact = np.exp(-3 * rows[-1]) + pull.sum()
        # Steps of 0.01 are right to first order: k u h at most.
        atol = 1e-5 if policy is None else 3 * 0.5 * 0.02
        np.testing.assert_allclose(trace.state["x"][0, len(rows) - 1], exact, atol=atol)


@pytest.mark.study
def test_short_edges_late_in_time_are_walked_in_few_steps():
    # Edges of 1 ns after 50 s: 10^5 times the resolution of time there, fewer levels than a tree has.
    late = mj.PulseTrain(0.5, width=1e-3, period=2e-3, count=3, delay=50.0, edge=1e-9)
    rows = 50.0 + 1e-3 * np.arange(1, 7)
    device = OrnsteinUhlenbeck(sigma=1e-4)  # that noise does not cost
    trace = mj.simulate(device, late, save=rows, members=3, seed=1).check()
    assert np.all(np.asarray(trace.accepted) < 1000)
    np.testing.assert_allclose(trace.v[0, ::2], 0.5, rtol=1e-9)


@pytest.mark.slow
def test_a_row_that_is_a_corner_but_for_rounding_is_that_corner():
    corners = mj.Sampled(np.array([0.0, 0.3, 0.6]), np.array([0.0, 1.0, 0.0]))
    runs = [
        mj.simulate(OrnsteinUhlenbeck(), corners, save=rows, seed=2)
        for rows in (np.array([0.3, 0.6]), np.array([0.1 + 0.2, 0.6]))
    ]
    assert runs[0].t[0] != runs[1].t[0]
    for name in ("state", "accepted", "rejected"):
        assert eqx.tree_equal(*(getattr(run, name) for run in runs))


@pytest.mark.slow
def test_rows_are_given_by_interval_times_or_default():
    np.testing.assert_allclose(_quiet(save=0.5).t, [0, 0.5, 1])
    np.testing.assert_allclose(_quiet(save=np.array([0.3, 0.6, 0.9])).t, [0.3, 0.6, 0.9])
    sweep = mj.triangle_sweep(0.3, 0.7)
    default = np.asarray(mj.simulate(Resistor(), sweep).t)
    assert np.all(np.diff(default) > 1e-9)
    assert len(default) >= 1001
    assert np.min(np.abs(default - sweep.breakpoints()[1])) < 1e-12


@pytest.mark.slow
def test_values_differ_between_members_and_sweeps():
    ohms = np.array([[1e3, 2e3], [3e3, 4e3]])
    trace = mj.simulate(
        OrnsteinUhlenbeck(sigma=0.0),
        [HELD, HELD],
        save=np.array([1.0]),
        members=2,
        conditions=mj.Conditions(values={"ohms": ohms}),
        policy=FIXED,
    )
    np.testing.assert_allclose(trace.i, 0.5 / ohms, rtol=1e-12)


def test_values_that_no_parameter_has_are_refused():
    with pytest.raises(ModelError, match=r"unknown parameter 'resistance'.*allowed: k, g"):
        mj.simulate(
            OrnsteinUhlenbeck(),
            HELD,
            conditions=mj.Conditions(values={"resistance": np.ones((1, 1))}),
        )
    with pytest.raises(BoundsError, match="ohms"):
        mj.simulate(
            OrnsteinUhlenbeck(),
            HELD,
            save=0.5,
            conditions=mj.Conditions(values={"ohms": -np.ones((1, 1))}),
        )


@pytest.mark.slow
def test_deterministic_leaves_out_diffusion_and_keeps_its_part_of_the_drift():
    values = {"sigma1": np.array([[8.0], [0.0]]), "sigma2": np.array([[5.0], [0.0]])}
    about = dict(
        save=np.array([0.01, 0.02]),
        members=2,
        conditions=mj.Conditions(values=values),
        policy=mj.Fixed(1e-4),
    )
    about |= {"deterministic": True}
    runs = [mj.simulate(mj.DiffusiveMemristor(), HELD, seed=seed, **about) for seed in (0, 1)]
    np.testing.assert_array_equal(runs[0].state["f"], runs[1].state["f"])
    strong, none = np.asarray(runs[0].state["f"])[:, -1]
    # psi > 1: the filament decays faster where the rates fluctuate.
    assert strong < 0.99 * none


@pytest.mark.slow
def test_the_step_limit_and_a_value_that_is_no_number_are_told_apart(spoilt):
    few = dict(save=0.1, policy=mj.Stiff(max_steps=3))
    with pytest.warns(SolveWarning, match=r"1 of 1 solves failed \(step_limit 1x\)"):
        stuck = mj.simulate(LinearDrift(), HELD, **few)
    with pytest.raises(SolveError, match=r"step_limit 1x.*allow more steps \(mj\.Stiff\(max_steps"):
        mj.simulate(LinearDrift(), HELD, output=mj.Output(on_failure="raise"), **few)
    assert Result(int(stuck.result[0, 0])) is Result.step_limit
    with pytest.raises(
        SolveError, match=r"1 of 1 solves failed \(step_limit 1x\); in members \[0\]"
    ):
        stuck.check()
    # For growth that does not end the numbers do.
    lost, _ = spoilt
    assert Result(int(lost.result[1, 0])) in (Result.not_finite, Result.newton_failed)


@pytest.mark.slow
def test_not_a_number_in_the_drift_is_reported_as_such(monkeypatch):
    """It arises inside: a parameter that is none is refused, whatever put it there."""
    bad = eqx.tree_at(lambda d: d.a, Geometric(b=0.0), jnp.asarray(jnp.nan))
    with pytest.raises(mj.errors.BoundsError, match="a = nan 1/s; in Geometric"):
        mj.simulate(bad, HELD)
    checks = importlib.import_module("memjax.simulate.checks")
    monkeypatch.setattr(checks, "check_modules", lambda tree: None)
    for policy in (mj.Stiff(max_steps=200), mj.Fixed(0.1)):
        trace = mj.simulate(
            bad, HELD, save=0.5, policy=policy, output=mj.Output(on_failure="ignore")
        )
        assert Result(int(trace.result[0, 0])) is Result.not_finite


@pytest.mark.slow
@BOTH
def test_a_trace_says_how_many_steps_were_taken_and_how_many_refused(policy):
    trace = _geometric(policy)
    assert trace.accepted.shape == trace.rejected.shape == (3, 2)
    assert np.all(trace.accepted >= 10)
    if policy is FIXED:  # 10 intervals of 5 steps, and one of no length at the start
        np.testing.assert_array_equal(trace.accepted, 55)
        np.testing.assert_array_equal(trace.rejected, 0)


@pytest.mark.slow
def test_a_quiet_run_says_how_many_steps_it_took():
    trace, loose = _quiet(), _quiet(mj.Stiff(rtol=1e-2))
    assert trace.accepted[0, 0] > loose.accepted[0, 0] > 0


@pytest.mark.study
def test_an_ensemble_under_adaptive_steps_has_the_exact_mean_and_variance():
    device, rows = OrnsteinUhlenbeck(), np.array([0.2, 1.0])
    trace = mj.simulate(device, HELD, save=rows, members=2000, seed=5, policy=STIFF).check()
    for t, x in zip(rows, np.asarray(trace.state["x"]).T):
        mean, variance = float(device.mean(t, 0.5)), float(device.variance(t))
        assert abs(z_score(x, mean, expected_sd=variance**0.5)) < 4
        assert abs(z_score((x - mean) ** 2, variance, expected_sd=2**0.5 * variance)) < 4


@pytest.mark.integration
def test_failed_members_are_dropped_by_good_and_counted_by_check(spoilt):
    with pytest.warns(SolveWarning, match=r"geometric: 3 members.*drops the 1 of 3 members"):
        trace = spoilt[1](output=mj.Output(on_failure="warn"))
    np.testing.assert_array_equal(trace.failed, [1])
    with pytest.raises(SolveError, match=r"1 of 3 solves failed.*in members \[1\]"):
        trace.check()
    assert trace.good().accepted.shape == (2, 1)
    good = trace.good().check()
    np.testing.assert_array_equal(good.state["y"], trace.state["y"][np.array([0, 2])])
    assert good.v.shape[0] == good.result.shape[0] == 2


@pytest.mark.integration
def test_a_failed_member_gives_nothing_unless_it_is_asked_for(spoilt):
    trace, _ = spoilt
    assert trace.member(0).v.shape == trace.member(1, failed=True).v.shape == (11,)
    with pytest.raises(SolveError, match=r"member 1; take trace\.good\(\).*failed=True"):
        trace.member(1)
    with pytest.raises(SolveError, match="1 of 3 solves failed"):
        trace.to_pandas()
    assert 2 * len(trace.to_pandas(failed=True)) == 3 * len(trace.good().to_pandas())
    for wrong in (3, -4, 0.0, "first"):
        with pytest.raises(BoundsError, match="allowed: 0 to 2"):
            trace.member(wrong)
    assert max(map(len, repr(trace).split("\n"))) <= WIDTH
    text = " ".join(repr(trace).split())
    assert "3 members, 1 sweeps, 11 rows; states y; Fixed(dt=0.1)" in text
    assert "1 of 3 solves failed" in text
    assert "all solves ended well" in " ".join(repr(trace.good()).split())


def test_refusals_reach_the_user():
    with pytest.raises(PolicyError, match="adaptive steps with noise"):
        mj.simulate(Geometric(), HELD, policy=mj.Stiff(method=dfx.ItoMilstein()))
    with pytest.raises(PolicyError, match=r"allowed: SraEsdirk\(structure=Diagonal\)"):
        mj.simulate(Geometric(), HELD, policy=mj.Stiff(method=SraEsdirk()))
    with pytest.raises(PolicyError, match="Stratonovich"):
        mj.simulate(Geometric(), HELD, policy=mj.Fixed(0.1, method=dfx.EulerHeun()))
    with pytest.raises(StimulusError, match="one set of rows per sweep"):
        mj.simulate(Geometric(), [HELD, HELD], save=[np.array([1.0])])
    with pytest.raises(StimulusError, match="sweeps of different kinds"):
        mj.simulate(OrnsteinUhlenbeck(sigma=0.0), [HELD, mj.PulseTrain(1.0, 0.1, 0.5)], save=0.5)


@pytest.mark.slow
def test_another_ito_method_agrees_with_the_default_in_distribution():
    run = lambda **o: np.asarray(  # noqa: E731
        mj.simulate(
            OrnsteinUhlenbeck(),
            HELD,
            save=np.array([0.5, 1.0]),
            members=1,
            policy=mj.Fixed(1e-3, **o),
        )
        .check()
        .state["x"]
    )
    np.testing.assert_allclose(run(), run(method=dfx.Euler()), atol=5e-3)


@pytest.mark.slow
def test_the_linear_drift_memristor_is_the_closed_form():
    sine = mj.Sine(1.0, 2.0)
    tight = mj.Stiff(rtol=1e-8, atol=1e-10)
    trace = mj.simulate(LinearDrift(), sine, save=0.02, policy=tight).check()
    t = np.asarray(trace.t)
    flux = (1 - np.cos(4 * np.pi * t)) / (4 * np.pi)
    np.testing.assert_allclose(trace.state["w"][0], LinearDrift().exact(flux), rtol=1e-6)


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("adjoint", ["forward", "reverse"])
def test_gradients_of_an_adaptive_solve_are_the_closed_form_s(adjoint):
    flux = 0.5 * 1.0
    modes = {"forward": dfx.ForwardMode(), "reverse": dfx.RecursiveCheckpointAdjoint()}
    policy = mj.Stiff(rtol=1e-8, atol=1e-10, max_steps=2000, adjoint=modes[adjoint])

    def last(theta):
        device = LinearDrift(k=theta[0], r_off=theta[1])
        return mj.simulate(device, HELD, save=np.array([1.0]), policy=policy).state["w"][0, -1]

    theta = jnp.array([1e4, 1.6e4])
    exact = jax.grad(lambda p: LinearDrift(k=p[0], r_off=p[1]).exact(flux))(theta)
    g = jax.jit((jax.jacfwd if adjoint == "forward" else jax.jacrev)(last))(theta)
    np.testing.assert_allclose(g, exact, rtol=1e-5)


@pytest.mark.slow
def test_gradients_of_a_noisy_simulation_agree_forward_reverse_and_with_differences():
    def charge(theta):
        device = OrnsteinUhlenbeck(k=theta[0], sigma=theta[1], ohms=theta[2])
        trace = mj.simulate(device, HELD, save=0.1, policy=mj.Fixed(0.05), members=2)
        return jnp.sum(trace.state["x"]) + 1e3 * jnp.sum(trace.i)

    theta = jnp.array([3.0, 0.5, 1e3])
    charge_of = jax.jit(charge)
    forward, reverse = (jax.jit(jac(charge))(theta) for jac in (jax.jacfwd, jax.jacrev))
    steps = np.diag(1e-5 * np.asarray(theta))
    central = [(charge_of(theta + s) - charge_of(theta - s)) / (2 * s.sum()) for s in steps]
    np.testing.assert_allclose(forward, reverse, rtol=1e-10)
    np.testing.assert_allclose(forward, central, rtol=1e-6)


@pytest.mark.slow
def test_gradients_with_respect_to_the_stimulus_are_finite_and_right():
    def last(v):
        held = mj.Sampled(jnp.array([0.0, 1.0]), jnp.stack([v, v]))
        trace = mj.simulate(OrnsteinUhlenbeck(sigma=0.0), held, save=np.array([1.0]))
        return trace.state["x"][0, -1]

    g = jax.jit(jax.jacfwd(last))(jnp.asarray(0.5))
    np.testing.assert_allclose(g, 1 - np.exp(-3.0), rtol=1e-4)


def test_a_trace_becomes_a_table_and_a_data_set_with_units():
    trace = _geometric()
    table = trace.to_pandas(device=True)
    assert list(table.columns) == [
        "member",
        "sweep",
        "t_s",
        "v_V",
        "i_A",
        "y",
        "v_device_V",
        "i_device_A",
    ]
    assert len(table) == 66
    assert set(table["member"]) == {0, 1, 2}
    assert set(table["sweep"]) == {0, 1}
    np.testing.assert_array_equal(table["y"], np.ravel(trace.state["y"]))
    data = trace.to_xarray()
    assert data["v"].attrs["units"] == "V"
    assert data["i"].attrs["units"] == "A"
    assert data["y"].dims == ("member", "row")
    assert data.attrs["model"] == "geometric"


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(mj.Fixed(5e-4), id="fixed"),
        pytest.param(STIFF, id="stiff", marks=pytest.mark.study),
    ],
)
def test_noise_of_a_sweep_does_not_depend_on_the_rows_of_the_sweeps_beside_it(policy):
    device = OrnsteinUhlenbeck()
    near, far = np.arange(1, 9) * 1e-3, np.arange(1, 9) * 3e-3
    sweep = mj.Sampled(np.array([0.0, 0.02]), np.array([0.0, 0.3]))
    options = {"policy": policy, "seed": 3}
    alone = mj.simulate(device, sweep, save=near, **options)
    both = mj.simulate(device, [sweep, sweep], save=[near, far], **options)
    np.testing.assert_allclose(both.state["x"][:, :8], alone.state["x"], rtol=ROUNDED)
    assert not np.array_equal(both.state["x"][:, 8:], alone.state["x"])


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(
    "drive",
    [
        mj.Sampled(1e-3 * np.array([0, 0.25, 0.75, 1]), np.array([0.0, 1.0, -1.0, 0.0])),
        mj.Sine(1.0, 1e3),
    ],
    ids=["ramp", "sine"],
)
def test_a_release_at_the_zero_of_the_drive_is_not_stepped_over(drive):
    # Below the hold voltage the switch opens in 1e-7 s; the ramp is there for 5e-5 s, a step was longer.
    rows = np.linspace(0.0, 1e-3, 401)
    trace = mj.simulate(mj.ThresholdSwitch(), drive, save=rows, policy=mj.Stiff(rtol=1e-6))
    assert float(trace.state["x"][0, 185]) > 0.99
    assert float(trace.state["x"][0, 200]) < 1e-3
    # Times of release do not depend on the tolerance beyond a row.
    fine = mj.simulate(mj.ThresholdSwitch(), drive, save=rows, policy=mj.Stiff(rtol=1e-8))
    opens = [int(np.argmax(np.asarray(t.state["x"][0, 100:]) < 0.5)) for t in (trace, fine)]
    assert abs(opens[0] - opens[1]) <= 1
