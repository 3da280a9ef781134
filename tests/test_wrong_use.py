"""Wrong arguments, as a new user gives them: each is one sentence of memjax, and none is computed."""

import jax
import numpy as np
import pytest

import memjax as mj
from memjax import observables, plot
from memjax.errors import MemjaxError
from memjax.solver import DriftImplicitEuler, SraEsdirk

pytestmark = pytest.mark.slow

DEVICE, SINE, ROWS = mj.Vteam(), mj.Sine(1.0, 1.0), np.linspace(0.0, 1.0, 5)
CURRENT = mj.Sine(1.0, 1.0, quantity="current")
LINES = [("in", mj.VoltageSource(), "a", "0"), ("d", DEVICE, "a", "0")]
PRESET = mj.presets.load("vteam/illustration")
POPULATION = mj.Population.of(DEVICE, ["k_on"], center=[0.0], covariance=[[1.0]])


def _simulate(device=DEVICE, stimulus=SINE, **options):
    return lambda _: mj.simulate(device, stimulus, **options)


def _conditions(**options):
    return lambda _: mj.simulate(DEVICE, SINE, conditions=mj.Conditions(**options))


CALLS = {
    "the name 'diffusive' in place of a model.*write mj.model": _simulate("diffusive"),
    "the class Vteam in place of a model.*make one: Vteam": _simulate(mj.Vteam),
    "a tuple in place of a model.*mj.params.replace": lambda _: mj.simulate(
        mj.presets.load("vteam/illustration"), SINE
    ),
    "the number 0.5 in place of a stimulus.*mj.Sampled": _simulate(stimulus=0.5),
    "a ndarray in place of a stimulus.*mj.Sampled": _simulate(stimulus=ROWS),
    "the class Sine in place of a stimulus": _simulate(stimulus=mj.Sine),
    "no sweep in place of a stimulus": _simulate(stimulus=[]),
    "sweeps of current and voltage": _simulate(stimulus=[SINE, CURRENT]),
    "the number 1000.0 in place of a bench; .*mj.Bench": _simulate(bench=1e3),
    "a dict in place of a bench": _simulate(bench={"compliance": 1e-3}),
    "compliance = '1u'": lambda _: mj.Bench(compliance="1u"),
    "the number 300.0 in place of an environment": _conditions(env=300.0),
    "temperature = -1 K": lambda _: mj.Environment(-1.0),
    "the class Stiff in place of a policy": _simulate(policy=mj.Stiff),
    "0.001 in place of a policy.*mj.Fixed": _simulate(policy=1e-3),
    "a method goes into mj.Fixed": _simulate(policy=DriftImplicitEuler()),
    "method = 'euler'": lambda _: mj.Fixed(0.1, method="euler"),
    "method = SraEsdirk; .*make one": lambda _: mj.Stiff(method=SraEsdirk),
    "rtol = 'fine'": lambda _: mj.Stiff(rtol="fine"),
    "adjoint = 'reverse'": lambda _: mj.Stiff(adjoint="reverse"),
    "members = 0; .*an integer >= 1": _simulate(members=0),
    "members = -2": _simulate(members=-2),
    "members = 2.5": _simulate(members=2.5),
    r"members = \[\]": _simulate(members=[]),
    "seed = 1.5; in simulate; allowed: an integer": _simulate(seed=1.5),
    "a key in place of a seed; .*keys are made from seed": lambda _: mj.simulate(
        DEVICE, SINE, seed=jax.random.key(0)
    ),
    "an interval of -0.1 s": _simulate(save=-0.1),
    "an interval of 0 s": _simulate(save=0.0),
    "an interval of nan s": _simulate(save=np.nan),
    "times that are negative, not finite or not ascending": _simulate(save=np.array([0.5, 0.1])),
    "a stimulus of 1 s and rows every 3 s": _simulate(save=3.0),
    r"times of shape \(0,\)": _simulate(save=np.zeros(0)),
    "text, 'all'; in save of simulate": _simulate(save="all"),
    "1 sweeps with rows for 2": _simulate(save=[ROWS, ROWS]),
    r"labels \[1, 2\]": _simulate(output=mj.Output(labels=[1, 2])),
    "a list in place of values": _conditions(values=[1, 2]),
    "unknown parameter 'foo'": _conditions(values={"foo": 1.0}),
    r"a value of shape \(3,\); .*\(members, sweeps\) = \(2, 1\)": _simulate(
        members=2, conditions=mj.Conditions(values={"k_on": np.ones(3)})
    ),
    r"a value of shape \(2,\); .* = \(2, 2\)": _simulate(
        stimulus=[SINE] * 2, members=2, conditions=mj.Conditions(values={"k_on": np.ones(2)})
    ),
    "the setting 'conduction' in values": _conditions(values={"conduction": "linear"}),
    "r_on = nan ohm": _conditions(values={"r_on": np.nan}),
    "on_failure = 'shout'": _simulate(
        save=0.5, policy=mj.Fixed(0.1), output=mj.Output(on_failure="shout")
    ),
    "a Sine in place of a measurement": lambda _: mj.simulate_like(DEVICE, SINE),
    "a int in place of a file": lambda _: mj.read(3),
    "unknown preset 'diffusive'": lambda _: mj.presets.load("diffusive"),
    r"unknown model \['a'\]": lambda _: mj.model(["a"]),
    "'vteam' in place of a device; .*mj.model": lambda _: mj.params.replace("vteam", {"k_on": 1.0}),
    "the class Vteam in place of a device": lambda _: mj.params.replace(mj.Vteam, {"k_on": 1.0}),
    r"a str in place of values.*mj.presets.load\(name\)\[1\]": lambda _: mj.params.replace(
        DEVICE, "vteam/illustration"
    ),
    "'1k' in place of a parameter": lambda _: mj.Resistor("1k"),
    "n = 0; in Population.sample": lambda _: mj.Population.of(
        DEVICE, ["k_on"], center=[0.0], covariance=[[1.0]]
    ).sample(0, 0),
    "a trace of 2 members; in switching; .*loop over them": lambda two: observables.switching(two),
    "a trace of 2 members; in pulse_responses": lambda two: observables.pulse_responses(two),
    "ndarray in place of data": lambda _: observables.switching(ROWS),
    "on-threshold = 'x' A": lambda two: observables.switching(two.member(0), on_threshold="x"),
    "a Trace in place of times": lambda two: observables.detect(two, two.v[0], level=0.1),
    "a Trace in place of a signal": lambda two: observables.detect(two.t, two, level=0.1),
    "a Trace in place of readings": lambda two: observables.summarise(two),
    "a Trace in place of t; in plot.traces": lambda two: plot.traces(two, {}),
    "a Trace in place of panels": lambda two: plot.traces(two.t, two),
    r"a of shape \(3,\) at 5 times": lambda two: plot.traces(two.t, {"a": ROWS[:3]}),
    "a Trace in place of trains; in plot.raster": lambda two: plot.raster(two),
    "a Member in place of intervals": lambda two: plot.isi_histogram(two.member(0)),
    "a Trace in place of a flow": lambda two: plot.phase_plane(two, ROWS, ROWS),
    "a Trace in place of x; in plot.curve": lambda two: plot.curve(two, ROWS),
    "a Trace in place of a recording": lambda two: plot.network_raster(two),
    "a ndarray and a NoneType in place of sweeps": lambda _: plot.iv(ROWS),
    "a NoneType in place of a netlist": lambda _: mj.Circuit(None),
    "a float in a branch; .*mj.Resistor": lambda _: DEVICE + 1.0,
    "a bench around a Circuit": lambda _: mj.simulate(
        mj.Circuit(LINES), SINE, bench=mj.Bench(compliance=1e-3)
    ),
    "a list in place of a dict|drives": lambda _: mj.Drives([SINE]),
    "amplitude = 'a'; in triangle_sweep": lambda _: mj.triangle_sweep("a", 1.0),
    "cycles = 1.5; in triangle_sweep": lambda _: mj.triangle_sweep(1.0, 1.0, cycles=1.5),
    "samples that are no arrays": lambda _: mj.Sampled(1.0, 2.0),
    "times that do not increase": lambda _: mj.Sampled([1.0, 0.0], [0.0, 1.0]),
    "count = 2.5": lambda _: mj.PulseTrain(1.0, 1.0, 2.0, 2.5),
    "cycles = -2; in Sine": lambda _: mj.Sine(1.0, 1.0, -2.0),
    "a sum of a stimulus and a float": lambda _: SINE + 1.0,
    "a stimulus times a Sine": lambda _: SINE * SINE,
    r"values of shape \(5,\) and a pattern of shape \(2,\)": lambda _: mj.expected(ROWS, ROWS[:2]),
}


@pytest.fixture(scope="module")
def two():
    return mj.simulate(DEVICE, SINE, save=ROWS, policy=mj.Fixed(0.1), members=2)


@pytest.mark.parametrize("match", CALLS)
def test_wrong_use_is_one_sentence_of_what_is_allowed(match, two):
    with pytest.raises(MemjaxError, match=match) as error:
        CALLS[match](two)
    assert "\n" not in str(error.value)
    assert error.value.allowed or error.value.fix


def test_what_is_meant_all_the_same_works(two):
    def run(**options):
        return mj.simulate(DEVICE, SINE, **({"policy": mj.Fixed(0.1), "save": ROWS} | options))

    np.testing.assert_array_equal(run(save=ROWS.tolist()).i, two.i[:1])
    beyond = run(save=np.array([0.5, 2.0]))  # a sine goes on
    assert beyond.t[-1] == 2.0
    values = run(members=2, conditions=mj.Conditions(values={"k_on": np.array([500.0, 600.0])}))
    assert values.check().v.shape == two.v.shape
    assert observables.switching(run()) == observables.switching(two.member(0))
    assert len(plot.iv(two).lines) == 2
    assert len(plot.iv(two.member(1)).lines) == len(plot.iv(ROWS, ROWS).lines) == 1
