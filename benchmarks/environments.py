"""Peers: other libraries on the same problem, each in a virtual environment of its own."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.records import ROOT, Recorder
from benchmarks.registry import BenchmarkError
from benchmarks.timing import Times

REQUIREMENTS = Path(__file__).parent / "peers"


def folder() -> Path:
    """Where the environments lie: MEMJAX_PEERS, else .peers in the checkout."""
    return Path(os.environ.get("MEMJAX_PEERS", ROOT / ".peers"))


def names() -> list[str]:
    """The peers that have a file of requirements."""
    return sorted(path.stem for path in REQUIREMENTS.glob("*.txt"))


def _digest(name: str) -> str:
    return hashlib.sha256((REQUIREMENTS / f"{name}.txt").read_bytes()).hexdigest()


def python_of(name: str) -> Path | None:
    """The interpreter of a peer's environment; None where it is not built or is out of date."""
    stamp = folder() / name / "requirements.sha256"
    current = stamp.exists() and stamp.read_text() == _digest(name)
    return folder() / name / "bin" / "python" if current else None


def build(name: str) -> Path:
    """Make the environment of a peer, unless it is there and up to date."""
    if name not in names():
        raise BenchmarkError(f"no peer {name!r}", allowed=", ".join(names()))
    ready = python_of(name)
    if ready is not None:
        return ready
    target = folder() / name
    python = target / "bin" / "python"
    requirements = REQUIREMENTS / f"{name}.txt"
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(target)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-r", str(requirements)], check=True)
    (target / "requirements.sha256").write_text(_digest(name))
    return python


def run_peer(record: Recorder, peer: str, script: Path, *, job: dict, variant: str) -> None:
    """Run a peer's script with its own Python and record what it says.

    Parameters
    ----------
    record : Recorder
        Where the result goes.
    peer : str
        The environment.
    script : Path
        Reads a JSON object on standard input and prints one on its last line: ``run_s`` (a list
        of times [s]), ``error``, ``reference``, ``peak_rss_bytes``, and what ``extra`` holds.
    job : dict
        What the script is given.
    variant : str
        The name of the result.
    """
    python = python_of(peer)
    if python is None:
        fix = f"not built: python -m benchmarks peers --only {peer}"
        record.write(variant, status="skipped", reason=fix, peer=peer)
        return
    start = time.perf_counter()
    done = subprocess.run(
        [str(python), str(script)], input=json.dumps(job), capture_output=True, text=True
    )
    if done.returncode != 0:
        tail = " | ".join(done.stderr.strip().splitlines()[-5:])
        record.write(variant, status="failed", reason=tail, peer=peer)
        return
    said = json.loads(done.stdout.strip().splitlines()[-1])
    said["extra"] = said.get("extra", {}) | {"process_s": time.perf_counter() - start}
    times = Times(run=said.pop("run_s"))
    record.ok(
        variant, times, error=said.pop("error"), reference=said.pop("reference"), peer=peer, **said
    )
