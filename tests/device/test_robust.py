"""Random parameter sets inside the bounds of every model, in both precisions: see benchmarks/cases/robustness."""

import importlib
from collections import Counter

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from benchmarks.cases.robustness.checks import (
    Tally,
    count_points,
    count_solves,
    noise_free,
    run_sets,
    strengths,
)
from benchmarks.cases.robustness.points import Point
from benchmarks.cases.robustness.sampling import (
    PROBES,
    VOLTAGE,
    draw_drives,
    draw_parameter,
    draw_sets,
    draw_states,
)
from benchmarks.cases.robustness.solves import (
    Fate,
    Paths,
    Program,
    Solved,
    is_random,
    solve_few,
)
from benchmarks.cases.robustness.table import table
from memjax.core.fields import parameter_specs
from memjax.core.params import unconstrain
from memjax.device import laws

NAMES = mj.device_names()
SETS = 100
PROGRAM = Program(mj.Fixed(1.0), rows=8, substeps=4)
MOST_FAILED = 0.1
"""Of 100 sets, where at most 3 in 100 fail of 10,000: 0.03 and four standard deviations."""

KINDS = ("diffusive", "langevin-chain", "event-switches")
"""An area that locks, a vector of states, jumps; solves of the others are with the studies."""

SOLVED = [
    pytest.param(
        *(n, double),
        id=f"float{64 if double else 32}-{n}",
        marks=[pytest.mark.slow] * double + [pytest.mark.study] * (n not in KINDS),
    )
    for n in NAMES
    for double in (False, True)
]


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(("name", "double"), SOLVED)
def test_solves_at_random_parameters_are_finite_with_their_derivatives_or_flagged(name, double):
    with jax.enable_x64(double):
        model = mj.device_class(name)()
        sets = draw_sets(model, SETS)
        tally = run_sets(model, PROGRAM, sets, batch=SETS, solve=solve_few, points=False)
    kind = np.float64 if double else np.float32
    assert {x.dtype for x in jax.tree.leaves((sets.device, sets.slope))} == {np.dtype(kind)}
    assert tally.sets == SETS
    assert tally.broken == {}
    assert tally.share <= MOST_FAILED, tally.failed


@pytest.mark.few(8)
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_equations_at_random_states_and_voltages_are_finite_pinched_and_passive(name):
    with jax.enable_x64(False):
        model, tally = mj.device_class(name)(), Tally()
        count_points(model, draw_sets(model, SETS, seed=1), tally)
    assert tally.broken == {}, f"for example at {tally.examples}"


@pytest.mark.few(2)
@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAMES if strengths(mj.device_class(n)())])
def test_without_noise_two_seeds_give_one_path_bit_by_bit_and_with_noise_they_do_not(name):
    with jax.enable_x64(False):
        model = mj.device_class(name)()
        sets = draw_sets(model, SETS)
        assert noise_free(model, PROGRAM, sets, solve=solve_few) == (True, True)


@pytest.mark.integration
def test_only_event_switches_are_random_without_a_strength_that_could_be_0():
    models = [mj.device_class(n)() for n in NAMES]
    assert [m.name for m in models if is_random(m) and not strengths(m)] == ["event-switches"]


@pytest.mark.slow
def test_the_compiled_program_solves_what_simulate_solves(monkeypatch):
    # Its drives have pulses that are shorter than its steps, which `simulate` refuses.
    module = importlib.import_module("memjax.simulate.simulation")
    monkeypatch.setattr(module, "check_pulses_seen", lambda *args: None)
    model = mj.device_class("mms")()
    sets, probes = draw_sets(model, SETS), draw_states(model, PROBES)
    found = solve_few(PROGRAM, sets, probes)
    first = jax.tree.map(lambda x: x[0], sets)
    length = float(found.fate.length[0])
    drive = mj.Sampled(length * np.asarray(first.task.times), np.asarray(first.task.volts))
    steps = PROGRAM.rows * PROGRAM.substeps
    rows = length * np.arange(1, PROGRAM.rows + 1) / PROGRAM.rows
    trace = mj.simulate(first.device, drive, policy=mj.Fixed(length / steps), save=rows).check()
    np.testing.assert_allclose(trace.state["x"][0], found.paths.y[0, :, 0], rtol=1e-9)
    np.testing.assert_allclose(trace.i[0], found.paths.i[0], rtol=1e-9, atol=1e-300)


