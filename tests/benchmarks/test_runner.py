"""Running cases: what lands in the file of records, whatever a case does."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import __main__ as command, records, registry, runner
from benchmarks.timing import Times, measure
from memjax.runtime import cluster
from memjax.runtime.cluster import Cluster
from tests.clusters import unused_address, workers

ROOT = Path(__file__).parents[2]
HEAD = """
import time
from benchmarks.registry import Case
from benchmarks.timing import Times
"""
BODIES = {
    "good": "record.ok('a', Times(run=[1.0]), error=1e-3, reference='exact', tolerance=1e-2)",
    "wrong": "record.ok('a', Times(run=[1.0]), error=float('nan'), reference='exact')",
    "sleeper": "record.ok('a', Times(run=[1.0]), error=None, reference='none'); time.sleep(60)",
    "crash": "raise RuntimeError('the reason')",
    "silent": "pass",
}


@pytest.fixture
def cases(tmp_path):
    """A folder with one case per way of ending."""
    folder = tmp_path / "cases"
    for name, body in BODIES.items():
        (folder / name).mkdir(parents=True)
        program = f"{HEAD}\ndef run(size, record):\n    {body}\n"
        program += f"CASE = Case(name={name!r}, run=run, baseline='a', suites=('smoke',))\n"
        (folder / name / "case.py").write_text(program)
    return folder


def _run(cases, name, **options):
    found = registry.discover(cases)
    path = runner.run_cases(
        [found[name]], "smoke", out=cases.parent / "out", folder=cases, **options
    )
    return records.read(path)


@pytest.mark.slow
def test_a_record_says_what_ran_on_what_and_how_wrong_it_was(cases):
    (row,) = _run(cases, "good")
    assert (row["status"], row["error"], row["reference"]) == ("ok", 1e-3, "exact")
    assert row["run_s"] == {"median": 1.0, "q1": 1.0, "q3": 1.0, "repeats": 1}
    assert row["schema_version"] == records.SCHEMA_VERSION
    assert {"python", "jax", "jaxlib", "equinox", "diffrax", "numpy"} == set(row["versions"])
    assert row["machine"]["cpu"]
    assert row["machine"]["cores"] >= 1
    assert row["peak_rss_bytes"] > 1e6


@pytest.mark.integration
def test_a_result_that_is_not_a_number_has_failed(cases):
    (row,) = _run(cases, "wrong")
    assert (row["status"], row["error"]) == ("failed", None)
    assert "nan" in row["reason"]


@pytest.mark.integration
def test_a_record_names_the_device(monkeypatch):
    """What a process of its own says; the processes of cases are told."""
    monkeypatch.delenv(records.DEVICES, raising=False)
    records.devices.cache_clear()
    assert re.fullmatch(r"cpu x\d+", records.devices())
    assert records.provenance()["machine"]["devices"] == records.devices()
    monkeypatch.setenv(records.DEVICES, "gpu H100 x1")
    records.devices.cache_clear()
    assert records.devices() == "gpu H100 x1"
    records.devices.cache_clear()


@pytest.mark.slow
def test_workers_of_a_scheduler_leave_the_same_records(cases):
    """A worker in this process, which runs its cases in others; one that ends well, and one that does not."""
    with workers(1) as address, Cluster(address, identity=runner.identity) as own:
        found = {n: x for n, x in registry.discover(cases).items() if n in ("good", "crash")}
        options = dict(out=cases.parent / "out", folder=cases, cluster=own)
        rows = records.read(runner.run_cases(found.values(), "smoke", **options))
    ended = {row["case"]: row for row in rows}
    assert {name: row["status"] for name, row in ended.items()} == {"good": "ok", "crash": "failed"}
    assert ended["good"]["error"] == 1e-3
    assert "RuntimeError: the reason" in ended["crash"]["reason"]
    assert len({row["run_id"] for row in rows}) == 1


@pytest.mark.slow
def test_an_interrupt_ends_the_cases_on_workers_and_keeps_what_has_ended(cases):
    class Interrupted(Cluster):
        def map(self, work, jobs):
            for number, answer in enumerate(super().map(work, jobs)):
                yield answer
                if number == 0:
                    raise KeyboardInterrupt

    begin = time.monotonic()
    with workers(1) as address, Interrupted(address, identity=runner.identity) as own:
        found = registry.discover(cases)
        options = dict(out=cases.parent / "out", folder=cases, cluster=own)
        with pytest.raises(KeyboardInterrupt):
            runner.run_cases([found[n] for n in ("good", "sleeper")], "smoke", **options)
    first, last = records.read(cases.parent / "out")
    assert (first["case"], first["status"]) == ("good", "ok")
    assert (last["case"], last["reason"]) == ("sleeper", "interrupted")
    assert time.monotonic() - begin < 50  # it sleeps for 60 s, and its worker ends when it does


@pytest.mark.integration
def test_a_scheduler_that_is_not_there_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cluster, "TIMEOUT", 0.5)
    words = ["benchmarks", "run", "startup", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", [*words, "--scheduler", unused_address()])
    assert command.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("benchmarks: error: no scheduler answers within 0.5 s")
    assert not (tmp_path / "out").exists()


@pytest.mark.study
def test_a_case_that_runs_too_long_is_ended_and_keeps_what_it_recorded(cases):
    first, last = _run(cases, "sleeper", limit_s=15.0)
    assert (first["status"], last["status"]) == ("ok", "timeout")
    assert "15 s" in last["reason"]


@pytest.mark.integration
def test_a_crash_is_a_record_with_its_reason(cases):
    (row,) = _run(cases, "crash")
    assert row["status"] == "failed"
    assert "RuntimeError: the reason" in row["reason"]


@pytest.mark.integration
def test_a_case_that_records_nothing_has_failed(cases):
    (row,) = _run(cases, "silent")
    assert (row["status"], row["reason"]) == ("failed", "the case recorded nothing")


@pytest.mark.integration
def test_suites_and_cases_are_found_by_name(cases):
    found = registry.discover(cases)
    assert {c.name for c in registry.select("smoke", found)} == set(BODIES)
    assert [c.name for c in registry.select("good", found)] == ["good"]
    with pytest.raises(registry.BenchmarkError, match="no case or suite 'other'"):
        registry.select("other", found)


@pytest.mark.integration
def test_compilation_is_timed_apart_from_running():
    import jax
    import jax.numpy as jnp

    square = jax.jit(lambda x: x @ x)
    times, result = measure(lambda: square(jnp.eye(3)), repeats=3)
    assert len(times.run) == 3
    assert times.compile > max(times.run)
    assert result.shape == (3, 3)


@pytest.mark.integration
def test_quartiles_are_those_of_the_repeats():
    fields = Times(run=[1.0, 2.0, 3.0, 4.0, 5.0], compile=0.5).as_fields()
    assert fields["run_s"] == {"median": 3.0, "q1": 2.0, "q3": 4.0, "repeats": 5}
    assert fields["compile_s"] == 0.5


def test_the_command_lists_the_cases_and_refuses_an_unknown_one(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "list"])
    command.main()
    listed = capsys.readouterr().out
    assert "startup" in listed
    assert "fit" in listed
    monkeypatch.setattr(sys, "argv", ["benchmarks", "run", "other"])
    assert command.main() == 2
    assert "no case or suite 'other'" in capsys.readouterr().err


@pytest.mark.study  # .ci/run runs it
def test_startup_runs_from_the_command_line_and_writes_json_lines(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "run", "startup", "--out", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    (path,) = tmp_path.glob("*.jsonl")
    rows = {row["variant"]: row for row in map(json.loads, path.read_text().splitlines())}
    commands = {"memjax --help", "memjax models", "memjax read"}
    imports = {"import jax", "import diffrax", "import memjax", "import all names"}
    assert set(rows) == {"python", *imports, *commands}
    assert not any(rows[name]["extra"]["jax"] for name in commands)
    assert all(row["status"] == "ok" and row["run_s"]["median"] > 0 for row in rows.values())
    assert rows["python"]["extra"]["modules"] < rows["import memjax"]["extra"]["modules"]


@pytest.fixture
def clean(monkeypatch):
    """A source without changes, whatever the checkout holds while it is worked on."""
    values = records.provenance() | {"git_sha": "a" * 40, "git_dirty": False}
    monkeypatch.setattr(runner, "provenance", lambda: values)
    return values


def _write(folder, values, *, run_id, case, size="smoke", status="ok", **fields):
    names = {"run_id": run_id, "case": case, "size": size, "baseline": "a"}
    record = records.Recorder(path=folder / f"{run_id}.jsonl", **names)
    record.write("a", **{"status": status} | values | fields)


@pytest.mark.integration
def test_whole_records_of_the_same_origin_need_no_rerun(tmp_path, clean):
    _write(tmp_path, clean, run_id="1", case="whole")
    _write(tmp_path, clean, run_id="2", case="whole")
    _write(tmp_path, clean, run_id="1", case="broken")
    _write(tmp_path, clean, run_id="1", case="broken", status="timeout")
    _write(tmp_path, clean, run_id="1", case="large", size="full")
    _write(tmp_path, clean | {"git_sha": "b" * 40}, run_id="1", case="older")
    machine = clean["machine"] | {"cores": 1000}
    _write(tmp_path, clean | {"machine": machine}, run_id="1", case="elsewhere")
    completed = runner.completed_cases(tmp_path, "smoke")
    assert {case: rows[0]["run_id"] for case, rows in completed.items()} == {"whole": "2"}


@pytest.mark.integration
def test_a_case_whose_peer_was_built_since_is_run_again(tmp_path, clean, monkeypatch):
    _write(tmp_path, clean, run_id="1", case="peered", status="skipped", peer="brian2")
    monkeypatch.delenv("MEMJAX_BRIAN2", raising=False)
    monkeypatch.setenv("MEMJAX_PEERS", str(tmp_path))
    assert set(runner.completed_cases(tmp_path, "smoke")) == {"peered"}
    monkeypatch.setenv("MEMJAX_BRIAN2", sys.executable)
    assert runner.completed_cases(tmp_path, "smoke") == {}


@pytest.mark.integration
def test_a_source_with_changes_resumes_nothing(tmp_path, clean, monkeypatch):
    _write(tmp_path, clean, run_id="1", case="whole")
    changed = clean | {"git_dirty": True}
    _write(tmp_path, changed, run_id="2", case="whole")
    monkeypatch.setattr(runner, "provenance", lambda: changed)
    assert runner.completed_cases(tmp_path, "smoke") == {}


@pytest.mark.integration
def test_resume_says_what_it_leaves_out(tmp_path, clean, monkeypatch, capsys):
    _write(tmp_path, clean, run_id="1", case="startup")
    (tmp_path / "0.part").touch()
    monkeypatch.setattr(records, "provenance", lambda: clean)
    assert command.run(("startup",), out=tmp_path, resume=True) == 0
    printed = capsys.readouterr().out
    assert "startup is not run again: 1 records of run 1" in printed
    assert "0.part holds a case that did not end" in printed
    assert "nothing is left to run" in printed
    assert len(list(tmp_path.glob("*.jsonl"))) == 1


@pytest.mark.integration
def test_a_record_torn_by_the_end_of_its_process_is_said_and_left_out(cases):
    program = cases / "crash" / "case.py"
    tear = "f = open(record.path, 'a'); f.write('{\"torn'); f.flush(); import os; os._exit(3)"
    program.write_text(program.read_text().replace(BODIES["crash"], f"{BODIES['good']}; {tear}"))
    first, last = _run(cases, "crash")
    assert (first["status"], last["status"]) == ("ok", "failed")
    assert "exit status 3" in last["reason"]
    assert "torn" in last["reason"]
    assert list((cases.parent / "out").glob("*.part")) == []


@pytest.mark.integration
def test_an_interrupted_run_keeps_what_was_recorded(cases, monkeypatch):
    def interrupt(process, timeout=None):
        if timeout is not None:
            raise KeyboardInterrupt
        return wait(process)

    wait = subprocess.Popen.wait
    monkeypatch.setattr(subprocess.Popen, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _run(cases, "sleeper")
    (last,) = records.read(cases.parent / "out")
    assert (last["status"], last["reason"]) == ("failed", "interrupted")
