"""Pictures of networks: whose spikes are drawn where, names of groups, rates."""

from dataclasses import replace

import numpy as np
import pytest

from memjax.errors import BoundsError
from memjax.network import EnergyLedger, Recording
from memjax.plot import (
    energy_by_cause,
    energy_by_element,
    energy_power,
    network_raster,
    population_rates,
    style,
)


def _recording(**spikes) -> Recording:
    """Ten milliseconds of groups of the given sizes, members and times."""
    found = {n: (np.asarray(m, int), np.asarray(t, float)) for n, (_, m, t) in spikes.items()}
    sizes = {n: size for n, (size, _, _) in spikes.items()}
    own = {"dt": 1e-4, "duration": 1e-2, "traces": {}, "times": np.zeros(0), "statistics": {}}
    return Recording(sizes=sizes, spikes=found, **own)


def _marks(collection) -> np.ndarray:
    """Time and middle of each dash."""
    return np.array([s.mean(axis=0) for s in collection.get_segments()])


@pytest.mark.integration
def test_each_spike_is_a_dash_in_the_row_of_its_member():
    recording = _recording(a=(4, [0, 3, 3], [1e-3, 2e-3, 9e-3]), b=(2, [1], [5e-3]))
    with style():
        ax = network_raster(recording)
    first, second = ax.collections
    np.testing.assert_allclose(_marks(first), [[1e-3, 0.5], [2e-3, 3.5], [9e-3, 3.5]])
    np.testing.assert_allclose(_marks(second), [[5e-3, 5.5]])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a\n4", "b\n2"]
    np.testing.assert_allclose(ax.get_yticks(), [2.0, 5.0])
    assert (ax.get_xlim(), ax.get_ylim()) == ((0.0, 0.01), (0.0, 6.0))
    assert ax.get_xlabel() == "Time (ms)"
    colors = [tuple(c.get_color()[0]) for c in (first, second)]
    assert colors[0] != colors[1]


def test_of_a_large_group_an_even_choice_is_shown_and_said():
    members = np.arange(1001)
    recording = _recording(many=(1001, members, np.full(1001, 5e-3)), silent=(3, [], []))
    with style():
        ax = network_raster(recording, most=11)
    many, silent = ax.collections
    np.testing.assert_allclose(_marks(many)[:, 1], np.arange(11) + 0.5)
    assert len(silent.get_segments()) == 0
    assert [t.get_text() for t in ax.get_yticklabels()] == ["many\n11 of 1001", "silent\n3"]


def test_of_very_many_spikes_those_that_fall_together_are_drawn_once():
    # Two members fire twice each 0.1 us, which no picture shows, a third one once.
    times = np.sort(np.tile(np.arange(0, 1e-2, 1e-7), 2))
    recording = _recording(a=(3, [*np.arange(len(times)) % 2, 2], [*times, 9e-3]))
    with style():
        marks = _marks(network_raster(recording).collections[0])
    rows, count = np.unique(marks[:, 1], return_counts=True)
    np.testing.assert_allclose(rows, [0.5, 1.5, 2.5])
    np.testing.assert_allclose(count, [2000, 2000, 1], atol=1)
    assert (marks[:, 0].min(), marks[-1].tolist()) == (0.0, [9e-3, 2.5])


def test_rates_are_spikes_per_member_and_bin():
    # Four members that fire together in the middle of the second millisecond of ten.
    recording = _recording(a=(4, range(4), [1.5e-3] * 4), b=(2, [], []))
    with style():
        ax = population_rates(recording, bin=1e-3)
        a, b = ax.lines
        np.testing.assert_allclose(a.get_xdata(), (np.arange(10) + 0.5) * 1e-3)
        np.testing.assert_allclose(a.get_ydata(), [0, 1e3, *[0] * 8])
        np.testing.assert_allclose(b.get_ydata(), 0)
        assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "Mean rate (1/s)")
        assert ax.get_ylim()[0] == 0
        # By default whole steps, of which there are a hundred.
        assert len(population_rates(recording).lines[0].get_xdata()) == 100


def _with_ledger() -> Recording:
    """Sources that give 4 and 6 J of which a resistor takes most."""
    kinds = {"in": "input", "v_dd": "supply", "r": "resistor", "c": "capacitor"}
    kinds |= {"numerical dissipation": "numerical"}
    energies = np.zeros((10, 3, 5))
    energies[:, 0] = [-0.4, -0.6, 1.0, 1e-9, 0.0]
    ledger = EnergyLedger(
        kinds=kinds,
        energies=energies,
        times=np.full((10, 3), 1e-3 / 3),
        rest_power=dict.fromkeys(kinds, 0.0),
        neurons=1,
        spikes=5,
        ends=1e-3 * np.arange(1, 11),
    )
    return replace(_recording(cells=(1, [0], [1e-3])), energy={"cells": ledger})


def test_energies_are_bars_with_their_numbers():
    recording = _with_ledger()
    with style():
        ax = energy_by_element(recording)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["in gives", "v_dd gives", "r"]
    np.testing.assert_allclose([p.get_width() for p in ax.patches], [4.0, 6.0, 10.0])
    words = [t.get_text().strip() for t in ax.texts]
    assert words[:3] == ["4 J", "6 J", "10 J"]
    assert "2 below" in words[3]  # the capacitor's energy is 1e-9 of the largest
    with style():
        cause = energy_by_cause(recording)
        power = energy_power(recording)
    assert [p.get_width() for p in cause.patches] == pytest.approx([10.0])
    assert "2 J per spike" in cause.get_title(loc="left")
    assert power.get_ylabel() == "Power (kW)"
    with pytest.raises(BoundsError, match="without an energy ledger"):
        energy_by_cause(_recording(cells=(1, [0], [1e-3])))