def _solved(*, y: float = 0.5, i: float = 1e-6, result: int = 0, still: float = 0.0) -> Solved:
    """One set of a model with one state between 0 and 1, as if it had been solved."""
    rows = jnp.ones((1, 2))
    paths = Paths(rows, rows * i, rows[:, :, None] * y, rows * still)
    fate = Fate(jnp.array([result]), jnp.array([7]), jnp.array([1]), jnp.ones(1))
    return Solved(paths, jax.tree.map(jnp.zeros_like, paths), fate, jnp.zeros(1))


@pytest.mark.parametrize(
    ("solved", "breach"),
    [
        (_solved(y=float("nan")), "silent"),
        (_solved(i=float("inf")), "silent"),
        (_solved(y=1.0 + 1e-9), "outside"),
        (_solved(i=-1e-6), "not passive"),
        (_solved(still=1e-30), "not pinched"),
    ],
)
def test_what_must_never_be_is_counted_in_good_solves_only(solved, breach):
    tally = Tally()
    count_solves(mj.Vteam(), solved, tally)
    assert breach in tally.broken
    flagged = eqx.tree_at(lambda s: s.fate.result, solved, jnp.array([2]))
    tally = Tally()
    count_solves(mj.Vteam(), flagged, tally)
    assert (tally.broken, tally.failed) == ({}, Counter({"not_finite": 1}))
    assert tally.share == 1.0


def test_a_derivative_that_is_no_number_is_a_breach_unless_it_ran_away():
    solved, model = _solved(), mj.Vteam()
    lost = eqx.tree_at(lambda s: s.slopes.i, solved, jnp.full((1, 2), jnp.nan))
    away = eqx.tree_at(lambda s: s.slopes.y, lost, jnp.array([[[1e10], [jnp.nan]]]))
    tally = Tally()
    count_solves(model, lost, tally)
    assert (tally.broken, tally.runaway) == ({"slopes": 1}, 0)
    tally = Tally()
    count_solves(model, away, tally)
    assert (tally.broken, tally.runaway) == ({}, 1)


def test_a_breach_of_the_equations_comes_with_the_parameters_of_its_first_set(monkeypatch):
    model, nowhere = mj.Vteam(), jnp.zeros((4, 2), bool)
    sets = draw_sets(model, 4)
    looked = Point(nowhere, jnp.array([[0, 0], [0, 0], [0, 1], [1, 1]], bool), nowhere, nowhere)
    module = importlib.import_module("benchmarks.cases.robustness.checks")
    monkeypatch.setattr(module, "look", lambda *args: looked)
    tally = Tally()
    count_points(model, sets, tally)
    assert tally.broken == {"point slopes": 2}
    example = tally.examples["point slopes"]
    assert example["r_on"] == float(sets.device.r_on[2])


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_drawn_inside_their_bounds_and_at_them(name):
    rng = np.random.default_rng(0)
    for spec in parameter_specs(mj.device_class(name)).values():
        low, high = spec.bounds
        values = draw_parameter(spec, rng, 1000)
        assert np.all((values >= low) & (values <= high)), spec.name
        for edge in spec.bounds:  # 50 expected, standard deviation 6.9
            assert abs(np.sum(values == edge) - 50) < 4 * 6.9, spec.name


def test_a_parameter_whose_bounds_span_decades_is_drawn_by_its_logarithm():
    rng, spec = np.random.default_rng(0), parameter_specs(mj.Vteam)["r_on"]  # 1 to 1e12
    middle = np.median(np.log10(draw_parameter(spec, rng, 10_000)))
    assert abs(middle - 6.0) < 4 * 1.2533 * 12 / 12**0.5 / 100  # z = 4


