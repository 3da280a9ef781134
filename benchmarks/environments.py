"""Peers: other libraries on the same problem, each in a virtual environment of its own."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
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


def _given(name: str) -> str:
    """The variable of the environment that may name a peer's interpreter, as MEMJAX_BRIAN2."""
    return "MEMJAX_" + name.upper().replace("-", "_")


def python_of(name: str) -> Path | None:
    """The interpreter that a peer's own variable names, else that of its environment; None where neither is there.

    An environment out of date counts as missing.
    """
    if os.environ.get(_given(name)):
        return Path(os.environ[_given(name)])
    stamp = folder() / name / "requirements.sha256"
    current = stamp.exists() and stamp.read_text() == _digest(name)
    return folder() / name / "bin" / "python" if current else None


def build(name: str) -> Path:
    """Make the environment of a peer, unless it is there and up to date.

    Raises
    ------
    BenchmarkError
        There is no such peer, or its packages could not be installed.
    """
    if name not in names():
        raise BenchmarkError(f"no peer {name!r}", allowed=", ".join(names()))
    ready = python_of(name)
    if ready is not None:
        return ready
    target = folder() / name
    python = target / "bin" / "python"
    requirements = REQUIREMENTS / f"{name}.txt"
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(target)], check=True)
    install = [str(python), "-m", "pip", "install", "-r", str(requirements)]
    if subprocess.run(install, check=False).returncode:
        raise BenchmarkError(
            f"pip could not install the peer {name}",
            where=str(requirements),
            allowed="packages that this machine has or can build: pip says above what is missing",
            fix=f"install that, or name a Python that has the peer: {_given(name)}=/path/to/python",
        )
    (target / "requirements.sha256").write_text(_digest(name))
    return python


def asked(peer: str, script: Path, job: dict) -> tuple[dict | None, str, str]:
    """What a peer's script answers to a job; else nothing, a status and its reason."""
    python = python_of(peer)
    if python is None:
        how = f"python -m benchmarks peers --only {peer}, or {_given(peer)}=/path/to/python"
        return None, "skipped", f"not built: {how}"
    return heard([str(python), str(script)], job)


def heard(command: Sequence[str], job: dict) -> tuple[dict | None, str, str]:
    """What a process answers to a job on its last line; else nothing, a status and its last words."""
    done = subprocess.run(
        command, input=json.dumps(job), capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode != 0:
        return None, "failed", " | ".join(done.stderr.strip().splitlines()[-5:])
    return json.loads(done.stdout.strip().splitlines()[-1]), "ok", ""


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
    start = time.perf_counter()
    said, status, reason = asked(peer, script, job)
    if said is None:
        record.write(variant, status=status, reason=reason, peer=peer)
        return
    said["extra"] = said.get("extra", {}) | {"process_s": time.perf_counter() - start}
    times = Times(run=said.pop("run_s"))
    record.ok(
        variant, times, error=said.pop("error"), reference=said.pop("reference"), peer=peer, **said
    )
