"""How long a new process takes until memjax is there: import, and the shortest command."""

import subprocess
import sys
import time

from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times

MODELS = "from memjax.cli import main; sys.argv = ['memjax', 'models']; sys.exit(main())"
PROGRAMS = {
    "python": "pass",
    "import jax": "import jax",
    "import diffrax": "import diffrax",
    "import memjax": "import memjax",
    "memjax models": MODELS,
}
COUNT = "import atexit, sys; atexit.register(lambda: print(len(sys.modules), file=sys.stderr))"


def lap(program: str) -> float:
    """Wall time of a new process that runs a program [s]."""
    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", f"import sys; {program}"], capture_output=True)
    seconds = time.perf_counter() - start
    run.check_returncode()
    return seconds


def run(size: str, record: Recorder) -> None:
    """Time each program in rounds, so that a busy moment of the machine meets all of them."""
    loaded = {}
    for variant, program in PROGRAMS.items():
        # Also the warm-up: it writes the byte code and fills the disk cache.
        warm = subprocess.run(
            [sys.executable, "-c", f"{COUNT}; {program}"], capture_output=True, text=True
        )
        if warm.returncode == 0:
            loaded[variant] = int(warm.stderr.split()[-1])
        else:
            last = warm.stderr.strip().splitlines()[-2:-1]
            record.write(variant, status="failed", reason="".join(last), problem="new process")
    rounds = [{v: lap(PROGRAMS[v]) for v in loaded} for _ in range(3 if size == "smoke" else 15)]
    for variant, modules in loaded.items():
        record.ok(
            variant,
            Times(run=[laps[variant] for laps in rounds]),
            error=None,
            reference="none: a wall time (exit status 0 in every repeat)",
            problem="new process",
            n=1,
            extra={"modules": modules},
        )


CASE = Case(
    name="startup", run=run, baseline="import jax", suites=("smoke", "startup"), limit_s=300.0
)
