"""Learned functions: their prior, where a search of them starts, and a fit of a device that has such."""

import dataclasses

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.sweeps.device_summary import summarise
from fitting.sweeps.learned import (
    PHYSICS_WIDTH,
    PRIORS,
    WIDTH,
    basis_at,
    in_sequence,
    learned_functions,
    learned_values,
    normal_draws,
    prior_root,
    with_further,
)
from fitting.sweeps.loops import loops
from fitting.sweeps.resemblance import resemblance_of
from memjax.device.hybrid import NODES, node_names

NOISE = 0.01
TOP = 1.2


def test_only_devices_with_learned_functions_have_a_prior_of_their_bends():
    assert learned_functions(mj.Vteam()) == {}
    assert prior_root(mj.Vteam(), ("r_on", "r_off")) is None
    assert with_further(None, 2) is None


def test_the_prior_knows_the_bends_of_functions_and_little_of_lines():
    device = mj.HybridDevice()
    names = (*node_names("off"), *node_names("set"), "p")
    root = prior_root(device, names)
    assert root is not None
    line = np.concatenate([np.linspace(0, 1, NODES), np.zeros(NODES + 1)])
    kink = np.concatenate([np.abs(np.arange(NODES) - 5.0), np.zeros(NODES + 1)])
    assert np.sum((root @ line) ** 2) == pytest.approx(np.sum(line**2) / WIDTH**2)
    # One second difference, of 2.
    bend = (2 / PRIORS["off"].bending) ** 2
    assert np.sum((root @ kink) ** 2) == pytest.approx(np.sum(kink**2) / WIDTH**2 + bend)
    stronger = prior_root(device, names, np.array([4.0, 1.0, 1.0, 1.0]))
    assert stronger is not None
    # The strength of a law holds for its bends, not for lines.
    assert np.sum((stronger @ kink) ** 2) == pytest.approx(np.sum(kink**2) / WIDTH**2 + 4 * bend)
    more = with_further(root, 1)
    assert more.shape == (len(names) + 1,) * 2
    assert more[-1, -1] == 1 / WIDTH


def test_corrections_are_about_none_and_a_model_about_itself():
    device = mj.model("vteam+hybrid")
    names = (*node_names("level"), "r_on")
    root = prior_root(device, names, np.array([9.0, 1.0, 1.0]))
    assert root is not None
    flat = np.append(np.ones(NODES), 0.0)
    assert np.sum((root @ flat) ** 2) == pytest.approx(9 * NODES / PRIORS["level"].width ** 2)
    of_model = np.append(np.zeros(NODES), 1.0)
    assert np.sum((root @ of_model) ** 2) == pytest.approx(1 / PHYSICS_WIDTH**2)


def test_a_basis_adds_up_to_one_and_ends_with_the_nodes():
    basis = basis_at(np.array([-3.0, -1.0, 0.2, 1.0, 5.0]), -1.0, 1.0)
    np.testing.assert_allclose(basis.sum(axis=1), 1.0)
    np.testing.assert_array_equal(basis[0], basis[1])
    np.testing.assert_array_equal(basis[3], basis[4])


def test_draws_have_their_covariance():
    covariance = np.array([[4.0, 1.0], [1.0, 0.5]])
    count = 4000
    drawn = normal_draws(covariance, count)
    np.testing.assert_array_equal(drawn, normal_draws(covariance, count))
    # A variance of so many draws is known to sqrt(2 / count); four times that.
    z = (np.cov(drawn.T) - covariance) / (
        np.sqrt(2 / count) * np.array([[4.0, 2**0.5], [2**0.5, 0.5]])
    )
    assert np.max(np.abs(z)) < 4


def truth() -> mj.HybridDevice:
    """A device that sets at positive voltage and whose branches have slopes of their own."""
    v = np.linspace(-1, 1, NODES)
    functions = {"off": -15 + 1.5 * np.abs(v), "gain": 3 - np.abs(v)}
    functions |= {"set": -4 + 9 * v, "reset": -4 - 9 * v}
    values = {n: float(x) for f, y in functions.items() for n, x in zip(node_names(f), y)}
    return mj.params.replace(mj.HybridDevice(v_low=-1.0, v_high=1.0, x0=0.02), values)


