"""Runs cases, each in a process of its own and within its time, and sees that each left records."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import environments
from benchmarks.records import BROKEN, DEVICES, ROOT, Recorder, devices, origin, provenance, read
from benchmarks.registry import CASES, Case
from memjax.runtime.cluster import Cluster, versions


def run_cases(
    cases: Iterable[Case],
    size: str,
    *,
    out: Path,
    folder: Path = CASES,
    limit_s: float | None = None,
    cluster: Cluster | None = None,
) -> Path:
    """Run cases one after the other, or on the workers of a cluster, into a new file of records.

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
    cluster : Cluster, optional
        Workers that run a case each at a time; records name the machine that each was measured on.

    Returns
    -------
    Path
        The file of JSON lines.
    """
    out.mkdir(parents=True, exist_ok=True)
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    path = (out / f"{run_id}.jsonl").resolve()
    path.touch()
    chosen = {case.name: case for case in cases}
    records = {
        n: Recorder(path=path, run_id=run_id, case=n, size=size, baseline=case.baseline)
        for n, case in chosen.items()
    }
    limits = {n: case.limit_s if limit_s is None else limit_s for n, case in chosen.items()}
    if cluster is not None:
        _run_on_cluster(records, limits, folder, cluster)
        return path
    for name, record in records.items():
        _run_one(record, folder / name, limits[name])
    return path


def completed_cases(out: Path, size: str, cluster: Cluster | None = None) -> dict[str, list[dict]]:
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
    cluster : Cluster, optional
        Workers whose machines count, in place of this one.

    Returns
    -------
    dict of str to list of dict
        By the name of the case, the records of its latest such run.
    """
    now = provenance()
    if now["git_dirty"] or now["git_sha"] is None or not out.is_dir():
        return {}
    here = [now] if cluster is None else cluster.ask(provenance).values()
    origins, runs = [origin(x) for x in here if not x["git_dirty"]], defaultdict(list)
    for record in read(out):
        if record["size"] == size and origin(record) in origins:
            runs[record["case"], record["run_id"]].append(record)
    whole = {key: rows for key, rows in runs.items() if all(map(_needs_no_rerun, rows))}
    return {case: whole[case, run_id] for case, run_id in sorted(whole)}


def _needs_no_rerun(record: dict) -> bool:
    if record["status"] == "skipped":
        return bool(record["peer"]) and environments.python_of(record["peer"]) is None
    return record["status"] not in BROKEN


def _run_one(record: Recorder, folder: Path, limit_s: float) -> None:
    part = record.path.with_suffix(".part")
    part.touch()
    status, reason = "failed", "interrupted"
    try:
        job = {"folder": str(folder.resolve()), "size": record.size, "run_id": record.run_id}
        status, reason = run_process(job | {"path": str(part)}, limit_s)
    finally:
        _close(record, part.read_text("utf8"), status, reason)
        part.unlink()


def run_process(job: dict, limit_s: float, halt: threading.Event | None = None) -> tuple[str, str]:
    """Run a case in a process of its own, which ends within its time or with this call.

    Parameters
    ----------
    job : dict
        For `benchmarks.worker`.
    limit_s : float
        Time limit [s].
    halt : Event, optional
        Ends it, by a `KeyboardInterrupt`, once it is set.

    Returns
    -------
    tuple of str
        Status, and its reason unless it ended well.
    """
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(job)]
    with tempfile.TemporaryFile("w+", encoding="utf8") as errors:
        # A session of its own, so that its children (peers, subprocesses) end with it.
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {DEVICES: devices()},
            stdin=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = _wait(process, limit_s, halt)
            errors.seek(0)
            tail = " | ".join(errors.read().strip().splitlines()[-5:])
            return ("failed", f"exit status {code}: {tail}") if code else ("ok", "")
        except subprocess.TimeoutExpired:
            return "timeout", f"did not end within {limit_s:g} s"
        finally:
            _end(process)  # before its record, so that two processes never write at once


def _wait(process: subprocess.Popen, limit_s: float, halt: threading.Event | None) -> int:
    """The exit status of a process; a `TimeoutExpired` where it takes too long."""
    if halt is None:
        return process.wait(timeout=limit_s)
    end = time.monotonic() + limit_s
    while not halt.is_set():
        left = end - time.monotonic()
        try:
            return process.wait(timeout=max(min(left, 1.0), 0.0))
        except subprocess.TimeoutExpired:
            if left <= 1.0:
                raise
    raise KeyboardInterrupt


def _run_on_cluster(
    records: dict[str, Recorder], limits: dict[str, float], folder: Path, cluster: Cluster
) -> None:
    """Run cases on workers, each with the checkout that it has; records are written as cases end."""
    sent = set[str]()

    def jobs() -> Iterator[tuple[str, bytes]]:
        for name, record in records.items():
            sent.add(name)
            # Of the workers' own checkout, unless the cases lie elsewhere.
            place = None if folder == CASES else str(folder.resolve())
            job = {"case": name, "cases": place, "size": record.size, "run_id": record.run_id}
            yield name, json.dumps(job | {"limit_s": limits[name]}).encode()

    try:
        with contextlib.closing(cluster.map(work, jobs())) as answers:
            for name, answer in answers:
                sent.remove(name)
                failed = {"rows": "", "status": "failed", "reason": answer}
                said = failed if isinstance(answer, str) else json.loads(answer)
                _close(records[name], said["rows"], said["status"], said["reason"])
    finally:
        for name in sorted(sent):
            _close(records[name], "", "failed", "interrupted")


def work(job: bytes, halt: threading.Event) -> bytes:
    """What a worker does: a case, its records and how it ended as JSON."""
    wanted = json.loads(job)
    folder = (CASES if wanted["cases"] is None else Path(wanted["cases"])) / wanted["case"]
    with tempfile.TemporaryDirectory() as place:
        part = Path(place) / "case.part"
        part.touch()
        about = {n: wanted[n] for n in ("size", "run_id")} | {"folder": str(folder)}
        status, reason = run_process(about | {"path": str(part)}, wanted["limit_s"], halt)
        said = {"rows": part.read_text("utf8"), "status": status, "reason": reason}
    return json.dumps(said).encode()


def identity() -> dict[str, str]:
    """What has to be the same on a worker: versions, and the commit of the checkout."""
    return versions() | {"commit": str(provenance()["git_sha"])}


def _close(record: Recorder, text: str, status: str, reason: str) -> None:
    """Move what a case recorded to the file of its run, and say there how the case ended unless it ended well."""
    rows = text.splitlines(keepends=True)
    if rows and not rows[-1].endswith("\n"):
        reason += f"; its last record was torn: {rows.pop()[:40]}..."
    if status == "ok" and not rows:
        status, reason = "failed", "the case recorded nothing"
    with record.path.open("a", encoding="utf8") as out:
        out.writelines(rows)
    if status != "ok":
        record.write("-", status=status, reason=reason)


def _end(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
