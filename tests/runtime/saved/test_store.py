"""The saved form: exact round trips, and what a damaged or foreign file is answered with."""

import dataclasses
import json
import zipfile
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import memjax as mj
from memjax.errors import ModelError
from tests.network.conftest import spiking

GOLDEN = Path(__file__).with_name("schema-1.memjax")
"""Written by the first version that had this layout; every later one must read it."""


@dataclasses.dataclass(frozen=True)
class Pair:
    first: object
    second: object = 7


def round_trip(value, tmp_path, **options):
    path = tmp_path / "it.memjax"
    mj.save(path, value)
    return mj.load(path, **options)


@pytest.mark.integration
@pytest.mark.parametrize("name", mj.model_names())
def test_every_model_comes_back_to_the_bit(name, tmp_path):
    model = mj.model(name)
    again = round_trip(model, tmp_path)
    assert eqx.tree_equal(model, again, typematch=True)
    weak = [x.weak_type for x in jax.tree.leaves(model) if isinstance(x, jax.Array)]
    assert weak == [x.weak_type for x in jax.tree.leaves(again) if isinstance(x, jax.Array)]


def test_an_optional_parameter_stays_absent_or_given(tmp_path):
    device = mj.params.replace(mj.DiffusiveMemristor(), {"mu_neg": 7.0})
    again = round_trip(device, tmp_path)
    assert (float(again.mu_neg), again.theta_neg) == (7.0, None)


def test_a_population_and_a_network_come_back(tmp_path):
    population = mj.Population.of(
        mj.DiffusiveMemristor(), ("mu", "gamma1"), center=[4.0, 4.0], covariance=0.01 * np.eye(2)
    )
    assert eqx.tree_equal(population, round_trip(population, tmp_path))
    network = spiking()
    assert round_trip(network, tmp_path).digest() == network.digest()


