"""How long new processes take: imports, and commands with nothing kept and again, by what the time goes to."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times

PROGRAMS = {
    "python": "pass",
    "import jax": "import jax",
    "import diffrax": "import diffrax",
    "import memjax": "import memjax",
    "import all names": "import memjax; [getattr(memjax, n) for n in dir(memjax) if n[0] != '_']",
}
LIGHT = {"--help": ["--help"], "models": ["models"], "read": ["read", "measured.csv"]}
"""Commands that compute nothing."""

DEMO = "example:diffusive-sweeps"
HEAVY = {
    "fit": ["fit", DEMO, "--model", "diffusive", "--out", "demo", "--force"],
    "report": ["report", "demo"],
    "simulate": ["simulate", "diffusive", "--fit", "demo", "--like", DEMO, "--deterministic", "--out", "out.csv",
                 "--force"],
}  # fmt: skip
"""Commands that compute: the demo of the README, its report anew, and its device under the measured waveform."""

PROBE = Path(__file__).with_name("probe.py")
COUNT = "import atexit, sys; atexit.register(lambda: print(len(sys.modules), file=sys.stderr))"


def write_sweeps(path: Path, size: int = 1_000_000) -> None:
    """A tidy CSV of so many bytes: triangle sweeps of a resistor."""
    rows, length, k = ["sweep,t_s,v_V,i_A"], 0, 0
    while length < size:
        v = 1 - abs(k % 520 - 260) / 260
        rows.append(f"{k // 520},{k * 1e-3:.6g},{v:.9g},{1e-6 * v + 1e-9 * (k * 7919 % 101):.9g}")
        length, k = length + len(rows[-1]) + 1, k + 1
    path.write_text("\n".join(rows) + "\n")


def lap(words: Sequence[str], folder: Path) -> tuple[float, dict]:
    """Wall time of a new process [s], and what it says of itself on the last line of standard error."""
    env = {n: x for n, x in os.environ.items() if n != "JAX_COMPILATION_CACHE_DIR"}
    env |= {
        "MEMJAX_CACHE": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=folder, env=env
    )
    seconds = time.perf_counter() - start
    run.check_returncode()
    last = run.stderr.strip().splitlines()[-1] if run.stderr.strip() else "{}"
    return seconds, json.loads(last) if last.startswith("{") else {"modules": int(last)}


def _record(record: Recorder, variant: str, laps: list[tuple[float, dict]], problem: str) -> None:
    """One variant: wall times, and the means of what its processes said."""
    said = [about for _, about in laps]
    extra = {n: float(sum(about[n] for about in said)) / len(said) for n in said[0]}
    record.ok(
        variant,
        Times(run=[seconds for seconds, _ in laps]),
        error=None,
        reference="none: a wall time (exit status 0 in every repeat)",
        problem=problem,
        n=1,
        extra=extra,
    )


def run(size: str, record: Recorder) -> None:
    """Time each start in rounds, so that a busy moment meets all of them; then what computes, in turn."""
    repeats = 2 if size == "smoke" else 11
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_sweeps(folder / "measured.csv")
        starts = {f"memjax {n}": [str(PROBE), *words] for n, words in LIGHT.items()}
        starts |= {n: ["-c", f"{COUNT}; {program}"] for n, program in PROGRAMS.items()}
        for words in starts.values():  # writes the byte code and fills the disk cache
            lap(words, folder)
        rounds = [{n: lap(words, folder) for n, words in starts.items()} for _ in range(repeats)]
        for name in starts:
            _record(record, name, [laps[name] for laps in rounds], "new process")
        for name, words in HEAVY.items() if size != "smoke" else ():
            _record(
                record,
                f"memjax {name}, cold",
                [lap([str(PROBE), *words], folder)],
                "nothing kept of it",
            )
            warm = [lap([str(PROBE), *words], folder) for _ in range(3)]
            _record(record, f"memjax {name}, warm", warm, "new process")


CASE = Case(
    name="startup", run=run, baseline="import jax", suites=("smoke", "startup"), limit_s=1200.0
)
