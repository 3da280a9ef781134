"""Programs kept on disk give what the function gives, and never stand in its way."""

import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

import memjax as mj
from memjax.runtime.compile_cache import (
    cached_jit,
    cached_text,
    seal_compiled_programs,
    signature,
    source_digest,
    traced_files,
)
from memjax.runtime.files import read_sealed, write_sealed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A compilation cache of its own, with run-time checks as the program memjax has them."""
    monkeypatch.setenv("EQX_ON_ERROR", "nan")
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    yield tmp_path / "traced"
    jax.config.update("jax_compilation_cache_dir", before)


def _function():
    """A fresh function of a device, a number and a static word, and how often it was traced."""
    traced = []

    @cached_jit
    def f(device, x, word):
        traced.append(word)
        return {"sum": device.mu * x + len(word)}

    return f, traced


@pytest.mark.integration
def test_a_kept_program_is_traced_once_and_read_the_second_time(folder):
    device = mj.DiffusiveMemristor()
    first, traced = _function()
    np.testing.assert_allclose(first(device, jnp.asarray(2.0), "ab")["sum"], 122.0)
    assert len(traced) == 1
    assert len(list(folder.iterdir())) == 1
    second, again = _function()
    np.testing.assert_allclose(second(device, jnp.asarray(3.0), "ab")["sum"], 182.0)
    assert again == []


def test_what_is_static_or_of_another_shape_makes_another_program(folder):
    f, _ = _function()
    device = mj.DiffusiveMemristor()
    np.testing.assert_allclose(f(device, jnp.asarray(2.0), "abc")["sum"], 123.0)
    np.testing.assert_allclose(f(device, jnp.ones(2), "abc")["sum"], [63.0, 63.0])
    np.testing.assert_allclose(f(device, jnp.asarray(2.0), "a")["sum"], 121.0)
    assert len(list(folder.iterdir())) == 3


def test_a_broken_file_does_not_fail_the_call(folder):
    f, _ = _function()
    device, x = mj.DiffusiveMemristor(), jnp.asarray(2.0)
    f(device, x, "ab")
    next(folder.iterdir()).write_bytes(b"broken")
    again, _ = _function()
    np.testing.assert_allclose(again(device, x, "ab")["sum"], 122.0)


def test_a_text_is_made_once_for_all_that_share_its_signature(folder):
    made = []

    def text(device, wide):
        return cached_text("test", (device, wide), lambda: made.append(wide) or f"text {wide}")

    one, other = (
        mj.params.replace(mj.DiffusiveMemristor(), {"mu": jnp.asarray(x)}) for x in (60.0, 61.0)
    )
    assert text(one, 8) == text(other, 8) == "text 8"
    assert text(one, 16) == "text 16"
    assert made == [8, 16]
    next(folder.iterdir()).write_bytes(b"broken")
    assert {text(one, 8), text(one, 16)} == {"text 8", "text 16"}
    assert len(made) == 3


def test_source_of_every_floor_names_the_programs_that_follow_from_it():
    package = Path(mj.__file__).parent
    files = {str(x.relative_to(package.parent)) for x in traced_files()}
    kernels = {f"memjax/lanes/cc/{n}" for n in ("adaptive.c", "source.py")}
    floors = {"memjax/device/hybrid.py", "memjax/solver/rosenbrock.py", "fitting/sweeps/problem.py"}
    assert kernels | floors <= files


def test_a_changed_source_makes_another_program(folder, tmp_path, monkeypatch):
    source = tmp_path / "law.py"
    monkeypatch.setattr("memjax.runtime.compile_cache.traced_files", lambda: [source])
    counts = []
    for text in ("v", "v", "2 * v"):
        source.write_text(text)
        source_digest.cache_clear()
        f, traced = _function()
        f(mj.DiffusiveMemristor(), jnp.asarray(2.0), "ab")
        counts.append(len(traced))
    source_digest.cache_clear()
    assert counts == [1, 0, 1]


def test_under_a_trace_nothing_is_kept(folder):
    f, _ = _function()
    device = mj.DiffusiveMemristor()
    slope = jax.grad(lambda x: f(device, x, "ab")["sum"])(2.0)
    np.testing.assert_allclose(slope, 60.0)
    assert not folder.exists()


def test_which_optional_parameters_are_given_makes_another_program(folder):
    @cached_jit
    def ratio(device):
        mu, theta = device.mu_neg, device.theta_neg
        return (jnp.zeros(()) if mu is None else mu), (jnp.zeros(()) if theta is None else theta)

    one, other = mj.DiffusiveMemristor(mu_neg=7.0), mj.DiffusiveMemristor(theta_neg=7.0)
    assert [float(x) for x in ratio(one)] == [7.0, 0.0]
    assert [float(x) for x in ratio(other)] == [0.0, 7.0]
    assert len(list(folder.iterdir())) == 2


@dataclasses.dataclass
class _Held:
    """Something static that holds a model or numbers."""

    what: object


@pytest.mark.integration
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (mj.DiffusiveMemristor(mu=50.0), mj.DiffusiveMemristor(mu=50.000001)),
        (np.arange(2000.0), np.where(np.arange(2000) == 1000, 0.5, np.arange(2000.0))),
        (mj.Resistor(1e3), mj.Resistor(1e3 + 1e-6)),
        ((1, 2), [1, 2]),
        ("1", 1),
    ],
)
def test_static_parts_that_differ_never_share_a_key(one, other):
    assert signature(_Held(one)) == signature(_Held(one))
    assert signature(_Held(one)) != signature(_Held(other))


def test_numbers_that_are_traced_share_a_key():
    one, other = mj.DiffusiveMemristor(mu=50.0), mj.DiffusiveMemristor(mu=51.0)
    assert signature((one, "a")) == signature((other, "a"))
    assert signature((one, "a")) != signature((one, "b"))


def _flip(path, bit):
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


@pytest.mark.integration
def test_each_flipped_bit_is_seen_and_the_file_thrown_away(tmp_path):
    path, content = tmp_path / "program", np.random.default_rng(0).bytes(200)
    write_sealed(path, content)
    assert read_sealed(path) == content
    for bit in range(8 * path.stat().st_size):
        _flip(path, bit)
        assert read_sealed(path) is None
        assert not path.exists()
        write_sealed(path, content)


@pytest.mark.integration
@pytest.mark.parametrize("size", [0, 31, 32, 100])
def test_half_a_file_is_no_program(tmp_path, size):
    path = tmp_path / "program"
    write_sealed(path, b"content of a program" * 10)
    os.truncate(path, size)
    assert read_sealed(path) is None


def test_a_program_under_another_name_or_of_another_user_is_not_loaded(tmp_path, monkeypatch):
    path = tmp_path / "program"
    write_sealed(path, b"content")
    other = tmp_path / "other"
    other.write_bytes(path.read_bytes())
    assert read_sealed(other) is None
    user = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: user)
    assert read_sealed(path) is None
    assert path.exists()


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_a_link_is_not_followed(tmp_path, make):
    """A second name of the same file is none; a link may lead to what others write."""
    (tmp_path / "elsewhere").mkdir()
    kept, path = tmp_path / "elsewhere" / "program", tmp_path / "program"
    write_sealed(kept, b"content")
    make(kept, path)
    assert read_sealed(path) == (None if make is os.symlink else b"content")
    assert read_sealed(kept) == b"content"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_a_pipe_in_the_place_of_a_program_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "program")
    (tmp_path / "folder").mkdir()
    assert read_sealed(tmp_path / "program") is None
    assert read_sealed(tmp_path / "folder") is None


def test_the_owner_is_that_of_the_file_that_is_read(tmp_path, monkeypatch):
    """Not that of what bears its name a moment later."""
    path, user = tmp_path / "program", os.getuid()
    write_sealed(path, b"content")

    def no_other_look(*_: object, **__: object):
        raise AssertionError("the path is looked at once")

    with monkeypatch.context() as patch:
        for name in ("stat", "lstat"):
            patch.setattr(os, name, no_other_look)
        assert read_sealed(path) == b"content"
        about, fstat = [], os.fstat
        patch.setattr(os, "fstat", lambda file: about.append(fstat(file)) or about[-1])
        patch.setattr(os, "getuid", lambda: user + 1)
        assert read_sealed(path) is None
        assert about[-1].st_uid == user


@pytest.fixture
def sealed(folder, monkeypatch):
    """JAX's own cache with checksums, every program kept."""
    from jax._src import compilation_cache as private

    monkeypatch.setattr(private, "LRUCache", private.LRUCache)
    seal_compiled_programs()
    compilation_cache.reset_cache()
    names = ("min_compile_time_secs", "min_entry_size_bytes")
    before = {n: jax.config.values[f"jax_persistent_cache_{n}"] for n in names}
    for name, value in zip(names, (0.0, -1)):
        jax.config.update(f"jax_persistent_cache_{name}", value)
    yield folder.parent
    for name, value in before.items():
        jax.config.update(f"jax_persistent_cache_{name}", value)
    compilation_cache.reset_cache()


