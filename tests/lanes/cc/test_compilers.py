"""Compilers and caches that fail in any way cost the time of a kernel, and are named; what is kept can be loaded."""

import ctypes
import errno
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import time
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

import memjax as mj
from memjax.crossbar.batch_kernel import batch_kernel
from memjax.errors import KernelWarning
from memjax.lanes.cc import compiler as compilers, library
from memjax.lanes.choice import backend_in_use
from memjax.runtime.files import read_sealed, write_sealed

pytestmark = [
    pytest.mark.skipif(
        library.find_compiler() is None or os.name != "posix", reason="no compiler of C, or no sh"
    ),
]

KERNEL = """
#include "xla/ffi/api/c_api.h"
XLA_FFI_Error *memjax_kernel(XLA_FFI_CallFrame *frame) { (void)frame; return 0; }
"""

# A compiler that hands out what was compiled before: of the trial, or of a kernel.
SCRIPT = """#!/bin/sh
echo "$1" >> {log}
if [ "$1" = --version ]; then
    {version}
    exit
fi
text=$(cat)
while [ "$1" != -o ]; do shift; done
out=$2
case "$text" in
*memjax_compiler*)
    good={trial}
    {on_trial};;
*)
    good={kernel}
    {on_kernel};;
esac
"""
GOOD, GOOD_VERSION = 'cp "$good" "$out"', "echo fake 1.0"
FAULTS = {
    "fails": ("echo 'x.c:1: error: no such thing' >&2; exit 3", "no such thing"),
    "says bytes": (r"printf '\377\376 no' >&2; exit 1", "no"),
    "says nothing": ("exit 7", "exit status 7"),
    "is killed": ("kill -9 $$", "exit status -9"),
    "writes nothing": (":", "it wrote no library"),
    "writes garbage": ('echo garbage > "$out"', r"cannot be loaded \(file too short\)"),
    "writes half": ('head -c 9000 "$good" > "$out"', r"cannot be loaded \(file cut\)"),
    "writes a folder": ('mkdir "$out"', "cannot be loaded"),
    "other processor": ('cp "$good.other" "$out"', "cannot be loaded"),
    "lacks the symbol": ('cp "$good.lacking" "$out"', "undefined symbol"),
}


def of_another_processor(content: bytes) -> bytes:
    """A library whose head says that it is of a processor which is not built."""
    return content[:18] + struct.pack("<H", 0xF0F0) + content[20:]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Libraries of the trial and of a kernel, of another processor, and without what is looked for."""
    folder, compiler = tmp_path_factory.mktemp("built"), str(library.find_compiler())
    texts = {"trial": library._TRIAL.read_text(), "kernel": KERNEL, "lacking": "int nothing;"}
    flags = [*library._FLAGS, f"-I{library._headers()}", "-o"]
    for name, text in texts.items():
        library.call_compiler([compiler, *flags, str(folder / name)], text, 60.0)
    for name in ("trial", "kernel"):
        content = (folder / name).read_bytes()
        (folder / f"{name}.other").write_bytes(of_another_processor(content))
        shutil.copy(folder / "lacking", folder / f"{name}.lacking")
    return folder


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Where kernels are kept."""
    monkeypatch.setattr(library, "_folder", lambda: tmp_path / "kernels")
    monkeypatch.setattr(jax.ffi, "register_ffi_target", lambda *_, **__: None)  # once a process
    return tmp_path / "kernels"


@pytest.fixture
def fake(tmp_path, built, monkeypatch):
    """Make a compiler that fails as it is told, the one that is meant from then on."""

    def make(name="fake", version=GOOD_VERSION, on_trial=GOOD, on_kernel=GOOD) -> Path:
        path = tmp_path / name
        parts = {"version": version, "on_trial": on_trial, "on_kernel": on_kernel}
        about = {"log": tmp_path / "calls", "trial": built / "trial", "kernel": built / "kernel"}
        path.write_text(SCRIPT.format(**parts, **about))
        path.chmod(0o755)
        monkeypatch.setenv(library.COMPILER, str(path))
        return path

    return make


