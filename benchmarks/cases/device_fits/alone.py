"""A study of the case that runs by itself: ``python -m benchmarks.cases.device_fits.NAME DIR [SIZE]``."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.records import Recorder


def run_alone(name: str, run: Callable[[str, Recorder], None], words: list[str]) -> Path:
    """Run a study with its records in the folder that the words name, which is returned; by default in full size."""
    folder, size = Path(words[0]), words[1] if len(words) > 1 else "full"
    folder.mkdir(parents=True, exist_ok=True)
    names = dict(run_id=name, case="device_fits", size=size, baseline="mms")
    run(size, Recorder(path=folder / f"{name}.jsonl", **names))
    return folder
