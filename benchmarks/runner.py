"""Runs cases, each in a process of its own and within its time, and sees that each left records."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.records import ROOT, Recorder, read
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


def _run_one(record: Recorder, folder: Path, limit_s: float) -> None:
    job = {"folder": str(folder.resolve()), "size": record.size}
    job |= {"path": str(record.path), "run_id": record.run_id}
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(job)]
    before = len(read(record.path))
    with tempfile.TemporaryFile("w+", encoding="utf8") as errors:
        # A session of its own, so that its children (peers, subprocesses) end with it.
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        try:
            code = process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)  # before its record, so that two processes never write at once
        errors.seek(0)
        if code is None:
            record.write("-", status="timeout", reason=f"did not end within {limit_s:g} s")
        elif code != 0:
            tail = " | ".join(errors.read().strip().splitlines()[-5:])
            record.write("-", status="failed", reason=f"exit status {code}: {tail}")
        elif len(read(record.path)) == before:
            record.write("-", status="failed", reason="the case recorded nothing")


def _end(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
