"""One measurement is one line of JSON: what ran, on what, how long, and how wrong it was."""

import functools
import importlib.metadata
import json
import math
import os
import platform
import resource
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.registry import BenchmarkError
from benchmarks.timing import Times
from memjax.runtime.cores import usable_cores

SCHEMA_VERSION = 1
STATUSES = ("ok", "skipped", "failed", "timeout")
BROKEN = ("failed", "timeout")
PACKAGES = ("jax", "jaxlib", "equinox", "diffrax", "numpy")
ROOT = Path(__file__).parents[1]
SOURCE = ("memjax", "fitting", "benchmarks", "pyproject.toml")
"""What a measurement depends on, of the checkout: records elsewhere in it, or pages, are no changes."""


def _git(*args: str) -> str:
    run = subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, text=True)
    return run.stdout.strip() if run.returncode == 0 else ""


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    rows = info.read_text().split("\n") if info.exists() else []
    models = [row.split(":", 1)[1].strip() for row in rows if row.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


DEVICES = "MEMJAX_BENCHMARKS_DEVICES"
"""Variable of the environment: what `devices` says, for the processes of the cases."""


@functools.cache
def devices() -> str:
    """What JAX computes on: platform, kind and number, as ``gpu NVIDIA H100 x1``, or ``cpu x1``.

    It is asked in a process of its own: one that asks takes an accelerator's memory, which the cases need.
    """
    if DEVICES in os.environ:
        return os.environ[DEVICES]
    program = "import jax; d = jax.devices(); k = d[0].device_kind; p = d[0].platform; "
    program += "print(p, *([k] if k != p else []), f'x{len(d)}')"
    small = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    words = [sys.executable, "-c", program]
    run = subprocess.run(words, capture_output=True, text=True, env=small, check=False)
    return run.stdout.strip() or "unknown"


@functools.cache
def provenance() -> dict:
    """Source, versions and machine, which every record carries."""
    return {
        "schema_version": SCHEMA_VERSION,
        "git_sha": _git("rev-parse", "HEAD") or None,
        "git_dirty": bool(_git("status", "--porcelain", "--", *SOURCE)),
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "usable_cores": usable_cores(),
            "system": platform.platform(),
            "devices": devices(),
        },
    }


def origin(record: dict) -> dict[str, str]:
    """What has to be equal for two records to be repetitions of one measurement: source, versions, machine.

    Parameters
    ----------
    record : dict
        A record, or `provenance()`.
    """
    commit = f"{record['git_sha']}{' with changes' if record['git_dirty'] else ''}"
    return {"commit": commit} | {
        name: ", ".join(f"{key} {value}" for key, value in sorted(record[name].items()))
        for name in ("versions", "machine")
    }


def peak_rss_bytes() -> int:
    """The most memory that this process or one of its ended children has held [bytes]."""
    unit = 1 if sys.platform == "darwin" else 1024
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return unit * max(use.ru_maxrss for use in uses)


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Appends the records of one case in one run to a file.

    Parameters
    ----------
    path : Path
        The file of JSON lines.
    run_id : str
        Names the run; ratios are taken within one run only.
    case, size, baseline : str
        The case, its size, and the variant that others are divided by.
    """

    path: Path
    run_id: str
    case: str
    size: str
    baseline: str

    def write(self, variant: str, *, status: str, reason: str = "", **values) -> dict:
        """Append a record of any status; `values` overrides the fields below."""
        blank = dict.fromkeys(
            ("peer", "dtype", "n", "compile_s", "run_s", "error", "reference", "peak_rss_bytes")
        )
        names = {"run_id": self.run_id, "case": self.case, "size": self.size}
        names |= {"baseline": self.baseline, "variant": variant, "problem": ""}
        head = {"status": status, "reason": reason, "time": datetime.now(UTC).isoformat()}
        record = provenance() | names | head | blank | {"extra": {}} | values
        with self.path.open("a", encoding="utf8") as out:
            out.write(json.dumps(record, allow_nan=False) + "\n")
        return record

    def ok(
        self,
        variant: str,
        times: Times,
        *,
        error: float | None,
        reference: str,
        tolerance: float | None = None,
        **values,
    ) -> dict:
        """Append a result; one whose error is above `tolerance`, or not a number, has failed.

        Parameters
        ----------
        variant : str
            What was measured.
        times : Times
            Compilation and run times.
        error : float or None
            Distance from the reference, in the unit that `reference` states; None where there is
            nothing to be wrong about.
        reference : str
            What the error is taken against.
        tolerance : float, optional
            The largest error that is right.
        """
        wrong = error is not None and not (error <= (math.inf if tolerance is None else tolerance))
        reason = f"error {error:g} against {reference} is above {tolerance}" if wrong else ""
        finite = error if error is not None and math.isfinite(error) else None
        return self.write(
            variant,
            status="failed" if wrong else "ok",
            reason=reason,
            error=finite,
            reference=reference,
            **({"peak_rss_bytes": peak_rss_bytes()} | times.as_fields() | values),
        )


def read(path: Path) -> list[dict]:
    """All records of a file, or of the ``*.jsonl`` files of a folder."""
    if not path.exists():
        raise BenchmarkError(
            f"no file or folder {path}", fix="python -m benchmarks run smoke --out DIR makes one"
        )
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return [
        _parse(row, f"{file}, line {line}")
        for file in files
        for line, row in enumerate(file.read_text("utf8").splitlines(), 1)
    ]


def _parse(row: str, where: str) -> dict:
    try:
        record = json.loads(row)
        version = record["schema_version"]
    except (ValueError, TypeError, KeyError):
        raise BenchmarkError(
            "no record of a benchmark", where=where, allowed="a JSON object per line, as run writes"
        ) from None
    if version != SCHEMA_VERSION:
        raise BenchmarkError(
            f"record of schema version {version}", where=where, allowed=f"{SCHEMA_VERSION}"
        )
    return record


def of_run(path: Path, case: str, run_id: str) -> list[dict]:
    """Records of one case in one run."""
    return [r for r in read(path) if r["case"] == case and r["run_id"] == run_id]


def write_picture(path: Path, name: str, numbers: Any, figure: Any, *, dpi: int = 100) -> Path:
    """Write a picture and the numbers that it shows, ``name.png`` and ``name.json``, beside a file of records."""
    target = path.with_name(f"{name}.json")
    target.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf8")
    figure.savefig(target.with_suffix(".png"), dpi=dpi)
    return target.with_suffix(".png")