def _answers(sealed, flips, seed):
    """Values of a function after bits of its kept programs were flipped, each time from the files."""
    device, x = mj.DiffusiveMemristor(), jnp.linspace(0.1, 2.0, 7)
    rng, values = np.random.default_rng(seed), []
    for k in range(flips + 1):
        files = sorted(p for p in sealed.rglob("*") if p.is_file())
        if k:
            path = files[rng.integers(len(files))]
            _flip(path, rng.integers(8 * path.stat().st_size))
        jax.clear_caches()
        f = cached_jit(lambda device, x: jnp.exp(device.mu * x) / x)
        values.append(np.asarray(f(device, x)))
    return values


@pytest.mark.study
def test_flipped_bits_of_kept_programs_change_no_number(sealed):
    first, *others = _answers(sealed, 5, 0)
    assert any(p.suffix == ".sealed" for p in sealed.iterdir())
    for other in others:
        np.testing.assert_array_equal(other, first)


@pytest.mark.study
def test_a_thousand_flipped_bits_of_kept_programs_change_no_number(sealed):
    first, *others = _answers(sealed, 1000, 1)
    assert len(others) == 1000
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_of_threads_that_ask_at_once_one_makes_the_program(folder):
    f, traced = _function()
    device, x = mj.DiffusiveMemristor(), np.arange(4.0)
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda y: float(f(device, jnp.asarray(y), "ab")["sum"]), x))
    np.testing.assert_allclose(sums, 60 * x + 2)
    assert len(traced) == 1


@pytest.mark.slow
def test_programs_of_simulate_are_kept(tmp_path):
    """Solves without and with an event, outputs of both, and the events: nothing is traced in the next process."""
    program = """
import numpy as np
from memjax.runtime.jax_setup import prepare_jax
prepare_jax()
import memjax as mj
device, stimulus, rows = mj.Vteam(), mj.triangle_sweep(1.0, 4e-3), np.linspace(0, 4e-3, 37)
for events in (None, {"up": mj.Event("v", 0.5)}):
    mj.simulate(device, stimulus, save=rows, deterministic=True, output=mj.Output(events=events))
"""
    env = {**os.environ, "EQX_ON_ERROR": "nan", "MEMJAX_CACHE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=env, check=True)
    assert len(list(tmp_path.glob("*/traced/*"))) == 4
