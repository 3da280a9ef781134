"""Statistics of sweeps, of currents that are made by hand."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.amortised.protocol import SweepProtocol
from fitting.amortised.statistics import QUANTILE, Reach, SweepStatistics

V = np.concatenate([np.linspace(0, 0.5, 26), np.linspace(0.48, 0, 25)])
ROWS = 0.01 * (1 + np.arange(51))


def of_sweeps(count, **changes) -> SweepStatistics:
    protocol = SweepProtocol(
        stimuli=(mj.staircase(V, 0.01),), rows=(ROWS,), order=(0,) * count, bench=mj.Bench(), relative=0.0, floor=1e-13
    )  # fmt: skip
    return SweepStatistics(protocol=protocol, **changes)


def switching(rise, fall):
    """Currents that are on from one row of the way up to one of the way down."""
    rows = np.arange(51)
    on = (rows >= np.asarray(rise)[..., None]) & (rows < np.asarray(fall)[..., None])
    return np.where(on, 1e-6, 1e-12)


@pytest.mark.integration
def test_of_one_sweep_they_are_logarithmic_currents_and_voltages():
    statistics = of_sweeps(1, points=64)
    s = statistics(switching([[20]], [[40]]).reshape(1, -1))[0]
    names = statistics.names()
    assert len(names) == len(s) == 51 + 3
    np.testing.assert_allclose(s[:20], np.log10(1e-12 + 1e-13))
    values = dict(zip(names, s))
    assert values["waveform 0, excursion 0, v_th 0"] == V[20]
    assert values["waveform 0, excursion 0, v_release 0"] == V[40]
    assert values["waveform 0, excursion 0, v_hold 0"] == V[40]


def test_stretches_average_neighbours():
    few = of_sweeps(1, points=10)(switching([[20]], [[40]]).reshape(1, -1))
    every = of_sweeps(1, points=64)(switching([[20]], [[40]]).reshape(1, -1))
    begins = np.linspace(0, 51, 11).astype(int)
    means = [every[0, a:b].mean() for a, b in itertools.pairwise(begins)]
    np.testing.assert_allclose(few[0, :10], means)


def test_of_many_sweeps_their_scatter_quantiles_and_correlation_count():
    rng = np.random.default_rng(0)
    rise, fall = rng.integers(8, 24, (3, 16)), rng.integers(30, 48, (3, 16))
    statistics = of_sweeps(16)
    s = statistics(switching(rise, fall).reshape(3, -1))
    values = dict(zip(statistics.names(), s.T))
    up, down = V[rise], V[fall]
    np.testing.assert_allclose(values["waveform 0, excursion 0, v_th 0"], up.mean(axis=1))
    name = "waveform 0, excursion 0, scatter of v_th 0"
    np.testing.assert_allclose(values[name], up.std(axis=1, ddof=1))
    for k, q in enumerate((0.1, 0.5, 0.9)):
        name = f"waveform 0, excursion 0, quantiles of v_hold {k}"
        np.testing.assert_allclose(values[name], np.quantile(down, q, axis=1))
    exact = [np.corrcoef(a, b)[0, 1] for a, b in zip(up, down)]
    np.testing.assert_allclose(values["waveform 0, excursion 0, correlation 0"], exact)


def test_without_switching_all_statistics_are_numbers():
    statistics = of_sweeps(8)
    s = statistics(np.full((2, 8 * 51), 1e-12))
    assert np.isfinite(s).all()


def test_currents_that_are_no_numbers_are_no_statistics():
    i = switching([[20]], [[40]]).reshape(1, -1)
    i[0, 3] = np.nan
    assert not np.isfinite(of_sweeps(1)(i)).all()


def test_how_exactly_a_limit_is_kept_is_no_statistic():
    plain = of_sweeps(1)
    limited = replace(plain, protocol=replace(plain.protocol, bench=mj.Bench(compliance=1e-6)))
    i = switching([[20]], [[40]]).reshape(1, -1)
    np.testing.assert_array_equal(limited(i), limited(i * np.where(i > 1e-9, 0.97, 1.0)))
    assert not np.array_equal(limited(i), limited(i * np.where(i > 1e-9, 0.9, 1.0)))


def test_of_a_device_that_keeps_its_state_the_first_sweep_counts():
    plain, first = of_sweeps(2), of_sweeps(2, first=True)
    i = np.concatenate([switching([[10]], [[40]])[0], switching([[20]], [[40]])[0]], axis=None)[
        None
    ]
    extra = [k for k, n in enumerate(first.names()) if "first sweep" in n]
    alone = replace(plain, protocol=replace(plain.protocol, order=(0,)))
    np.testing.assert_allclose(first(i)[0, extra], alone(i[:, :51])[0, : len(extra)])


@pytest.fixture(scope="module")
def cloud():
    """Correlated statistics, and one that never differs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 2)) @ np.array([[1.0, 0.99], [0.0, 0.1]])
    return np.concatenate([x, np.full((len(x), 1), 0.3)], axis=1)


@pytest.fixture(scope="module")
def reach(cloud):
    return Reach.of(cloud, cloud.std(axis=0) * [1, 1, 0])


def test_a_thousandth_of_the_devices_is_outside(cloud, reach):
    assert np.mean(reach.distance(cloud) > 1) == pytest.approx(1 - QUANTILE, rel=0.05)
    # In two dimensions the squared distance is exponential with mean 2; to four standard errors of a quantile.
    exact = -2 * np.log(1 - QUANTILE)
    error = 2 / np.sqrt(len(cloud) * (1 - QUANTILE))
    assert abs(reach.limit**2 - exact) < 4 * error


def test_it_is_correlation_that_counts(reach):
    along, across = np.array([[2.0, 2.0, 0.3]]), np.array([[0.7, -0.7, 0.3]])
    assert reach.distance(along)[0] < 1 < reach.distance(across)[0]


def test_what_never_differs_may_not_differ(reach):
    here = np.array([[0.0, 0.0, 0.31], [0.0, 0.0, 0.5], [np.nan, 0.0, 0.3]])
    distance = reach.distance(here)
    assert distance[0] < 1
    assert np.isinf(distance[1])
    assert not distance[2] <= 1
