"""Parameters by name: replace, follow, files, ensembles, coordinates."""

import json
import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core import params
from memjax.core.fields import describe, parameter_specs
from memjax.errors import BoundsError, ModelError
from tests.helpers import tols


def test_replace_changes_what_is_named_and_leaves_the_device_alone():
    device = mj.DiffusiveMemristor()
    other = params.replace(device, {"mu": 5.0, "mu_neg": 3})
    assert (float(other.mu), float(other.mu_neg), float(other.gamma1)) == (5.0, 3.0, 60.0)
    assert (float(device.mu), device.mu_neg) == (60.0, None)


def test_an_unknown_name_is_refused_with_the_names_that_exist():
    with pytest.raises(
        ModelError, match=r"unknown parameter 'nu'; in file.toml; allowed: alpha, lam"
    ):
        params.replace(mj.DiffusiveMemristor(), {"nu": 1.0}, where="file.toml")
    with pytest.raises(ModelError, match="unknown parameter 'nu'"):
        params.get(mj.DiffusiveMemristor(), "nu")


def test_replace_compares_with_the_bounds_unless_told_not_to():
    with pytest.raises(BoundsError, match="alpha"):
        params.replace(mj.DiffusiveMemristor(), {"alpha": 2.0})
    assert float(params.replace(mj.DiffusiveMemristor(), {"alpha": 2.0}, check=False).alpha) == 2.0


@pytest.mark.parametrize("bad", ["fast", None, [1.0, "x"]])
def test_a_value_that_is_no_number_is_refused(bad):
    with pytest.raises((ModelError, BoundsError)):
        params.replace(mj.DiffusiveMemristor(), {"mu": bad})


def test_a_parameter_without_a_value_is_that_of_the_one_it_follows():
    device = mj.DiffusiveMemristor(gamma1=7.0)
    assert float(params.get(device, "gamma1_neg")) == 7.0
    assert float(params.get(params.replace(device, {"gamma1_neg": 9.0}), "gamma1_neg")) == 9.0
    assert float(params.get(params.replace(device, {"gamma1": 8.0}), "gamma1_neg")) == 8.0


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_every_digit_survives_a_file(tmp_path, suffix):
    device = mj.DiffusiveMemristor(mu=1 / 3, mu_neg=0.1 + 0.2, r_off=1.2345678901234567e11)
    path = tmp_path / f"device{suffix}"
    params.dump(device, path)
    again = params.replace(mj.DiffusiveMemristor(), params.load(path))
    assert eqx.tree_equal(again, device)
    assert "mu_neg" in path.read_text()
    assert "gamma1_neg" not in path.read_text()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "mu = ", "cannot be read"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "[1, 2]", "no table"),
        ("a.toml", 'mu = "60"', "mu: no number"),
        ("a.toml", "mu = true", "mu: no number"),
        ("a.json", json.dumps({"mu": None}), "mu: no number"),
        ("a.json", json.dumps({"mu": [1.0]}), "mu: no number"),
        ("a.json", json.dumps({"mu": {}, "alpha": 0.2}), "mu: an empty table in place of a number"),
        ("a.json", json.dumps({"D": {"mu": {}}}), r"D\.mu: an empty table in place of a number"),
        ("a.toml", "alpha = 0.2\n[mu]\n", "mu: an empty table in place of a number"),
        ("a.toml", "mu = {}\n", "mu: an empty table in place of a number"),
    ],
)
def test_a_file_that_holds_anything_but_numbers_is_refused_by_name(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ModelError, match=message) as error:
        params.load(path)
    assert name in str(error.value)


def test_a_missing_or_binary_file_is_refused(tmp_path):
    (tmp_path / "b.toml").write_bytes(bytes(range(256)))
    for name in ("missing.toml", "b.toml"):
        with pytest.raises(ModelError, match="cannot be read"):
            params.load(tmp_path / name)


def test_an_ensemble_is_batched_where_it_is_named_and_nowhere_else():
    mu = jnp.array([10.0, 20.0, 30.0])
    batched, axes = params.ensemble(mj.DiffusiveMemristor(), {"mu": mu, "gamma1_neg": 2 * mu})
    seen = jax.vmap(lambda d: jnp.stack([d.mu, d.gamma1_neg, d.gamma1]), in_axes=(axes,))(batched)
    np.testing.assert_array_equal(seen, np.stack([mu, 2 * mu, np.full(3, 60.0)], axis=1))
    _, none = params.ensemble(mj.DiffusiveMemristor(), {})
    assert jax.tree.leaves(none) == []


