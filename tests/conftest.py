"""What every test runs under: float64, no silent broadcasting or promotion, compiled once."""

import collections
import gc
import hashlib
import itertools
import os
import subprocess
from pathlib import Path

# Threads of small matrix products wait for each other where tests run side by side: twenty times as long. Read when
# numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import pytest

from memjax.lanes.cc import library
from memjax.runtime.compile_cache import fuse_small_loops
from tests.quick import compile_quickly, lower_quickly

# Tracing makes objects by the million, and hardly any cycles: Python's collector took a sixth of the time.
gc.set_threshold(1_000_000, 50, 100)

compile_quickly()
fuse_small_loops()
lower_quickly()

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


if library.find_compiler() is None:  # as good to test on, and nothing to be warned of
    os.environ[library.COMPILER] = ""


def _cache_folder() -> str:
    """One folder per kind of processor: XLA's CPU code runs only where it was compiled."""
    cpu = Path("/proc/cpuinfo")
    flags = (
        [row for row in cpu.read_text().split("\n") if row.startswith("flags")][:1]
        if cpu.exists()
        else []
    )
    kind = hashlib.sha256("".join(flags).encode()).hexdigest()[:12]
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return str(root / "memjax-tests" / kind)


# Set in the environment as well, so that the processes that tests start use it too.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _cache_folder())
# The small programs of single operations, too: thousands, which each process would compile again.
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update(
    "jax_persistent_cache_min_compile_time_secs",
    float(os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"]),
)

ROOT = Path(__file__).parents[1]

TIERS = ("unit", "integration", "parity", "study")
"""Where a test belongs, the dearest last, see the markers in pyproject.toml. One without a mark is a unit test."""

TIER = pytest.StashKey[str]()


class _Marks(dict):
    """Whether a test has a mark: of the tiers only its own."""

    def __init__(self, item):
        super().__init__({t: t == item.stash[TIER] for t in TIERS})
        self.item = item

    def __missing__(self, name):
        return self.item.get_closest_marker(name) is not None


def pytest_collection_modifyitems(config, items):
    """Give each test its tier, and leave out those of whose tier `-m` is not true.

    Its tier is the dearest of its own marks, or else the one of its module.
    """
    cases = collections.Counter()
    for item in items:
        few = item.get_closest_marker("few")
        cases[item.parent, item.originalname] += 1
        if few and cases[item.parent, item.originalname] > few.args[0]:
            item.add_marker("study")
        names = {m.name for m in item.own_markers}
        marked = [t for t in TIERS if t in names] or [
            t for t in TIERS if item.get_closest_marker(t)
        ]
        marked = marked or ["integration" if item.get_closest_marker("slow") else "unit"]
        item.stash[TIER] = marked[-1]
        item.add_marker(marked[-1])
    wanted = config.option.markexpr.strip() or "True"
    chosen, left_out = [], []
    for item in items:
        (chosen if eval(wanted, {}, _Marks(item)) else left_out).append(item)
    items[:] = chosen
    config.hook.pytest_deselected(items=left_out)


_QUICK_PROGRAMS = ("gcc", "cc", "clang", "x86_64", "aarch64", "git", "fc-list", "uname")


@pytest.fixture(autouse=True)
def _no_process(request, monkeypatch):
    """A unit test starts no process but the compiler of C, git for a record, and what libraries ask of the system."""
    if request.node.stash[TIER] != "unit":
        return
    start = subprocess.Popen.__init__

    def refuse(self, args, *rest, **options):
        program = args if isinstance(args, str) else str(args[0])
        assert Path(program).name.startswith(_QUICK_PROGRAMS), f"a unit test starts {program}"
        start(self, args, *rest, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


MOST_MAPS = 40_000
"""Memory maps of a process after which compiled programs are dropped: each holds several, and Linux allows 65,530."""

MOST_MEMORY = 5 * 2**30
"""Bytes of a process after which they are dropped as well: two workers share a machine with others."""

_turn = itertools.count()


def _is_full() -> bool:
    """Whether this process has very many memory maps, or much memory."""
    maps, sizes = Path("/proc/self/maps"), Path("/proc/self/statm")
    if not (maps.exists() and sizes.exists()):
        return False
    resident = int(sizes.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resident > MOST_MEMORY or maps.read_bytes().count(b"\n") > MOST_MAPS


def pytest_runtest_setup():
    """Drop compiled programs, once there are very many."""
    if next(_turn) % 8 == 0 and _is_full():  # now and then: the maps are long
        jax.clear_caches()
        gc.collect()


def pytest_sessionfinish():
    """Leave what was compiled to the end of the process: pytest collects garbage five times at the end."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The measured data beside the checkout, or where MEMJAX_DATA says."""
    folder = Path(os.environ.get("MEMJAX_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no measured data at {folder}; set MEMJAX_DATA to their folder")
    return folder
