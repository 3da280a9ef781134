"""Programs kept on disk give what the function gives, and never stand in its way."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.compile_cache import cached_jit, signature


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
