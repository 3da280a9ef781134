"""The process in which one case runs: ``python -m benchmarks.worker JOB``, from the runner."""

import json
import sys
from pathlib import Path

from benchmarks.records import Recorder
from benchmarks.registry import load
from memjax.runtime.compile_cache import fuse_small_loops


def main(job: str) -> None:
    """Run the case of a job, a JSON object of folder, size, path and run_id."""
    fuse_small_loops()
    wanted = json.loads(job)
    case = load(Path(wanted["folder"]))
    record = Recorder(
        path=Path(wanted["path"]),
        run_id=wanted["run_id"],
        case=case.name,
        size=wanted["size"],
        baseline=case.baseline,
    )
    case.run(wanted["size"], record)


if __name__ == "__main__":
    main(sys.argv[1])
