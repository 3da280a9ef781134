"""Runs cases, each in a process of its own and within its time, and sees that each left records."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import environments
from benchmarks.records import BROKEN, ROOT, Recorder, origin, provenance, read
from benchmarks.registry import CASES, Case


def run_cases(
    cases: Iterable[Case],
    size: str,
    *,
    out: Path,
    folder: Path = CASES,
    limit_s: float | None = None,
) -> Path:
    """Run cases one after the other into a new file of records.

    The file holds only cases that have ended, however they did: the records of the one that runs lie in a file
    ``*.part`` beside it, which stays where the run is killed.

    Parameters
    ----------
    cases : iterable of Case
        What to run.
    size : str
        "smoke" or "full".
    out : Path
        The folder for the file, made where it does not exist.
    folder : Path
        Where the cases lie.
    limit_s : float, optional
        Time limit of each case instead of its own [s].

    Returns
    -------
    Path
        The file of JSON lines.
    """
    out.mkdir(parents=True, exist_ok=True)
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    path = (out / f"{run_id}.jsonl").resolve()
    path.touch()
    for case in cases:
        record = Recorder(
            path=path, run_id=run_id, case=case.name, size=size, baseline=case.baseline
        )
        _run_one(record, folder / case.name, case.limit_s if limit_s is None else limit_s)
    return path


def completed_cases(out: Path, size: str) -> dict[str, list[dict]]:
    """Cases that a folder holds whole records of, from the same commit, versions, size and machine as now.

    Records are whole where all of one run passed. What was skipped has to be out of reach still: a case whose peer
    has been built since, or that was skipped for another reason than a peer, is none of them. Nor is anything
    measured on, or to be measured on, a source with changes that no commit holds.

    Parameters
    ----------
    out : Path
        The folder of records.
    size : str
        "smoke" or "full".

    Returns
    -------
    dict of str to list of dict
        By the name of the case, the records of its latest such run.
    """
    now = provenance()
    if now["git_dirty"] or now["git_sha"] is None or not out.is_dir():
        return {}
    runs = defaultdict(list)
    for record in read(out):
        if record["size"] == size and origin(record) == origin(now):
            runs[record["case"], record["run_id"]].append(record)
    whole = {key: rows for key, rows in runs.items() if all(map(_needs_no_rerun, rows))}
    return {case: whole[case, run_id] for case, run_id in sorted(whole)}


def _needs_no_rerun(record: dict) -> bool:
    if record["status"] == "skipped":
        return bool(record["peer"]) and environments.python_of(record["peer"]) is None
    return record["status"] not in BROKEN


def _run_one(record: Recorder, folder: Path, limit_s: float) -> None:
    part = record.path.with_suffix(".part")
    job = {"folder": str(folder.resolve()), "size": record.size}
    job |= {"path": str(part), "run_id": record.run_id}
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(job)]
    part.touch()
    status, reason = "failed", "interrupted"
    with tempfile.TemporaryFile("w+", encoding="utf8") as errors:
        # A session of its own, so that its children (peers, subprocesses) end with it.
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        try:
            code = process.wait(timeout=limit_s)
            errors.seek(0)
            tail = " | ".join(errors.read().strip().splitlines()[-5:])
            status, reason = ("failed", f"exit status {code}: {tail}") if code else ("ok", "")
        except subprocess.TimeoutExpired:
            status, reason = "timeout", f"did not end within {limit_s:g} s"
        finally:
            _end(process)  # before its record, so that two processes never write at once
            _close(record, part, status, reason)


def _close(record: Recorder, part: Path, status: str, reason: str) -> None:
    """Move what a case recorded to the file of its run, and say there how the case ended unless it ended well."""
    rows = part.read_text("utf8").splitlines(keepends=True)
    if rows and not rows[-1].endswith("\n"):
        reason += f"; its last record was torn: {rows.pop()[:40]}..."
    if status == "ok" and not rows:
        status, reason = "failed", "the case recorded nothing"
    with record.path.open("a", encoding="utf8") as out:
        out.writelines(rows)
    if status != "ok":
        record.write("-", status=status, reason=reason)
    part.unlink()


def _end(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
