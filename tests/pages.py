"""Run the Python of pages: `python -m tests.pages docs/targets.md`; of all long ones where none is named.

`python -m tests.pages --float32 PAGE ...` leaves out the line that enables float64: each page then
refuses, or ends with the numbers of float64.
"""

import gc
import json
import os
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from tests.quick import compile_quickly, lower_quickly

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LONG = [p for p in sorted(DOCS.glob("circuits/*.md")) if "```python" in p.read_text("utf8")]
LONG += [
    DOCS / f"{n}.md"
    for n in (
        "attention",
        "batches-python",
        "energy",
        "networks-derivatives",
        "networks-python",
        "onchip",
        "randomness-python",
        "reservoirs-python",
        "solvers-noise",
        "targets",
        "training",
        "uncertainty",
        "uncertainty-devices",
    )
]
"""Those that .ci/run runs, a process each, into which it forks; the others are tests."""

ENABLE = re.compile(r"^jax\.config\.update\(.jax_enable_x64., True\).*$", re.MULTILINE)
SHARE = 0.01
"""By which numbers of a page may differ between the precisions, of the largest in each array."""


def run(page: Path, *, double: bool = True) -> dict:
    """Run all blocks of a page one after the other; what they define."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    if not blocks:
        raise ValueError(f"{page} has no Python")
    names: dict = {}
    for code in blocks:
        code = code if double else ENABLE.sub("", code)
        exec(compile(code, page.name, "exec"), names)
    return names


def numbers(names: dict) -> dict[str, list]:
    """What a page computed, as lists: numbers and arrays by name."""
    import jax

    kept = {}
    for name, x in names.items():
        real = isinstance(x, float | np.floating | np.ndarray | jax.Array) and not name.startswith(
            "_"
        )
        if real and np.issubdtype(np.asarray(x).dtype, np.floating) and np.size(x) < 1_000_000:
            kept[name] = np.asarray(x, float).ravel().tolist()
    return kept


def without_float64(page: Path) -> str:
    """How a page ends where float64 is not enabled: "refused", with the message, or "equal".

    Raises
    ------
    ValueError
        If its numbers are others than in float64.
    """
    from memjax.errors import PolicyError

    if not ENABLE.search(page.read_text(encoding="utf-8")):
        # The long ones run so in a process of their own already; there is no other precision to compare with.
        if page.resolve() not in LONG:
            run(page)
        return "equal: it does not enable float64"
    try:
        single = numbers(run(page, double=False))
    except PolicyError as error:
        if "jax_enable_x64" not in str(error):
            raise
        return f"refused: {error}"
    words = [sys.executable, "-m", "tests.pages", "--numbers", str(page)]
    done = subprocess.run(words, capture_output=True, check=True, text=True, cwd=ROOT)
    double = json.loads(done.stdout.splitlines()[-1])
    for name, exact in double.items():
        a, b = np.array(single[name]), np.array(exact)
        if a.shape != b.shape or not np.allclose(
            a, b, rtol=0, atol=SHARE * np.max(np.abs(b), initial=0)
        ):
            raise ValueError(f"{page}: {name} is {a[:5]} in float32 and {b[:5]} in float64")
    return f"equal: {', '.join(double) or 'no numbers'}"


def _run_timed(page: Path) -> None:
    """Run a page, and print how long it took."""
    start = time.perf_counter()
    count = len(run(page))
    print(f"{page}: {time.perf_counter() - start:.0f} s, {count} names", flush=True)


def run_forked(pages: list[Path]) -> list[Path]:
    """Run pages, each in a process that begins with the libraries loaded and nothing computed; those that fail."""
    import matplotlib.pyplot
    import optax

    import fitting
    import memjax

    for package in (fitting, memjax, memjax.data, memjax.observables):  # names load at first use
        [getattr(package, name) for name in dir(package)]
    del matplotlib, optax
    gc.set_threshold(1_000_000, 50, 100)  # as in tests, see `tests/conftest.py`
    gc.freeze()
    failed = []
    for page in pages:
        process = os.fork()
        if process == 0:
            code = 1
            try:
                _run_timed(page)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        if os.waitpid(process, 0)[1] != 0:
            failed.append(page)
    return failed


def main(words: list[str]) -> None:
    """Run pages, in either precision."""
    compile_quickly()  # as the tests do, whose programs on disk are then those of pages too
    from memjax.runtime.compile_cache import fuse_small_loops

    fuse_small_loops()
    lower_quickly()
    if not words:
        failed = run_forked(LONG)
        sys.exit(f"these pages fail: {', '.join(map(str, failed))}" if failed else 0)
    single, dump = words[:1] == ["--float32"], words[:1] == ["--numbers"]
    for name in words[1:] if single or dump else words:
        if dump:
            print(json.dumps(numbers(run(Path(name)))))
        elif single:
            start = time.perf_counter()
            ended = without_float64(Path(name))
            print(f"{name}: {time.perf_counter() - start:.0f} s, {ended}", flush=True)
        else:
            _run_timed(Path(name))


if __name__ == "__main__":
    main(sys.argv[1:])
