"""Ensembles by kernels in C against the same ones by XLA, which are their oracle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from benchmarks.cases.stiff_sde.systems import Oscillator
from memjax.lanes.cc import backend as kernels, library
from memjax.runtime.compile_cache import jit_with_options
from memjax.simulate import batch
from memjax.solver import SemiImplicitEuler

pytestmark = [
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
    pytest.mark.parity,
]

DEVICE = mj.params.replace(mj.DiffusiveMemristor(), {"sigma_ion": 0.5})
DRIVE = mj.Sampled(np.array([0.0, 0.2, 0.4]), np.array([0.0, 0.5, 0.0]))
ROWS = np.linspace(0.01, 0.4, 40)
STEP, STEPS = 1e-3, 400

# Operations that round in a step, about, and the factor by which the rates of this device, over its steps, let an error
# grow: |dr/dy| h is below 0.3 but where the channel opens or closes, which takes a few tens of steps.
_ROUNDINGS, _GROWTH = 100, 1e3


def trace_anew(monkeypatch) -> None:
    """Let steps be traced again: no program of theirs is used that calls another kernel."""
    steps = jit_with_options(lambda *args: batch._fixed_steps(*args), batch.wide_loop_options)
    monkeypatch.setattr(batch, "_solve_fixed_steps", steps)


@pytest.fixture
def anew(monkeypatch):
    """Changes what is traced: no steps that are compiled already are used, and none of the test are used after it."""
    trace_anew(monkeypatch)
    return monkeypatch


def way(trace) -> str:
    """How a trace was solved: "C", or why not."""
    backend = trace.notes["backend"]
    return "C" if backend.startswith("cc ") else backend.removeprefix("xla (").removesuffix(")")


@pytest.fixture(scope="module")
def whole():
    """70 lanes, which do not fill their last block, each with a parameter of its own."""
    return simulate(conditions=mj.Conditions(values=spread(70)))


def simulate(device=DEVICE, drive=DRIVE, *, members=70, damped=True, save=ROWS, **options):
    method = SemiImplicitEuler(damped=damped)
    about = {
        "bench": mj.Bench(compliance=1e-4),
        "seed": 3,
        "output": mj.Output(on_failure="ignore"),
    } | options
    policy = mj.Fixed(STEP, method=method, single_precision=about.pop("single_precision", False))
    return mj.simulate(device, drive, save=save, members=members, policy=policy, **about)


def same(a, b) -> bool:
    """Whether two traces agree in every bit."""
    pairs = zip(jax.tree.leaves((a.i, a.state)), jax.tree.leaves((b.i, b.state)), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def check_states(ours, theirs, single=False, still=()) -> None:
    """Whether states move, but for those that are said to be still, and differ by what rounding explains."""
    double = jax.config.values["jax_enable_x64"] and not single
    eps = float(np.finfo(float if double else np.float32).eps)
    for name, x in theirs.state.items():
        x = np.asarray(x)
        assert (np.ptp(x) == 0) == (name in still), name
        away = np.max(np.abs(np.asarray(ours.state[name]) - x))
        assert away < _ROUNDINGS * _GROWTH * eps * np.max(np.abs(x)), name


def spread(members: int) -> dict[str, np.ndarray]:
    return {"alpha": np.linspace(0.12, 0.2, members)[:, None]}


@pytest.mark.few(1)
@pytest.mark.parametrize("single", [False, True])
def test_states_are_those_of_xla(anew, whole, single):
    options = {"conditions": mj.Conditions(values=spread(70)), "single_precision": single}
    ours = simulate(**options) if single else whole
    anew.setenv(library.COMPILER, "")
    trace_anew(anew)
    theirs = simulate(**options)
    assert way(ours) == "C"
    assert way(theirs).startswith("no compiler of C")
    assert np.array_equal(ours.result, theirs.result)
    assert np.array_equal(ours.accepted, theirs.accepted)
    check_states(ours, theirs, single)


def test_a_lane_does_not_depend_on_the_others_nor_on_threads(anew, whole):
    anew.setattr(kernels, "usable_cores", lambda: 3)
    again = simulate(conditions=mj.Conditions(values=spread(70)))
    few = simulate(
        members=[3, 69],
        conditions=mj.Conditions(values={n: x[[3, 69]] for n, x in spread(70).items()}),
    )
    assert same(whole, again)
    assert np.array_equal(few.i, whole.i[np.array([3, 69])])
    assert {way(whole), way(again), way(few)} == {"C"}


def test_stretches_of_rows_follow_each_other(anew, whole):
    """Drives of few steps in memory at once, whose last stretch is filled up with rows of no duration."""
    anew.setattr(kernels, "_PLACES", 70)
    again = simulate(conditions=mj.Conditions(values=spread(70)))
    assert same(whole, again)
    assert {way(whole), way(again)} == {"C"}


def test_sweeps_of_one_batch_are_those_of_single_ones(whole):
    other = mj.Sampled(np.array([0.0, 0.2, 0.4]), np.array([0.0, -0.6, 0.0]))
    values = {n: np.repeat(x, 2, axis=1) for n, x in spread(70).items()}
    about = dict(save=[ROWS, ROWS], conditions=mj.Conditions(carry_state=False, values=values))
    both = simulate(drive=[DRIVE, other], **about)
    assert np.array_equal(both.i[:, : len(ROWS)], whole.i)
    assert not np.array_equal(both.i[:, len(ROWS) :], both.i[:, : len(ROWS)])
    assert {way(both), way(whole)} == {"C"}


def test_each_source_of_a_circuit_has_its_own_drive(anew):
    """Of the two neurons of a synapse, in steps that resolve its rates."""
    circuit = mj.synapse.diffusive_drift()
    later = mj.Sampled(np.array([0.0, 0.1, 0.3, 0.4]), np.array([0.0, -0.4, 0.9, 0.0]))
    drives = mj.Drives({"pre": DRIVE, "post": later})
    options = {"members": 2, "bench": None}
    ours = simulate(circuit, drives, **options)
    anew.setenv(library.COMPILER, "")
    trace_anew(anew)
    theirs = simulate(circuit, drives, **options)
    assert way(ours) == "C"
    assert way(theirs) != "C"
    check_states(ours, theirs, still={"diffusive.s"})  # ions that are not noisy
    # The first drive in as many points as the second: the same program.
    first = mj.Sampled(np.array([0.0, 0.1, 0.2, 0.4]), np.array([0.0, 0.25, 0.5, 0.0]))
    equal = simulate(circuit, mj.Drives({"pre": DRIVE, "post": first}), **options)
    assert not np.allclose(ours.i, equal.i)


@pytest.mark.parametrize(
    ("node", "result"), [(True, mj.Result.successful), (False, mj.Result.step_too_long)]
)
def test_lanes_that_diverge_are_flagged(node, result):
    """A node whose time constant is a hundredth of a step, taken implicitly and not."""
    options = {"save": np.array([0.2, 0.4]), "bench": None, "damped": False}
    trace = simulate(Oscillator(node=node), **options)
    assert way(trace) == "C"
    assert set(np.asarray(trace.result).ravel().tolist()) == {int(result)}


@pytest.mark.parametrize("wrong", ["values", "states"])
@pytest.mark.integration
def test_arrays_of_other_lengths_are_refused(anew, wrong):
    """An array in the place of a number had lanes read what belongs to others: states of no device."""
    call = kernels.Kernel._call_rows

    def cut(kernel, shared, moments, own, columns, rows, size):
        own = jax.tree.map(lambda x: x[:-1], own) if wrong == "values" else own
        columns = [jnp.concatenate([x, x]) for x in columns] if wrong == "states" else columns
        states, *ends = call(kernel, shared, moments, own, columns, rows, size)
        return [x[:, :70] for x in states], *(x[:70] for x in ends)

    anew.setattr(kernels.Kernel, "_call_rows", cut)
    with pytest.raises(jax.errors.JaxRuntimeError, match="lanes of other equations"):
        jax.block_until_ready(simulate(conditions=mj.Conditions(values=spread(70))).i)


@pytest.mark.integration
def test_what_is_differentiated_is_solved_by_xla():
    """The derivative is that of a secant; steps of noise-free paths are smooth in a parameter."""
    ways = []

    def last(alpha):
        device = mj.params.replace(DEVICE, {"alpha": alpha}, check=False)
        trace = simulate(device, members=1, deterministic=True)
        ways.append(way(trace))
        return jnp.log(trace.state["s"][0, 5])

    slope = jax.jit(jax.grad(last))(0.15)
    assert ways == ["within a transformation of JAX"]
    h = 1e-3 if jax.config.values["jax_enable_x64"] else 1e-2
    secant = (last(0.15 + h) - last(0.15 - h)) / (2 * h)
    assert ways[1:] == ["C", "C"]
    np.testing.assert_allclose(slope, secant, rtol=0.05)


@pytest.mark.parametrize(
    ("device", "bench", "how"),
    [
        (
            mj.DriftMemristor(),
            mj.Bench(series_resistance=10.0),
            "no translation of the operation while",
        ),
        (mj.DriftMemristor(), mj.Bench(), "C"),
    ],
)
@pytest.mark.integration
def test_what_has_no_translation_is_solved_by_xla(device, bench, how):
    """The current of a device behind a resistor is iterated."""
    trace = simulate(device, members=2, bench=bench, damped=False)
    assert np.all(np.isfinite(trace.i))
    assert way(trace) == how


def test_absurd_voltages_end_at_one_edge_by_either_way(anew):
    """Explicit steps of 1e11 m/s and more: a gap closes at positive voltage, and stays open at negative."""
    device, volts = mj.StanfordPKU(), (100.0, 1e4, -100.0, -1e4)
    drives = [mj.Sampled(np.array([0.0, 0.02, 0.04]), np.array([0.0, v, v])) for v in volts]
    about = {
        "members": 1,
        "damped": False,
        "bench": None,
        "conditions": mj.Conditions(carry_state=False),
    }
    about |= {"save": np.linspace(0.01, 0.04, 4)}
    ours = simulate(device, drives, **about)
    anew.setenv(library.COMPILER, "")
    trace_anew(anew)
    theirs = simulate(device, drives, **about)
    assert way(ours) == "C"
    assert way(theirs).startswith("no compiler of C")
    closed = np.repeat([True, True, False, False], 4)
    for trace in (ours, theirs):
        edge = np.where(closed, device.gap_min, device.gap_max)
        np.testing.assert_allclose(trace.state["gap"][0], edge, rtol=1e-12)
    # Steps that are far too long are failures, of the same sweeps.
    np.testing.assert_array_equal(ours.result, theirs.result)
