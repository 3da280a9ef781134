"""Fixed steps that cannot be right are said: too long for a rate, for a pulse, for a state; drives without a number."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.fields import state
from memjax.core.system import AbstractSystem, NoNoise
from memjax.errors import PolicyError, SolveWarning, StepWarning
from memjax.lanes.cc import library
from memjax.simulate import batch
from memjax.simulate.resolution import check_pulses_seen
from memjax.solver import SemiImplicitEuler
from tests.systems.exact import Resistor, number

EXPLICIT = SemiImplicitEuler()
HOLD = mj.Sampled(np.array([0.0, 1.0]), np.array([1.0, 1.0]))


class Line(AbstractSystem):
    """dx/dt = rate x, without bounds."""

    rate: Float[Array, ""] = number(1.0)  # an array: one program for all rates
    specs = (state("x", unit="1", scale=1.0, bounds=(-np.inf, np.inf), doc="State."),)
    noise_structure = NoNoise

    def initial(self, env):
        return {"x": jnp.asarray(1.0)}

    def drift(self, t, state, u, env):
        return {"x": self.rate * state["x"]}

    def noise(self, t, state, u, env):
        return {}

    def project(self, state):
        return state

    def confine(self, state, before, u):
        return state

    def outputs(self, t, state, u, env):
        return {"v": u, "i": state["x"]}


class Lost(mj.stimulus.AbstractStimulus):
    """A drive of a user's own, which is no number from 0.55 s on."""

    quantity: str = eqx.field(static=True, default="voltage")

    def __call__(self, t):
        return jnp.where(t > 0.55, jnp.sqrt(-t), t)

    def breakpoints(self):
        return np.array([0.0, 1.0])

    @property
    def duration(self):
        return 1.0


@pytest.fixture(params=["C", "XLA"])
def backend(request, monkeypatch):
    """Each of both ways to take semi-implicit steps."""
    if request.param == "XLA":
        monkeypatch.setattr(batch, "reason_for_xla", lambda *args: "asked for")
    elif library.find_compiler() is None:
        pytest.skip("no compiler of C")
    return request.param


def line(rate, dt, **options):
    return mj.simulate(Line(rate), HOLD, policy=mj.Fixed(dt, method=EXPLICIT), **options)


@pytest.mark.slow
def test_a_step_far_too_long_for_a_node_is_a_failure_that_names_it(backend):
    """A node behind a compliance is taken explicitly: it grew to 4e216 V, and the solve was called successful."""
    bench = mj.Bench(series_resistance=440e3, parallel_capacitance=4e-9, compliance=1e-6)
    policy = mj.Fixed(2e-3, method=EXPLICIT)
    drive = mj.triangle_sweep(0.5, 0.5)
    with pytest.warns(
        SolveWarning, match=r"dt = 0.002 s, of which .* 1.6e\+06 1/s, is 3.21e\+03"
    ) as caught:
        trace = mj.simulate(mj.DiffusiveMemristor(), drive, bench=bench, policy=policy, members=3)
    assert np.all(np.asarray(trace.result) == mj.Result.step_too_long)
    assert caught[0].filename == __file__


@pytest.mark.slow
def test_a_state_beyond_any_scale_is_a_failure(backend):
    """It grows by a tenth in each step, to 1e41 times its scale: no number is lost, and no step is too long."""
    trace = line(100.0, 1e-3, output=mj.Output(on_failure="ignore"))
    assert np.isfinite(np.asarray(trace.state["x"])).all()
    assert int(trace.result[0, 0]) == mj.Result.runaway
    assert np.all(np.asarray(line(10.0, 1e-3).result) == 0)  # to 2e4 times its scale


