"""What a caller gives: one number where one belongs, finite, in memory of its own; integers of any kind."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import memjax as mj
from memjax import learning, network
from memjax.data import DecayRecord, EnduranceRecord, PulseRecord
from memjax.errors import BoundsError, MemjaxError, ModelError, NetworkError, StimulusError
from memjax.noise import cycle_factors, device_key
from memjax.stimulus import Product

SINE, ROWS = mj.Sine(1.0, 1.0), np.linspace(0.0, 1.0, 3)
NOISY = mj.params.replace(mj.MetastableSwitches(), {"tau": 0.1, "noisy": 1.0})
QUICK = mj.Fixed(0.05)
MANY: Any = np.array([0.1, 0.5])

MAKE = {
    mj.Sine: dict(amplitude=0.5, frequency=2.0, cycles=3.0, offset=0.1),
    mj.PulseTrain: dict(
        amplitude=1.0, width=0.5, period=2.0, count=3, delay=0.5, edge=0.25, base=0.1, after=0.5
    ),
    mj.triangle_sweep: dict(amplitude=1.0, rate=2.0, negative=0.5, cycles=2),
    mj.staircase: dict(values=[0.0, 1.0], point_time=0.5),
    mj.Sampled: dict(times=np.array([0.0, 1.0]), values=np.array([0.5, 0.25])),
    Product: dict(part=SINE, factor=2.0),
    mj.Bench: dict(
        series_resistance=1e3, parallel_resistance=1e6, parallel_capacitance=1e-9, compliance=1e-3,
        compliance_negative=1e-4,
    ),
    mj.Environment: dict(temperature=310.0),
    mj.Event: dict(signal="v", level=0.5, rearm=0.25, size=2, start=0.5, stop=2.0),
    mj.TimeAbove: dict(signal="v", level=0.5, size=3),
    mj.Stiff: dict(rtol=1e-6, atol=1e-8, max_steps=1000, clock=10.0),
    mj.Fixed: dict(dt=0.5),
    mj.ReadNoise: dict(bandwidth=1e3, floor=1e-9, lsb=1e-12, full_scale=1e-3),
    mj.Resistor: dict(r=1e3),
    mj.Capacitor: dict(c=1e-9, v0=0.5),
    mj.CurrentLimiter: dict(limit=1e-6, r=2.0),
    mj.VoltageSource: dict(value=0.5),
    mj.CurrentSource: dict(value=0.5),
    mj.Mosfet: dict(beta=1e-3, v_t=0.5, n=1.25),
    learning.Protocol: dict(hold=0.5, steps=10, read_voltage=0.25, rest=0.5, rest_steps=2),
}  # fmt: skip
"""Arguments of constructors, each with values that are fine."""

for _name in mj.device_names():
    _kind = mj.device_class(_name)
    _rows = [r for r in mj.describe(_kind()) if isinstance(r["value"], float)]
    MAKE[_kind] = {r["name"]: r["value"] for r in _rows}

WRONG = [
    np.nan, -np.inf, np.float32("nan"), np.array(np.nan), jnp.asarray(jnp.nan), MANY, jnp.asarray(MANY), [0.1, 0.5],
    np.array([]), np.array([[1.0]]), "1k", "0.5", b"1", True, np.True_, np.array(True), 1j, np.array(1j),
    np.array("x"), np.datetime64("2020-01-01"), object(), {}, (), {"a": 1.0}, lambda: 1.0, np.ma, int, 10**400,
    10**5000,
]  # fmt: skip
"""What is no number, no single one, or no finite one, wherever it stands."""

_ARRAYS, _TEXT = {"times", "values"}, {"signal", "part"}
FIELDS = [(f, n) for f, options in MAKE.items() for n in options if n not in _TEXT]


def _call(make, **changes):
    return make(**(MAKE[make] | changes))


@pytest.mark.slow
@pytest.mark.wrong_types
@pytest.mark.parametrize("make", MAKE, ids=lambda f: f.__name__)
def test_numbers_of_every_kind_are_taken(make):
    numbers = {n: x for n, x in MAKE[make].items() if type(x) in (int, float)}
    for name, x in numbers.items():
        kinds = [np.array, jnp.asarray, type(np.asarray(x)[()])]
        for kind in kinds:
            assert _call(make, **{name: kind(x)}) is not None


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(FIELDS), st.sampled_from(range(len(WRONG))))
def test_a_wrong_value_in_any_field_is_refused_in_one_sentence(place, number):
    (make, name), wrong = place, WRONG[number]
    if name in _ARRAYS and np.shape(wrong) == (2,):
        return
    with pytest.raises(MemjaxError) as error:
        _call(make, **{name: wrong})
    assert "\n" not in str(error.value)
    assert error.value.allowed or error.value.fix


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    "make",
    [
        lambda: mj.Bench(series_resistance=1e5 * MANY),
        lambda: mj.Sine(MANY, 2.0),
        lambda: mj.Resistor(1e3 * MANY),
        lambda: mj.Vteam(r_on=jnp.array([1e3, 2e3])),
        lambda: mj.params.replace(mj.Vteam(), {"r_on": np.array([1e3, 2e3])}),
        lambda: mj.params.replace(mj.Vteam(), {"r_on": jnp.array([1e3, 2e3])}, numpy=True),
        lambda: SINE * MANY,
        lambda: mj.Event("v", MANY),
    ],
)
def test_an_array_in_place_of_a_number_says_how_an_ensemble_is_written(make):
    with pytest.raises(MemjaxError, match=r"of shape \(2,\);.*values=\{name: array\}"):
        make()


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    "make",
    [
        lambda x: mj.Sine(amplitude=x, frequency=2.0),
        lambda x: SINE * x,
        lambda x: mj.Bench(series_resistance=x, compliance=x),
        lambda x: mj.Resistor(x),
        lambda x: mj.params.replace(mj.Vteam(), {"r_on": x}),
        lambda x: mj.Event("v", x),
        lambda x: mj.triangle_sweep(x, 1.0),
    ],
)
def test_under_vmap_a_number_is_that_of_one_member(make):
    batched = jax.vmap(make)(jnp.array([100.0, 200.0]))
    assert any(np.shape(x)[:1] == (2,) for x in jax.tree.leaves(batched))
    assert jax.jit(lambda x: jax.tree.leaves(make(x)))(150.0)
    assert eqx.filter_vmap(lambda m: m)(batched) is not None
    with pytest.raises(MemjaxError, match=r"of shape \(2,\)"):
        jax.jit(make)(jnp.array([100.0, 200.0]))


def test_an_ensemble_that_vmap_made_is_refused_by_simulate_and_not_by_a_file(tmp_path):
    batched = jax.vmap(lambda r: mj.Vteam(r_on=r))(jnp.array([100.0, 200.0]))
    with pytest.raises(BoundsError, match=r" of shape \(2,\); in Vteam; .*values="):
        mj.simulate(batched, SINE, save=ROWS, policy=QUICK)
    branch = jax.vmap(mj.Resistor)(jnp.array([1e3, 2e3])) + mj.Vteam()
    with pytest.raises(BoundsError, match=r"r of shape \(2,\); in Resistor"):
        mj.simulate(branch, SINE, save=ROWS, policy=QUICK)
    mj.save(tmp_path / "batched.memjax", batched)
    np.testing.assert_array_equal(mj.load(tmp_path / "batched.memjax").r_on, batched.r_on)


def _changed(module, name, value):
    return eqx.tree_at(lambda m: getattr(m, name), module, value)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": _changed(mj.Vteam(), "r_on", jnp.asarray(jnp.nan))}, "r_on = nan ohm; in Vteam"),
        ({"stimulus": _changed(SINE, "amplitude", np.nan)}, "amplitude = nan V or A; in Sine"),
        ({"stimulus": _changed(SINE, "frequency", np.inf)}, "frequency = inf Hz; in Sine"),
        ({"stimulus": 2.0 * _changed(SINE, "offset", np.nan)}, "offset = nan"),
        (
            {"stimulus": _changed(mj.Sampled(ROWS, ROWS), "values", np.full(3, np.nan))},
            "values holds NaN; in Sampled",
        ),
        ({"bench": _changed(mj.Bench(compliance=1e-3), "compliance", np.nan)}, "compliance = nan A"),
        ({"conditions": mj.Conditions(env=_changed(mj.Environment(), "temperature", np.nan))}, "temperature = nan K"),
        ({"output": mj.Output(events={"on": _changed(mj.Event("i", 1e-6), "level", np.nan)})}, "level = nan"),
        ({"conditions": mj.Conditions(values={"r_on": np.nan})}, "r_on = nan ohm"),
        ({"conditions": mj.Conditions(initial={"x": np.nan})}, "x = nan"),
    ],
)  # fmt: skip
def test_nan_that_no_constructor_saw_is_refused_where_simulate_is_called(options, message):
    arguments = {"device": mj.Vteam(), "stimulus": SINE, "save": ROWS, "policy": QUICK} | options
    with pytest.raises(MemjaxError, match=message):
        mj.simulate(**arguments)


def test_an_infinite_start_of_a_node_is_refused():
    circuit = mj.Circuit(
        [("in", mj.VoltageSource(), "a", "0"), ("r", mj.Resistor(), "a", "b"), ("c", mj.Capacitor(), "b", "0")]
    )  # fmt: skip
    with pytest.raises(BoundsError, match=r"b\.v = inf V; in initial"):
        mj.simulate(
            circuit,
            SINE,
            save=ROWS,
            policy=QUICK,
            conditions=mj.Conditions(initial={"b.v": np.inf}),
        )


def _dense(x):
    return network.Projection(
        pre="a", post="b", edges=network.dense(1, 2), receptor=network.Receptor(tau=1e-3), weight=x
    )


def _measured(x):
    whole, limited = np.zeros(2, int), np.zeros(2, bool)
    return mj.Measurement(v=np.zeros(2), i=x, sweep=whole, at_compliance=limited, reader="none")


def memory_of(x):
    """Three numbers that begin at the memory of two."""
    return np.lib.stride_tricks.as_strided(x, (3,), (0,))


TAKEN = {
    "times": lambda x: mj.Sampled(x, np.zeros(2)).times,
    "values": lambda x: mj.Sampled(np.arange(2.0), x).values,
    "staircase": lambda x: mj.staircase(x, 1.0).values,
    "amplitude": lambda x: mj.Sine(x[0, ...], 1.0).amplitude,
    "compliance": lambda x: mj.Bench(compliance=x[0, ...]).compliance,
    "parameter": lambda x: mj.Resistor(x[0, ...]).r,
    "replace": lambda x: mj.params.replace(mj.Resistor(), {"r": x[0, ...]}).r,
    "ensemble": lambda x: mj.params.ensemble(mj.Resistor(), {"r": x})[0].r,
    "measurement": lambda x: _measured(x).i,
    "pulses": lambda x: PulseRecord(
        device="", g=np.tile(x, (1, 2))[:, :3], kinds=np.zeros(2, int), cycles=x[:1]
    ).cycles,
    "decay": lambda x: DecayRecord(label="", t=np.arange(3.0), r=memory_of(x)).r,
    "endurance": lambda x: EnduranceRecord(device="", cycles=np.arange(2.0), hrs=x, lrs=x).hrs,
    "population": lambda x: mj.Population.of(
        mj.Vteam(), ["r_on", "r_off"], center=x, covariance=np.eye(2)
    ).center,
    "root": lambda x: mj.Population(mj.Vteam(), ("r_on", "r_off"), x, np.eye(2)).center,
    "rate": lambda x: network.Poisson(name="p", n=2, rate=x).rate,
    "spikes": lambda x: network.SpikeList(name="s", n=1, source=np.zeros(2, int), time=x).time,
    "delays": lambda x: network.Edges(np.zeros(2, int), np.zeros(2, int), x).delay,
    "weights": lambda x: _dense(x).weight,
    "trace": lambda x: mj.Trace(
        t=x, sweep=np.zeros(2, int), v=x[None], i=x[None], state={"x": x[None]}, v_device=x[None], i_device=x[None],
        result=np.zeros((1, 1), int),
    ).state["x"],
}  # fmt: skip


@pytest.mark.wrong_types
@pytest.mark.parametrize("take", TAKEN)
def test_a_buffer_that_is_used_again_changes_nothing_that_was_made_of_it(take):
    # Aligned as XLA wants it, which is when JAX takes over memory of NumPy without a copy.
    memory = np.zeros(1024, np.uint8)
    begin = -memory.ctypes.data % 64
    buffer = memory[begin : begin + 16].view(float)
    buffer[:] = [1.0, 2.0]
    result = TAKEN[take](buffer)
    before = np.array(result)
    buffer[:] = [7.0, 8.0]
    np.testing.assert_array_equal(result, before)


@pytest.mark.integration
def test_a_loop_that_reuses_one_buffer_sweeps_each_time_otherwise():
    t, v = np.linspace(0.0, 1.0, 3), np.zeros(3)
    sweeps = []
    for height in (0.5, 1.0):
        v[:] = [0.0, height, 0.0]
        sweeps.append(mj.Sampled(t, v))
    trace = mj.simulate(mj.Vteam(), sweeps, save=t, policy=QUICK)
    np.testing.assert_allclose(trace.v[0].reshape(2, 3).max(axis=1), [0.5, 1.0])


def _run(**options):
    return mj.simulate(NOISY, SINE, save=ROWS, policy=QUICK, **options)


INTEGERS = [np.int64, np.int8, np.uint16, np.array, jnp.asarray, lambda k: jnp.uint8(k)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", INTEGERS)
def test_integers_of_any_kind_are_seeds_and_members(kind):
    expected = _run(seed=3, members=2).i
    assert np.std(expected[:, -1]) > 0
    np.testing.assert_array_equal(_run(seed=kind(3), members=kind(2)).i, expected)
    np.testing.assert_array_equal(_run(seed=3, members=[kind(0), kind(1)]).i, expected)
    more: dict[str, Any] = {"sigma_ln": {"a": 0.1}, "sweeps": 1}
    factors = cycle_factors(kind(3), members=kind(2), first=kind(1), **more)["a"]
    np.testing.assert_array_equal(factors, cycle_factors(3, members=2, first=1, **more)["a"])
    population = mj.Population.of(mj.Vteam(), ["r_on"], center=[0.0], covariance=[[1.0]])
    drawn = population.sample(kind(3), kind(2), first=kind(1))["r_on"]
    np.testing.assert_array_equal(drawn, population.sample(3, 2, first=1)["r_on"])
    sources = [network.Poisson(name="p", n=1, rate=1.0)]
    assert network.Network(groups=sources, dt=1e-3, seed=kind(3)).seed == 3


@pytest.mark.slow
def test_members_have_the_noise_that_they_always_had():
    # Of jax.random.key and fold_in (threefry), written down before members were checked.
    key = device_key(3, member=2**32 - 1, sweep=1)
    by_hand = jax.random.fold_in(jax.random.key(3), 0)
    for n in (2**32 - 1, 1):
        by_hand = jax.random.fold_in(by_hand, n)
    assert jnp.all(jax.random.key_data(key) == jax.random.key_data(by_hand))
    last = _run(members=[5, 2**32 - 1]).i
    np.testing.assert_array_equal(last[:1], _run(members=6).i[5:])
    assert np.any(last[0] != last[1])


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"members": [0, 2**32]}, r"members = \[0, 4294967296\]; .*< 4294967296"),
        ({"members": 2**40}, "members = 1099511627776"),
        ({"members": [-1]}, r"members = \[-1\]"),
        ({"members": [2**70]}, "members = "),
        ({"members": True}, "members = True"),
        ({"members": [[0], [1]]}, "members = "),
        ({"members": [[0], [1, 2]]}, "members = "),
        ({"members": "2"}, "members = '2'"),
        ({"seed": 2**64 + 3}, "seed = 18446744073709551619; in simulate; allowed: an integer"),
        ({"seed": np.uint64(2**63)}, "seed = "),
        ({"seed": True}, "seed = True"),
        ({"seed": 3.0}, "seed = 3.0"),
        ({"seed": np.array([3])}, "seed = "),
        ({"seed": "3"}, "seed = '3'"),
        ({"seed": None}, "seed = None"),
        ({"seed": 10**5000}, "seed = an integer of 16610 bits"),
    ],
)
def test_what_is_no_member_or_seed_is_refused_by_name(options, message):
    with pytest.raises(BoundsError, match=message):
        _run(**options)


def test_without_x64_a_seed_that_jax_would_cut_is_refused():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(BoundsError, match=r"seed = 4294967299; in device_key.*<= 2147483647"):
            device_key(2**32 + 3, member=0, sweep=0)
        assert device_key(3, member=0, sweep=0) is not None
    finally:
        jax.config.update("jax_enable_x64", True)


@pytest.mark.wrong_types
@pytest.mark.parametrize("seed", [2**64 + 3, 1.5, "a", None, -1])
def test_other_seeds_are_refused_by_name_too(seed):
    population = mj.Population.of(mj.Vteam(), ["r_on"], center=[0.0], covariance=[[1.0]])
    if seed == -1:  # a seed of JAX, and none of NumPy, whose seeds may be long
        with pytest.raises(NetworkError, match=r"seed = .*in fixed_fan_in"):
            network.fixed_fan_in(2, 2, 1, seed=seed)
    else:
        with pytest.raises(ModelError, match=r"seed = .*in Population.sample"):
            population.sample(seed, 2)
        with pytest.raises(NetworkError, match=r"seed = .*in Network"):
            network.Network(groups=[network.Poisson(name="p", n=1, rate=1.0)], dt=1e-3, seed=seed)


def test_members_beyond_the_counters_of_the_noise_are_refused():
    with pytest.raises(BoundsError, match=r"first = 4294967295; .*<= 4294967294"):
        cycle_factors(0, {"a": 0.1}, members=2, sweeps=1, first=2**32 - 1)
    with pytest.raises(BoundsError, match="member = 4294967296"):
        device_key(0, member=2**32, sweep=0)


def test_every_number_of_a_stimulus_or_bench_is_declared_as_one():
    for kind in (mj.Sine, mj.PulseTrain, mj.Bench, mj.Environment, mj.Event, mj.TimeAbove, Product):
        plain = [f.name for f in dataclasses.fields(kind) if not f.metadata]
        assert plain in ([], ["part"]), kind


def test_samples_of_several_sweeps_are_refused():
    with pytest.raises(StimulusError, match=r"samples of shape \(2, 3\).*a sequence of stimuli"):
        mj.Sampled(np.tile(ROWS, (2, 1)), np.zeros((2, 3)))


def test_seeds_of_numpy_may_be_long_in_single_precision():
    with jax.enable_x64(False):
        edges = network.fixed_fan_in(4, 4, 2, seed=2**63)
    assert edges.pre.size == 8
