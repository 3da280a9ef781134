"""The board of ratios over time."""

import pytest

from benchmarks.board import HISTORY, commits, draw, history, lines, table


def record(variant, seconds, sha="a" * 40, *, run="1", **more) -> dict:
    return {
        "case": "loop", "problem": "", "size": "smoke", "run_id": run, "baseline": "ours", "variant": variant, "n": 1,
        "peer": None, "status": "ok", "run_s": {"median": seconds}, "git_sha": sha, "git_dirty": False,
        "time": f"2026-01-0{run}T00:00:00+00:00", "machine": {"cpu": "own", "cores": 2},
    } | more  # fmt: skip


@pytest.mark.integration
def test_a_ratio_is_taken_within_a_run_and_summarised_over_the_runs_of_a_commit():
    rows = [record("ours", 2.0), record("other", 3.0, peer="brian2")]
    rows += [record("ours", 1.0, run="2"), record("other", 2.0, run="2", peer="brian2")]
    rows += [
        record("ours", 4.0, "b" * 40, run="3"),
        record("other", 2.0, "b" * 40, run="3", peer="brian2"),
    ]
    (line,) = lines(rows)
    assert line.ratios == {"a" * 40: (1.75, 1.5, 2.0), "b" * 40: (0.5, 0.5, 0.5)}
    assert (line.baseline, line.peer) == ("ours", "brian2")
    assert [sha[0] for sha, _ in commits(rows)] == ["a", "b"]
    assert "| other |  | ours | 1.75 (1.5 to 2) | 0.5 |" in table(rows)


def test_a_problem_without_the_baseline_is_divided_by_the_first_variant_of_memjax():
    rows = [record("memjax, batch 8", 2.0), record("memjax, slower", 8.0), record("snnTorch", 4.0)]
    assert {line.variant: line.baseline for line in lines(rows)} == {
        "memjax, slower": "memjax, batch 8",
        "snnTorch": "memjax, batch 8",
    }


def test_a_peer_is_divided_by_the_variant_of_memjax_that_its_name_describes():
    ours = [record(f"memjax, batch {n}", 2.0 * n, problem="64-8-10", n=n) for n in (64, 8)]
    peer = record("snnTorch, batch 8, 1 thread", 4.0, peer="snntorch", n=None)
    (line,) = (x for x in lines([*ours, peer]) if x.peer)
    assert (line.baseline, line.ratios["a" * 40][0]) == ("memjax, batch 8", 0.25)


def test_changes_and_failures_are_left_out():
    rows = [
        record("ours", 2.0),
        record("other", 3.0, status="failed"),
        record("third", 1.0, git_dirty=True),
    ]
    assert lines([*rows, record("fourth", 2.0, run_s=None)]) == []


@pytest.mark.slow
def test_committed_records_are_of_commits_and_can_be_drawn(tmp_path):
    rows = history()
    assert len(lines(rows)) > 4
    assert not any(row["git_dirty"] or row["status"] != "ok" for row in rows)
    # Records say nothing of the folders of the machine.
    assert not any("/tmp/" in file.read_text() for file in HISTORY.glob("*.jsonl"))
    draw(rows, tmp_path / "ratios.png")
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG")
