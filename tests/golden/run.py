"""Run the commands of a case in a folder of its own, and keep what they said and left."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .cases import Case
from .summary import pretty, summary_of_file, summary_of_text

FILES = Path(__file__).parent / "files"
"""The stored files, one a case."""

ROOT = Path(__file__).parents[2]
"""The checkout: what runs is its code, whatever is installed."""

_LIMIT = 900  # seconds of one command, on a machine that does other things too
_SHOWN = 40  # lines of each stream that are kept
_UNREAD = (
    "chunks",
)  # folders of which the names of the files are enough: what a batch resumes from


def _environment() -> dict[str, str]:
    """The environment of the commands: the checkout, no screen, and none of the settings of the tests."""
    # Flags of XLA that the tests set change the last digits of what it compiles.
    drop = ("XLA_FLAGS", "JAX_ENABLE_X64", "MEMJAX_DEBUG", "COLUMNS")
    kept = {n: x for n, x in os.environ.items() if n not in drop}
    return kept | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}


def _call(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments in the folder."""
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=_LIMIT, check=False,
    )  # fmt: skip


@contextmanager
def _workplace(inputs: Sequence[str]) -> Iterator[Path]:
    """A temporary folder with the input files that are named."""
    with tempfile.TemporaryDirectory(prefix="memjax-golden-") as name:
        folder = Path(name).resolve()
        if inputs:
            made = _call(["-m", "tests.golden.inputs", *inputs], folder)
            if made.returncode:
                raise RuntimeError(f"inputs {' '.join(inputs)}: {made.stderr}")
        yield folder


def _step(words: Sequence[str], folder: Path) -> dict[str, Any]:
    """One command: its words, its exit status, and its last lines without progress."""
    ended = _call(["-m", "memjax", *words], folder)
    streams = {"stdout": ended.stdout, "stderr": ended.stderr}
    lines = {n: summary_of_text(x, folder, ROOT)[-_SHOWN:] for n, x in streams.items()}
    return {"command": " ".join(words), "status": ended.returncode} | lines


def _written(folder: Path) -> set[Path]:
    return {p for p in folder.rglob("*") if p.is_file()}


def produce(case: Case) -> dict[str, Any]:
    """What the commands of a case say, and what files they leave."""
    with _workplace(case.inputs) as folder:
        inputs = _written(folder)
        steps = [_step(words, folder) for words in case.steps]
        left = {p.relative_to(folder).as_posix(): p for p in sorted(_written(folder) - inputs)}
        read = {n: p for n, p in left.items() if p.parent.name not in _UNREAD}
        contents = {n: summary_of_file(p, folder, ROOT) for n, p in read.items()}
    return {
        "purpose": case.purpose,
        "steps": steps,
        "files": list(left),
        "contents": {n: x for n, x in contents.items() if x is not None},
    }


def stored(name: str) -> dict[str, Any] | None:
    """The stored file of a case; None where there is none."""
    path = FILES / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def store(name: str, content: dict[str, Any]) -> None:
    """Write the stored file of a case."""
    FILES.mkdir(exist_ok=True)
    (FILES / f"{name}.json").write_text(pretty(content) + "\n", encoding="utf-8")