@pytest.fixture(scope="module")
def measured() -> mj.Measurement:
    """Two loops of other amplitudes, one after the other, with a reading noise of a percent."""
    loop = np.concatenate(
        [np.linspace(0, 1, 16), np.linspace(1, -1, 31)[1:], np.linspace(-1, 0, 16)[1:]]
    )
    v, t = np.concatenate([0.8 * loop, TOP * loop]), 0.02 * np.arange(1.0, 2 * len(loop) + 1)
    i = np.ravel(mj.simulate(truth(), mj.stimulus.staircase(v, 0.02), save=t).check().i)
    i = i * np.exp(NOISE * np.random.default_rng(0).normal(size=len(v)))
    sweep = np.repeat([0, 1], len(loop))
    return mj.Measurement(
        v=v,
        i=i,
        t=None,
        sweep=sweep,
        at_compliance=np.zeros(len(v), bool),
        reader="",
        source={},
    )


@pytest.mark.slow
def test_a_search_starts_between_the_branches_of_the_data(measured):
    summary = summarise([measured], mj.HybridDevice(), mj.Bench(), 0.02, (None, None))
    values, scatter = learned_values(
        summary.waves, summary.floor, loops(summary.waves, summary.floor)
    )
    assert values["v_low"] == pytest.approx(-TOP)
    assert values["v_high"] == pytest.approx(TOP)
    for k in range(1, NODES - 1):
        # Both branches of the truth hold the node, to what the functions change from node to node.
        assert -16 < values[f"off{k}"] < -10
    # It sets at positive voltage: rates of set rise with it, those of reset fall.
    assert values["set9"] > values["set1"]
    assert values["reset9"] < values["reset1"]
    drawn = [scatter(np.random.default_rng(k)) for k in range(20)]
    assert np.std([x["set5"] for x in drawn]) > 0.5
    assert all(0 < x["x0"] < 1 for x in drawn)


@pytest.mark.parametrize(("factor", "skew"), [(1.0, 1.0), (4.0, 2.0), (0.05, 1.0)])
def test_nodes_are_shared_among_polarities_that_reach_unlike_far(measured, factor, skew):
    other = dataclasses.replace(measured, v=np.where(measured.v < 0, factor, 1.0) * measured.v)
    summary = summarise([other], mj.HybridDevice(), mj.Bench(), 0.02, (None, None))
    values, _ = learned_values(summary.waves, summary.floor, loops(summary.waves, summary.floor))
    assert values["skew"] == pytest.approx(skew)


def test_sweeps_follow_one_another_unless_they_are_many(measured):
    (joined,) = in_sequence([measured])
    assert joined.labels.tolist() == [0]
    assert joined.t is None
    timed = dataclasses.replace(measured, t=np.tile(np.arange(61) * 0.5, 2))
    (joined,) = in_sequence([timed])
    # One step between the sweeps, as between points.
    np.testing.assert_allclose(np.diff(joined.t), 0.5)
    many = dataclasses.replace(measured, sweep=np.repeat(np.arange(61), 2))
    assert in_sequence([many])[0] is many


@pytest.mark.integration
def test_a_fit_of_learned_functions_predicts_a_loop_that_it_has_not_seen(measured):
    fit = ft.solve(ft.SweepProblem(measured, mj.HybridDevice(), point_time=0.02, screened=8))
    assert fit.verdict.word == "good"
    # It is granted what it misses: the noise of a reading, of which 47 parameters of 122 points take up to a quarter;
    # a standard deviation by the median of so many has an error of a tenth.
    granted = float(fit.problem.group.model_sigma) / (NOISE / np.log(10))
    assert 0.75 * (1 - 4 * 0.1) < granted < 1 + 4 * 0.1
    # What is said of the prior is that of nodes that hold each other: less than that of one alone.
    widths = fit.prior["sigma_ln"]
    assert set(widths) == set(fit.free)
    assert widths["p"] == pytest.approx(WIDTH)
    assert all(1.5 < widths[n] < WIDTH for n in node_names("off"))
    # Of the branch that no loop shows nothing is called known.
    assert {"set1", "reset9"} <= set(fit.undetermined)
    v = np.concatenate([np.linspace(0, 1, 16), np.linspace(1, -1, 31)[1:]])
    clear, drive = np.abs(v) > 0.1, mj.stimulus.staircase(v, 0.02)
    t = 0.02 * np.arange(1.0, len(v) + 1)[clear]
    fitted, true = (
        np.log10(np.abs(np.ravel(mj.simulate(d, drive, save=t).check().i)))
        for d in (fit.device, truth())
    )
    # Its state conducts as a sinh of the voltage, ohmic below 0.1 V; what the shapes resemble stands in the notes.
    assert resemblance_of(fit) == fit.notes[-1]
    assert "the rate of set from" in fit.notes[-1]
    # Some 40 numbers share 122 points: a curve of them is known to the noise at most, three times that in decades.
    assert np.sqrt(np.mean((fitted - true) ** 2)) < 3 * NOISE