def build(text=KERNEL) -> str:
    """Name of a kernel, or why there is none."""
    return str(library.build(lambda compiler, _: library.register(text, compiler, "f")))


def begin_process() -> None:
    """Forget what a process remembers of compilers."""
    for cached in (library._register, library._try_compiler, library.identity_of):
        cached.cache_clear()


@pytest.mark.integration
def test_a_kernel_that_two_folders_keep_is_one(tmp_path, monkeypatch):
    """XLA takes one address for each name."""
    targets = []
    for name in ("one", "two"):
        monkeypatch.setattr(library, "_folder", lambda name=name: tmp_path / name)
        begin_process()
        targets.append(batch_kernel(np.dtype("float32")).target)
    assert targets[0] == targets[1]


def calls(tmp_path: Path) -> int:
    """How often a compiler was called to compile."""
    lines = (tmp_path / "calls").read_text().split()
    return len(lines) - lines.count("--version")


@pytest.mark.integration
@pytest.mark.parametrize("at", ["on_trial", "on_kernel"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_compiler_that_fails_is_named_once_and_leaves_nothing(fake, kept, tmp_path, fault, at):
    body, reason = FAULTS[fault]
    path = fake(**{at: body})
    with pytest.warns(KernelWarning, match=f"{path}: .*{reason}.*; XLA computes .* MEMJAX_CC"):
        result = build()
    assert result.startswith(f"no compiler of C: {path}" if at == "on_trial" else f"{path}: ")
    before = calls(tmp_path)
    assert build() == result  # without a warning, which would be an error
    assert calls(tmp_path) == before
    assert len(list(kept.glob("*"))) == (at == "on_kernel")  # the trial
    if at == "on_trial":
        assert backend_in_use(kept) == f"xla ({result})"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("version", "reason"),
    [("exit 5", "exit status 5"), (r"printf '\200\n' >&2; exit 1", "\ufffd"), ("kill -9 $$", "-9")],
)
def test_a_compiler_that_does_not_say_its_version_is_not_used(fake, kept, version, reason):
    path = fake(version=version)
    with pytest.warns(KernelWarning, match=f"no compiler of C: {path}: .*{reason}"):
        build()


@pytest.mark.integration
def test_what_a_compiler_says_need_not_be_text(fake, kept):
    fake(version=r"printf '\377\376'", on_kernel=rf"printf '\377' >&2; {GOOD}")
    assert build().startswith("memjax_")
    assert re.fullmatch(r"cc \((gcc|clang) \d+\.\d+\.\d+\)", backend_in_use(kept))


@pytest.mark.integration
def test_a_compiler_that_hangs_is_ended_with_what_it_has_started(fake, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(library, "_PATIENCE", 0.5)
    started = tmp_path / "started"
    fake(on_trial=f"sleep 100 & echo $! > {started}; wait")
    with pytest.warns(KernelWarning, match=r"no end after 0\.5 s"):
        build()
    process = int(started.read_text())
    for _ in range(500):  # init has to take leave of it
        if not _runs(process):
            break
        time.sleep(0.02)
    assert not _runs(process)


def _runs(process: int) -> bool:
    """Whether a process is there, and has not ended."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True)
    return bool(said.stdout.strip()) and not said.stdout.strip().startswith("Z")


@pytest.mark.integration
@pytest.mark.parametrize("word", ["", "none", "off", "NONE"])
def test_no_compiler_is_no_fault_where_none_is_wanted(kept, monkeypatch, word):
    monkeypatch.setenv(library.COMPILER, word)
    assert build() == "no compiler of C: none is wanted (MEMJAX_CC)"  # and no warning


@pytest.mark.integration
@pytest.mark.parametrize("word", [None, "zig"])
def test_the_compiler_of_a_package_serves_where_there_is_no_other_one(
    kept, monkeypatch, tmp_path, word
):
    """A package whose program takes `cc` as its first word."""
    real, package = library.find_compiler(), tmp_path / "packages" / "ziglang"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('it is not imported')")
    (package / "zig").write_text(f'#!/bin/sh\n[ "$1" = cc ] || exit 9\nshift\nexec {real} "$@"\n')
    (package / "zig").chmod(0o755)
    monkeypatch.syspath_prepend(str(package.parent))
    if word is None:
        monkeypatch.delenv(library.COMPILER, raising=False)
        monkeypatch.setattr(compilers.shutil, "which", _only_with_path)
    else:
        monkeypatch.setenv(library.COMPILER, word)
    assert compilers.find_compiler() == str(package / "zig")
    assert build().startswith("memjax_")
    assert backend_in_use(kept).startswith("cc (")


def _only_with_path(name, path=None, which=shutil.which):
    return path and which(name, path=path)


@pytest.mark.integration
def test_a_compiler_that_is_not_there_is_named(kept, monkeypatch):
    monkeypatch.setenv(library.COMPILER, "no-such-cc")
    with pytest.warns(KernelWarning, match="no-such-cc is not there"):
        reason = build()
    assert backend_in_use(kept) == f"xla ({reason})"


@pytest.mark.integration
@pytest.mark.parametrize("flaw", ["other", "lacking", "half"])
def test_a_kept_library_that_cannot_be_loaded_is_built_again(fake, kept, built, tmp_path, flaw):
    fake()
    target = build()
    whole = {path: read_sealed(path) for path in kept.iterdir()}
    assert target.startswith("memjax_")
    assert len(whole) == 2
    for path, content in whole.items():
        flawed = content[:9000] if flaw == "half" else (built / f"kernel.{flaw}").read_bytes()
        write_sealed(path, flawed)
    begin_process()
    before = calls(tmp_path)
    assert build() == target
    assert calls(tmp_path) == before + 2
    assert (tmp_path / "calls").read_text().count("--version") == 2  # once a process
    assert {path: read_sealed(path) for path in kept.iterdir()} == whole
    begin_process()
    assert build() == target
    assert calls(tmp_path) == before + 2


@pytest.mark.integration
def test_a_kept_library_of_which_one_bit_is_flipped_is_built_again(fake, kept, tmp_path):
    fake()
    target, before = build(), calls(tmp_path)
    for path in kept.glob("*.so"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
    begin_process()
    assert build() == target
    assert calls(tmp_path) == before + 2


@pytest.mark.integration
def test_compilers_that_say_the_same_share_nothing_and_links_to_one_all(fake, kept, tmp_path):
    """What one has built is not what another one would have built."""
    path = fake()
    assert build().startswith("memjax_")
    link = tmp_path / "link"
    link.symlink_to(path)
    assert compilers.identity_of(str(link), 1.0) == compilers.identity_of(str(path), 1.0)
    other = fake(name="other", on_kernel="exit 9")
    with pytest.warns(KernelWarning, match=f"{other}: exit status 9"):
        build()


@pytest.mark.integration
def test_where_nothing_can_be_kept_kernels_are_built(fake, kept, tmp_path):
    """A file stands where the folder should be: nobody may make one, not even the administrator."""
    kept.write_text("no folder")
    fake()
    assert build().startswith("memjax_")
    begin_process()
    assert build().startswith("memjax_")
    assert calls(tmp_path) == 4
    assert kept.read_text() == "no folder"


@pytest.mark.integration
def test_a_cache_that_can_only_be_read_is_read(fake, kept, tmp_path, monkeypatch):
    fake()
    build()
    begin_process()

    def refuse(*_: object, **__: object):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "replace", "unlink", "touch"):
        monkeypatch.setattr(Path, name, refuse)
    assert build().startswith("memjax_")
    assert calls(tmp_path) == 2
    assert build(KERNEL + "int more;").startswith("memjax_")
    assert calls(tmp_path) == 3
    assert len(list(kept.glob("*.so"))) == 2


@pytest.mark.integration
def test_half_a_library_is_refused_wherever_it_ends(built, tmp_path):
    """To load it would end the process, not fail."""
    content, path = (built / "kernel").read_bytes(), tmp_path / "half"
    rng = random.Random(0)
    for size in [0, 1, 5, 6, 63, 64, len(content) - 1, *rng.sample(range(len(content)), 40)]:
        path.write_bytes(content[:size])
        with pytest.raises(compilers.CompilerError, match="cannot be loaded"):
            compilers.load_library(path, "memjax_kernel")
    path.write_bytes(content)
    assert compilers.load_library(path, "memjax_kernel").memjax_kernel


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(30))
def test_no_compiler_ends_in_an_exception(fake, kept, built, monkeypatch, seed):
    """Each part of what a compiler does is right, or wrong in some way: a kernel is had or the reason is said."""
    rng = random.Random(seed)
    monkeypatch.setattr(library, "_PATIENCE", 5.0)

    def draw(good: str) -> str:
        size = rng.randrange(20000)
        noise = "".join(f"\\{rng.randrange(256):03o}" for _ in range(rng.randrange(60)))
        ways = [body for body, _ in FAULTS.values()]
        ways += [
            f"printf '{noise}' >&2; exit {rng.randrange(3)}",
            f"printf '{noise}' > \"$out\"",
            f'printf \'{noise}\'; head -c {size} "$good" > "$out"',
            f"printf '{noise}' >&2; {good}",
            'rm -rf "$(dirname "$out")"',
            "exec >&- 2>&-; exit 1",
        ]
        return rng.choice([good, good, *ways])

    fake(version=draw(GOOD_VERSION), on_trial=draw(GOOD), on_kernel=draw(GOOD))
    for _ in range(2):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            result = build()
        assert isinstance(result, str)
        assert len(said) <= 1
        if not result.startswith("memjax_"):
            assert all(str(x.message).startswith(result) for x in said)
            assert result.isprintable()
        symbols = "memjax_kernel", "memjax_compiler"
        for path in kept.glob("*.so"):
            copy = kept.parent / f"copy-{path.name}"
            copy.write_bytes(read_sealed(path) or b"")
            loaded = ctypes.CDLL(str(copy))
            assert any(_has(loaded, x) for x in symbols)


def _has(loaded: ctypes.CDLL, symbol: str) -> bool:
    try:
        return bool(loaded[symbol])
    except AttributeError:
        return False


@pytest.mark.slow
def test_a_process_that_finds_no_compiler_says_it_once(tmp_path):
    """By simulations and fits alike, and as a line of the program."""
    program = """
from memjax.lanes.cc import library
for k in range(3):
    library.build(lambda compiler, version: "memjax_")
"""
    about = {**os.environ, "MEMJAX_CC": "no-such-cc"}
    run = subprocess.run([sys.executable, "-c", program], env=about, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("KernelWarning: no compiler of C: no-such-cc is not there") == 1


@pytest.mark.study
def test_a_trace_says_what_solved_it(fake, tmp_path, monkeypatch):
    """A kernel, XLA where there is no translation or no compiler, XLA where there is no kernel of the kind."""
    monkeypatch.setattr(library, "_folder", lambda: tmp_path)
    steps = mj.Fixed(0.1, method=mj.solver.SemiImplicitEuler())

    def backend(device=None, policy=steps) -> str:
        jax.clear_caches()  # what is compiled already is not traced again
        drive = mj.Sampled(np.array([0.0, 1.0]), np.array([0.0, 0.1]))
        about = dict(save=0.5, members=2, deterministic=True, policy=policy)
        return mj.simulate(device or mj.LinearIonDrift(), drive, **about).notes["backend"]

    assert backend() == backend_in_use(tmp_path)
    assert backend().startswith("cc (")
    assert backend(mj.Ecm()).startswith("xla (no translation of ")
    assert backend(policy=mj.Fixed(0.1)) == "xla (steps of DriftImplicitEuler)"
    path = fake(on_trial="exit 4")
    reason = f"no compiler of C: {path}: exit status 4"
    with pytest.warns(KernelWarning, match=reason):
        assert backend() == f"xla ({reason})"
