"""What a benchmark case is, and how the cases in a folder are found."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memjax.errors import MemjaxError

CASES = Path(__file__).parent / "cases"
SIZES = ("smoke", "full")


class BenchmarkError(MemjaxError):
    """A benchmark was asked for that cannot be run or reported."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One benchmark: a folder with this object as ``CASE`` in its case.py, and a README.md.

    Parameters
    ----------
    name : str
        The folder's name.
    run : callable
        ``run(size, record)``: measures, and tells each result to the `benchmarks.records.Recorder`.
    baseline : str
        The variant that the others are divided by.
    suites : tuple of str
        The suites it belongs to; all belong to "all".
    peers : tuple of str
        The peer environments it can use.
    limit_s : float
        Time after which its process is ended [s].
    """

    name: str
    run: Callable
    baseline: str
    suites: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    limit_s: float = 600.0


def load(folder: Path) -> Case:
    """The case in a folder of its own."""
    name = f"benchmarks.cases.{folder.name}.case"
    spec = importlib.util.spec_from_file_location(name, folder / "case.py")
    if spec is None or spec.loader is None:
        raise BenchmarkError(f"{folder} holds no case.py that can be read")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    if module.CASE.name != folder.name:
        raise BenchmarkError(
            f"case {module.CASE.name!r} lies in a folder of another name", where=str(folder)
        )
    return module.CASE


def discover(cases: Path = CASES) -> dict[str, Case]:
    """All cases under a folder, by name."""
    return {path.parent.name: load(path.parent) for path in sorted(cases.glob("*/case.py"))}


def select(name: str, cases: dict[str, Case]) -> list[Case]:
    """The case of that name, or the cases of the suite of that name."""
    chosen = [c for c in cases.values() if name in (c.name, "all", *c.suites)]
    if not chosen:
        suites = sorted({"all"}.union(*(c.suites for c in cases.values())))
        raise BenchmarkError(
            f"no case or suite {name!r}", allowed=f"cases {sorted(cases)}, suites {suites}"
        )
    return chosen
