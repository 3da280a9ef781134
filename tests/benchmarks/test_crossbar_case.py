"""Arrays that other simulators read: what they are given is the circuit that the direct solve has."""

import numpy as np
import pytest

from benchmarks import records
from benchmarks.cases.crossbar import problem as pb, simulators
from tests.crossbar.nodal import array_voltages


@pytest.fixture
def record(tmp_path, monkeypatch):
    """A recorder; who it was recorded by takes a process to find out."""
    origin = {"schema_version": records.SCHEMA_VERSION}
    monkeypatch.setattr(records, "provenance", lambda: origin)
    names = {"run_id": "1", "case": "crossbar", "size": "smoke", "baseline": "memjax"}
    return records.Recorder(path=tmp_path / "1.jsonl", **names)


def _sensed(p, word_line):
    """Currents into the sense nodes, by node equations that are stamped resistor by resistor."""
    _, bit = array_voltages(p.g, p.v[0], word_line=word_line, bit_line=p.wire)
    return bit[-1] / p.wire


def test_written_cells_lie_around_evenly_spaced_levels():
    p = pb.written_problem(64, 1.0)
    levels = np.linspace(pb.LOW, pb.HIGH, pb.LEVELS)
    assert p.name == "64 x 64 written cells, wires of 1 ohm"
    # The two lowest levels are 1e-5 and 4.2e-5 S, far apart in units of the scatter: the nearest is the one written.
    low = p.g[p.g < 2e-5]
    off = np.log(low / levels[0])
    n = off.size
    assert n > 64
    assert abs(off.mean()) < 4 * pb.SCATTER / np.sqrt(n)
    assert abs(off.std() - pb.SCATTER) < 4 * pb.SCATTER / np.sqrt(2 * n)


def test_both_direct_solves_are_those_of_the_stamped_node_equations():
    p = pb.written_problem(12, 2.0)
    np.testing.assert_allclose(pb.sparse_currents(p), _sensed(p, p.wire), rtol=1e-10)
    # Word lines of 1e-6 ohm lose 1e-6 * 12**2 / 2 * 1e-3 of the voltage at most.
    np.testing.assert_allclose(pb.bit_line_currents(p), _sensed(p, 1e-6), rtol=1e-7)


@pytest.mark.integration  # reads compile
def test_peers_are_given_the_array_that_memjax_reads(record, monkeypatch):
    jobs = []

    def run_peer(_, peer, script, *, job, variant):
        with np.load(job["file"]) as file:
            jobs.append((peer, script, job, variant, dict(file)))

    monkeypatch.setattr(simulators, "run_peer", run_peer)
    simulators.read_by_simulators("smoke", record)
    assert [row["status"] for row in records.read(record.path)] == ["ok", "ok"]
    p = pb.written_problem(16, 1.0)
    for peer, script, job, _, file in jobs:
        assert script.is_file()
        assert job["wire"] == p.wire
        np.testing.assert_array_equal(file["g"], p.g)
        word_line = p.wire if peer == "crosssim" else 1e-6
        np.testing.assert_allclose(file["current"], _sensed(p, word_line), rtol=2e-7)
    assert [x["tolerance"] for peer, _, x, _, _ in jobs if peer == "crosssim"] == [1e-3, 1e-7]