def test_a_measurement_comes_back_with_its_provenance(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("t_s,v_V,i_A\n0,0,0\n1,0.1,1e-9\n2,0.3,4e-9\n")
    measured = mj.read(path)
    again = round_trip(measured, tmp_path)
    assert (again.source, again.warnings) == (measured.source, measured.warnings)
    np.testing.assert_array_equal(again.i, measured.i)


def test_what_was_one_object_is_one_object_again(tmp_path):
    device = mj.Vteam()
    again = round_trip([device, {"same": device}], tmp_path)
    assert again[0] is again[1]["same"]


@pytest.mark.parametrize(
    "value",
    [
        (1, 2.5, -0.0, 1e-320, "µ", None, True, 1 + 2j),
        {"a": [1, (2,)], 3: {}},
        10**30,
        np.float32(0.1),
        np.arange(6.0).reshape(2, 3).T,
        np.array(["a", "bc"]),
        Path("x/y"),
        mj.Result.OK if hasattr(mj.Result, "OK") else next(iter(mj.Result)),
        mj.Vteam,
    ],
)
def test_plain_values_come_back_with_their_types(value, tmp_path):
    again = round_trip(value, tmp_path)
    assert type(again) is type(value)
    np.testing.assert_equal(again, value)


def test_infinite_numbers_and_random_keys_come_back(tmp_path):
    again = round_trip([float("inf"), float("nan"), jax.random.key(3)], tmp_path)
    assert again[0] == np.inf
    assert np.isnan(again[1])
    assert jax.random.uniform(again[2]) == jax.random.uniform(jax.random.key(3))


def test_numbers_of_64_bits_are_not_cut_in_silence(tmp_path):
    path = tmp_path / "it.memjax"
    with jax.enable_x64(True):
        mj.save(path, jnp.asarray([0.1], jnp.float64))
    with jax.enable_x64(False):
        with pytest.raises(ModelError, match=r"float64, which JAX would cut to float32.*x64"):
            mj.load(path)
        assert mj.load(path, single_precision=True).dtype == jnp.float32


def test_equal_objects_give_equal_files(tmp_path):
    for name in ("a", "b"):
        mj.save(tmp_path / f"{name}.memjax", mj.Vteam())
    assert (tmp_path / "a.memjax").read_bytes() == (tmp_path / "b.memjax").read_bytes()


def test_what_has_no_saved_form_is_named_with_its_place(tmp_path):
    path = tmp_path / "it.memjax"
    with pytest.raises(ModelError, match=r"<lambda> has no saved form; in Pair\.second\['f'\]"):
        mj.save(path, Pair(1, {"f": lambda x: x}))
    assert not path.exists()
    with pytest.raises(ModelError, match=r"suffix '\.npz'"):
        mj.save(tmp_path / "it.npz", 1)


def test_own_classes_are_given_and_others_are_not_imported(tmp_path):
    assert round_trip(Pair(1), tmp_path, classes=(Pair,)) == Pair(1)
    with pytest.raises(ModelError, match=r"of a package that memjax does not know.*classes="):
        round_trip(Pair(1), tmp_path)


def edited(path: Path, change) -> Path:
    """A copy whose header was changed."""
    out = path.with_name("edited.memjax")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "header.json":
                header = json.loads(content)
                change(header)
                content = json.dumps(header).encode()
            new.writestr(name, content)
    return out


def test_a_field_gained_since_takes_its_default_and_a_lost_one_is_said(tmp_path):
    path = tmp_path / "it.memjax"
    mj.save(path, Pair(1, 2))
    without = edited(path, lambda h: h["content"]["fields"].pop("second"))
    assert mj.load(without, classes=(Pair,)) == Pair(1, 7)
    needed = edited(path, lambda h: h["content"]["fields"].pop("first"))
    with pytest.raises(ModelError, match="Pair without first"):
        mj.load(needed, classes=(Pair,))
    other = edited(path, lambda h: h["content"]["fields"].update(third=1))
    with pytest.raises(ModelError, match="Pair has no third"):
        mj.load(other, classes=(Pair,))


def test_a_later_layout_and_a_hostile_name_are_refused(tmp_path):
    path = tmp_path / "it.memjax"
    mj.save(path, mj.Vteam())
    with pytest.raises(ModelError, match=r"schema_version 2; .*update memjax"):
        mj.load(edited(path, lambda h: h.update(schema_version=2)))
    for name in (
        "os:system",
        "subprocess:Popen",
        "memjax:nosuch",
        "memjax.runtime.files:os.system",
    ):
        with pytest.raises(ModelError):
            mj.load(edited(path, lambda h, n=name: h["content"].update({"class": n})))


def test_a_file_of_before_a_module_moved_is_loaded(tmp_path):
    path = tmp_path / "it.memjax"
    mj.save(path, {"form": mj.system.NoNoise})
    old = {"name": "memjax.system:NoNoise"}
    assert mj.load(edited(path, lambda h: h["content"]["dict"][0].__setitem__(1, old)))["form"] is (
        mj.system.NoNoise
    )


def test_what_a_module_has_imported_is_no_name_of_its_own(tmp_path):
    path = tmp_path / "it.memjax"
    mj.save(path, {"call": mj.model})
    for name in ("memjax.runtime.files:os.system", "memjax.runtime.files:shutil.rmtree"):
        hostile = edited(
            path, lambda h, n=name: h["content"]["dict"][0].__setitem__(1, {"name": n})
        )
        with pytest.raises(ModelError, match="is not known"):
            mj.load(hostile)
    assert mj.load(path)["call"] is mj.model


def test_checks_of_a_class_hold_for_what_a_file_says(tmp_path):
    path = tmp_path / "it.memjax"
    network = spiking()
    mj.save(path, network)
    with pytest.raises(mj.errors.NetworkError, match="dtype = 'float16'"):
        mj.load(edited(path, lambda h: h["content"]["fields"].update(dtype="float16")))


def test_a_foreign_file_is_one_line(tmp_path):
    for content in (b"", b"a,b\n1,2\n", b"PK\x03\x04" + bytes(40)):
        path = tmp_path / "it.memjax"
        path.write_bytes(content)
        with pytest.raises(ModelError, match="damaged, or none of memjax's") as error:
            mj.load(path)
        assert len(error.value.lines) == 1
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
    with pytest.raises(ModelError, match="an archive, but none of memjax's"):
        mj.load(path)
    with pytest.raises(ModelError, match="no such file"):
        mj.load(tmp_path / "nosuch.memjax")


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> tuple[bytes, mj.AbstractDevice]:
    path = tmp_path_factory.mktemp("saved") / "good.memjax"
    mj.save(path, mj.DriftMemristor())
    return path.read_bytes(), mj.DriftMemristor()


@pytest.mark.slow
@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_damage_gives_another_object(good, tmp_path, data):
    content, device = good
    at = data.draw(st.integers(0, len(content) - 1))
    how = data.draw(st.sampled_from(["cut", "flip", "zero", "twice"]))
    byte = data.draw(st.integers(1, 255))
    damaged = {
        "cut": content[:at],
        "flip": content[:at] + bytes([content[at] ^ byte]) + content[at + 1 :],
        "zero": content[:at] + bytes(min(16, len(content) - at)) + content[at + 16 :],
        "twice": content + content[at:],
    }[how]
    path = tmp_path / "damaged.memjax"
    path.write_bytes(damaged)
    try:
        again = mj.load(path)
    except ModelError as error:
        assert len(error.lines) == 1  # noqa: PT017
    else:
        assert eqx.tree_equal(device, again)


def test_a_member_that_says_it_is_encrypted_is_damage(good, tmp_path):
    """Of which zipfile says a `RuntimeError`: the first bit of the flags, in byte 8 of an entry of the directory."""
    content, _ = good
    at = content.index(b"PK\x01\x02") + 8
    path = tmp_path / "damaged.memjax"
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(ModelError, match="encrypted"):
        mj.load(path)


def test_files_of_the_first_layout_are_read():
    device, numbers = mj.load(GOLDEN, single_precision=True)
    assert isinstance(device, mj.DiffusiveMemristor)
    assert float(device.mu) == pytest.approx(61.5)
    np.testing.assert_array_equal(numbers, [1.0, np.pi])