@pytest.mark.integration
def test_a_direction_moves_every_parameter_by_half_to_one_and_a_half_units():
    model = mj.Vteam()
    names, sets = list(parameter_specs(model)), draw_sets(model, 20)
    place = lambda h: jax.vmap(lambda d, s: unconstrain(_moved(d, s, h), names))  # noqa: E731
    moved = (place(1e-6)(*sets[:2]) - place(-1e-6)(*sets[:2])) / 2e-6
    values = np.stack([np.asarray(getattr(sets.device, n)) for n in names], axis=1)
    bounds = np.array([s.bounds for s in parameter_specs(model).values()])
    inner = np.all([values != bounds[:, k] for k in (0, 1)], axis=0)
    size = np.abs(np.asarray(moved))[inner]
    assert np.all((size > 0.5 * (1 - 1e-4)) & (size < 1.5 * (1 + 1e-4)))


def _moved(device, slope, h):
    return jax.tree.map(lambda x, s: x + h * s, device, slope)


def test_drives_are_ascending_within_3_volts_and_of_either_sign():
    times, volts = draw_drives(np.random.default_rng(0), 1000)
    assert np.all(np.diff(times.astype(np.float32), axis=1) > 0)
    assert np.all((times[:, 0] == 0) & (times[:, -1] == 1) & (volts[:, -1] == 0))
    assert VOLTAGE * 0.9 < np.max(volts) <= VOLTAGE
    assert -VOLTAGE <= np.min(volts) < -VOLTAGE * 0.9


@pytest.mark.integration
def test_an_inverse_sine_of_a_sine_is_right_where_both_fit_and_finite_where_neither_does():
    ratio, x = np.meshgrid(np.geomspace(1e-12, 1e12, 9), [0.0, 1e-6, 0.3, 5.0, 40.0])
    found = laws.asinh_of_sinh(jnp.asarray(ratio), jnp.asarray(x))
    # XLA's asinh is right to a few eps of 1, not of itself.
    few = 8 * np.finfo(float).eps
    np.testing.assert_allclose(found, np.arcsinh(ratio * np.sinh(x)), rtol=1e-13, atol=few)
    large = lambda y: laws.asinh_of_sinh(jnp.float32(1e12), y)  # noqa: E731
    value, slope = jax.value_and_grad(large)(jnp.float32(300.0))
    assert float(value) == pytest.approx(300 + np.log(1e12), rel=1e-6)
    assert float(slope) == 1.0


@pytest.mark.integration
def test_activated_hopping_is_the_product_of_its_factors_where_each_is_a_number():
    energy, field = np.meshgrid([0.1, 0.6, 1.5], [-0.6, -0.02, 0.0, 0.01, 0.1, 0.5])
    each = jnp.vectorize(lambda e, w: laws.activated_hopping(e, w, 300.0))
    found = each(jnp.asarray(energy), jnp.asarray(field))
    thermal = 8.617333262e-5 * 300
    exact = np.exp(-energy / thermal) * np.sinh(field / thermal)
    assert np.all(np.abs(field) - energy < 20 * thermal)  # below the cap
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-300)
    above = laws.activated_hopping(jnp.float32([0.1])[0], jnp.float32([100.0])[0], 300.0)
    assert np.isfinite(above)


def test_the_table_has_a_row_per_model_and_names_what_failed():
    extra = {"failed": {"newton_failed": 3}, "share failed": 0.03, "breaches": {"silent": 1}}
    extra |= {"runaway": 0, "steps": {"median": 9.0, "most": 20.0}}
    row = {
        "case": "robustness",
        "problem": "vteam",
        "variant": "adaptive",
        "n": 100,
        "extra": extra,
    }
    found = table([row, row | {"case": "fit"}]).splitlines()
    assert found[2] == (
        "| `vteam` |  |  | 100: 3 % (newton_failed 3, **silent 1**); steps 9, at most 20 |"
    )
    assert len(found) == 3