@pytest.mark.slow
@pytest.mark.parametrize(("product", "word"), [(1.9, None), (2.5, "coarse"), (11.0, "failed")])
def test_a_decay_is_compared_with_the_step(backend, product, word):
    """Errors of explicit steps grow beyond a product of 2; beyond 10 nothing of the path is left."""
    if word == "coarse":
        with pytest.warns(
            StepWarning, match=r"dt = 0.01 s, of which .* 250 1/s, is 2.5 .*dt = 0.004 s"
        ):
            line(-product / 1e-2, 1e-2, save=np.array([0.05]))
    elif word == "failed":
        trace = line(
            -product / 1e-2, 1e-2, save=np.array([0.05]), output=mj.Output(on_failure="ignore")
        )
        assert int(trace.result[0, 0]) == mj.Result.step_too_long
    else:
        assert int(line(-product / 1e-2, 1e-2, save=np.array([0.05])).result[0, 0]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vteam", "linear-drift", "second-order"])
def test_a_state_at_rest_on_a_bound_is_no_fast_one(backend, model):
    """Its rate fades to 0, and steeply: steps of any length are right."""
    device = mj.model(model)
    away = mj.Sampled(np.array([0.0, 1.0]), np.array([2.0, 2.0]))
    bound = {s.name: s.bounds[1] for s in device.states}
    options = {"policy": mj.Fixed(0.01, method=EXPLICIT), "save": 0.1, "deterministic": True}
    trace = mj.simulate(
        device,
        away,
        conditions=mj.Conditions(initial=bound),
        **options,
        output=mj.Output(on_failure="ignore"),
    )
    still = all(np.ptp(np.asarray(x)) == 0 for x in trace.state.values())
    assert (int(trace.result[0, 0]) == 0) or not still


@pytest.mark.slow
def test_derivatives_through_steps_do_not_see_the_rates_that_were_looked_at():
    """d/dk of (1 + k h)^n, exactly."""

    def end(k):
        silent = mj.Output(on_failure="ignore")
        return line(k, 0.1, save=np.array([0.5]), output=silent).state["x"][0, 0]

    expected = 5 * 0.1 * (1 - 0.3 * 0.1) ** 4
    both = jax.jit(lambda k: (jax.grad(end)(k), jax.jacfwd(end)(k)))(-0.3)
    np.testing.assert_allclose(both, expected, rtol=1e-12)


@pytest.mark.few(5)
@pytest.mark.slow
@pytest.mark.parametrize(
    "model", ["vteam", "diffusive", "yakopcic", "second-order", "stanford-pku"]
)
def test_a_drive_without_a_number_is_a_failure(backend, model):
    """Rates take it for no voltage in a branch: states stay finite."""
    policies = [mj.Fixed(0.01, method=EXPLICIT, single_precision=True)]
    policies += [mj.Stiff(), mj.Fixed(0.01)] if backend == "XLA" and model == "vteam" else []
    for policy in policies:
        options = {
            "policy": policy,
            "save": 0.1,
            "members": 2,
            "output": mj.Output(on_failure="ignore"),
        }
        trace = mj.simulate(mj.model(model), Lost(), deterministic=True, **options)
        assert np.all(np.asarray(trace.result) != 0), policy


@pytest.mark.integration
def test_a_traced_drive_without_a_number_is_flagged():
    def result(height):
        policy = mj.Fixed(0.01, method=EXPLICIT)
        drive = mj.Sampled(np.array([0.0, 1.0]), jnp.stack([height, height]))
        return mj.simulate(mj.model("vteam"), drive, policy=policy, save=0.1).result[0, 0]

    codes = jax.vmap(result)(jnp.array([0.1, jnp.nan, jnp.inf]))
    np.testing.assert_array_equal(codes, [0, mj.Result.out_of_bounds, mj.Result.out_of_bounds])


PULSES = mj.PulseTrain(1.0, 1e-3, 1e-2, count=5)
END = np.array([0.05])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("drive", "dt", "rows", "width"),
    [
        (PULSES, 5e-3, END, 1e-3),
        (PULSES * -2.0, 1.1e-3, END, 1e-3),
        (PULSES + mj.Sine(0.1, 20.0, 1.0), 5e-3, END, 1e-3),
        (mj.Drives({"a": HOLD, "b": PULSES}), 5e-3, END, 1e-3),
        (mj.PulseTrain(1.0, 9e-3, 1e-2, count=5), 2e-3, END, 1e-3),  # gaps
        (mj.Sine(1.0, 100.0, 5.0), 6e-3, END, 2.5e-3),
        (
            mj.Sampled(np.array([0.0, 0.02, 0.021, 0.022, 0.05]), np.array([0, 0, 1, 0, 0.0])),
            5e-3,
            END,
            1e-3,
        ),
    ],
)
def test_a_pulse_shorter_than_a_step_is_refused(drive, dt, rows, width):
    """Steps passed 1 ms pulses by without a word, and integrals counted them."""
    text = rf"a pulse, or a gap between pulses, of {width:.3g} s"
    with pytest.raises(PolicyError, match=text):
        check_pulses_seen(mj.Fixed(dt), [drive], [rows])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("drive", "dt", "rows"),
    [
        (PULSES, 1e-3, END),
        (PULSES, 5e-3, np.unique(np.append(PULSES.breakpoints(), 0.05))),  # steps land on them
        (mj.triangle_sweep(0.5, 0.5), 1.9, np.array([4.0])),
        (mj.Sine(1.0, 100.0, 5.0), 1e-3, END),
        (
            mj.staircase(np.linspace(0, 1, 100), 1e-3),
            5e-3,
            np.array([0.1]),
        ),  # stairs of one direction
        (
            mj.Sampled(np.arange(50) * 1e-3, np.sin(np.arange(50)) * 1e-3 + np.arange(50)),
            5e-3,
            END,
        ),  # noise
    ],
)
def test_what_steps_see_is_not_refused(drive, dt, rows):
    check_pulses_seen(mj.Fixed(dt), [drive], [rows])


def test_a_wiggle_of_single_samples_on_which_steps_land_is_seen():
    """As `simulate_like` has it: a row for each sample."""
    times = np.arange(200) * 1e-3
    drive = mj.Sampled(times, np.random.default_rng(0).normal(size=200))
    check_pulses_seen(mj.Fixed(1e-3), [drive], [times])
    read = mj.Sampled(times, 0.1 + 1e-5 * np.random.default_rng(0).normal(size=200))
    check_pulses_seen(mj.Fixed(1e-2), [read], [np.array([0.19])])


def test_pulses_are_looked_at_under_jit_too():
    """A known drive inside a traced function."""
    check = lambda dt: check_pulses_seen(mj.Fixed(dt), [PULSES], [END])  # noqa: E731

    def traced(x, dt):
        check(dt)
        return x

    assert jax.jit(lambda x: traced(x, 1e-3))(1.0) == 1.0
    with pytest.raises(PolicyError, match="a pulse, or a gap"):
        jax.jit(lambda x: traced(x, 5e-3))(1.0)


@pytest.mark.slow
def test_simulate_refuses_steps_over_pulses_and_adaptive_steps_see_them():
    device, options = Resistor(), {"save": END, "output": mj.Output(integrals=("charge",))}
    with pytest.raises(PolicyError, match=r"steps of 0.005 s over a pulse"):
        mj.simulate(device, PULSES, policy=mj.Fixed(5e-3), **options)
    charge = mj.simulate(device, PULSES, **options).integrals["charge"][0, -1]
    np.testing.assert_allclose(charge, 5 * 1e-3 * 1.0 / 1e3, rtol=1e-4)  # five pulses of 1 ms