def test_coordinates_lead_back_to_the_same_device():
    names = ["r_off", "alpha", "lam", "mu", "gamma3_neg", "f0"]
    device = mj.DiffusiveMemristor(gamma3_neg=3.0, f0=0.25)
    z = params.unconstrain(device, names)
    again = params.constrain(mj.DiffusiveMemristor(), names, z)
    for name in names:
        np.testing.assert_allclose(getattr(again, name), getattr(device, name), rtol=1e-12)


def test_coordinates_are_differentiable_and_of_order_one():
    names = ["r_off", "mu"]
    device = mj.DiffusiveMemristor()
    f = lambda z: jnp.log(params.constrain(device, names, z).r_off)  # noqa: E731
    g = jax.grad(f)(params.unconstrain(device, names))
    np.testing.assert_allclose(g[1], 0.0)
    assert 0.1 < float(g[0]) <= 1.0


def test_a_coordinate_of_a_parameter_that_follows_starts_at_the_one_followed():
    device = mj.DiffusiveMemristor()
    z = params.unconstrain(device, ["mu", "mu_neg"])
    np.testing.assert_allclose(z[0], z[1], **tols("float64"))


def test_quiet_drops_noise_that_is_known_to_be_zero_and_no_other():
    device = params.quiet(mj.DiffusiveMemristor(sigma1=2.0, sigma2=0.0))
    assert (float(device.sigma1), device.sigma2, device.sigma3) == (2.0, None, None)
    assert float(device.f0) == 0.0
    seen = []
    jax.jit(lambda d: seen.append(params.quiet(d).sigma2) or d.mu)(mj.DiffusiveMemristor())
    assert seen[0] is not None


def test_narrower_bounds_are_those_of_a_search_and_not_of_the_model():
    device = mj.MetastableSwitches()
    narrow = params.with_bounds(device, {"tau": (1e-5, 5e-5), "v_on": (0.1, 0.5)})
    specs = parameter_specs(narrow)
    assert (specs["tau"].bounds, specs["tau"].declared) == ((1e-5, 5e-5), (1e-12, 1e3))
    assert 1e-5 < float(narrow.tau) < 5e-5  # 1e-4 was outside
    assert float(narrow.v_on) == float(device.v_on)
    assert float(params.replace(narrow, {"tau": 1e-3}).tau) == pytest.approx(1e-3)
    for z in (-1e3, 0.0, 1e3):
        tau = float(params.constrain(narrow, ["tau"], jnp.asarray([z])).tau)
        assert 1e-5 * (1 - 1e-6) <= tau <= 5e-5 * (1 + 1e-6)
    wide = params.with_bounds(narrow, {"tau": (1e-12, 1e3), "v_on": (1e-3, 10.0)})
    assert type(wide) is mj.MetastableSwitches
    assert parameter_specs(pickle.loads(pickle.dumps(narrow))) == specs
    assert describe(mj.MetastableSwitches)[4]["bounds"] == [1e-12, 1e3]


def test_devices_of_other_bounds_have_programs_of_their_own():
    """By what programs are kept under, in memory and on disk."""
    device = mj.MetastableSwitches()
    narrow = [params.with_bounds(device, {"tau": (1e-5, x)}) for x in (1e-3, 2e-3, 1e-3)]
    said = [str(jax.tree.structure(d)) for d in (device, *narrow)]
    assert len(set(said)) == 3
    assert said[1] == said[3]
    assert jax.tree.structure(narrow[0]) == jax.tree.structure(narrow[2])
    assert jax.tree.structure(narrow[0]) != jax.tree.structure(narrow[1])


def test_a_part_of_a_circuit_has_bounds_too():
    circuit = params.with_bounds(mj.model("threshold-switch-neuron"), {"r_in.r": (1e4, 1e6)})
    assert parameter_specs(circuit)["r_in.r"].bounds == (1e4, 1e6)
    assert circuit.topology == mj.model("threshold-switch-neuron").topology


@pytest.mark.parametrize(
    ("name", "bounds", "said"),
    [
        ("tau", (1e-3, 1e-5), "LOW < HIGH"),
        ("tau", (1e-13, 1.0), "from 1e-12 to 1000 s"),
        ("tau", (float("nan"), 1.0), "tau between nan"),
        ("speed", (0.0, 1.0), "unknown parameter 'speed'"),
    ],
)
def test_bounds_that_are_no_range_of_the_model_are_refused(name, bounds, said):
    with pytest.raises((BoundsError, ModelError), match=said):
        params.with_bounds(mj.MetastableSwitches(), {name: bounds}, where="--bounds")
