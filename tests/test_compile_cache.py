"""Programs kept on disk give what the function gives, and never stand in its way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.compile_cache import cached_jit


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


def test_under_a_trace_nothing_is_kept(folder):
    f, _ = _function()
    device = mj.DiffusiveMemristor()
    slope = jax.grad(lambda x: f(device, x, "ab")["sum"])(2.0)
    np.testing.assert_allclose(slope, 60.0)
    assert not folder.exists()
