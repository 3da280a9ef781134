"""Models with learned corrections: the model itself until there are some, and its laws whatever they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.device.corrected import FUNCTIONS
from memjax.device.hybrid import node_names
from memjax.errors import ModelError
from memjax.testing import check_device

ENV = mj.Environment()
NODES = [n for f in FUNCTIONS for n in node_names(f)]
SETS = 200
"""Random sets of corrections."""


@pytest.mark.slow
@pytest.mark.parametrize("name", mj.device_names())
def test_without_corrections_a_device_is_its_model(name):
    if mj.model(name).functions:
        pytest.skip("it has learned functions itself")
    base, device = mj.model(name), mj.model(f"{name}+hybrid")
    assert device.states == base.states
    assert device.volatile == base.volatile
    state = {k: jnp.asarray(x) for k, x in base.initial(ENV).items()}
    rounding = 8 * np.finfo(float).eps
    for v in (-0.7, -1e-3, 1e-12, 0.4, 2.0):
        plain, same = (d.current(0.0, state, jnp.asarray(v), ENV) for d in (base, device))
        # Below 1 nV the conductance is that at 1 nV: curvature of a model at some mV makes 1e-6 of it at the most.
        np.testing.assert_allclose(same, plain, rtol=rounding if abs(v) > 1e-9 else 1e-6)
        for k, x in base.drift(0.0, state, jnp.asarray(v), ENV).items():
            np.testing.assert_array_equal(device.drift(0.0, state, jnp.asarray(v), ENV)[k], x)


def corrected(name: str, seed: int = 0) -> mj.AbstractDevice:
    """A device with corrections of some size."""
    rng = np.random.default_rng(seed)
    return mj.params.replace(
        mj.model(f"{name}+hybrid"),
        {n: float(x) for n, x in zip(NODES, rng.normal(size=len(NODES)))},
    )


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("name", ["vteam", "event-switches", "diffusive-1m1t1r"])
def test_a_model_with_corrections_is_a_device(name):
    check_device(corrected(name), voltages=(-0.7, 0.3, 1.2))


def test_no_corrections_break_the_laws_of_a_model():
    """Pinched, passive, rising with the state and within its bounds, at three times the voltages of the nodes too."""
    rng = np.random.default_rng(1)
    values = {n: jnp.asarray(rng.normal(scale=20, size=SETS)) for n in NODES}
    volts = jnp.asarray([-4.5, -1.5, -0.3, 0.0, 1e-3, 0.7, 1.5, 4.5])
    states = jnp.linspace(1.0, 0.0, 5)  # of vteam 1 is off

    def look(nodes):
        device = mj.params.replace(mj.model("vteam+hybrid"), nodes, check=False)
        i = lambda v: jax.vmap(lambda x: device.current(0.0, {"x": x}, v, ENV))(states)  # noqa: E731
        rate = lambda v: jax.vmap(lambda x: device.drift(0.0, {"x": x}, v, ENV)["x"])(states)  # noqa: E731
        return jax.vmap(i)(volts), jax.vmap(rate)(volts)

    i, rates = jax.jit(jax.vmap(look))(values)
    assert bool(jnp.all(jnp.isfinite(i)) & jnp.all(jnp.isfinite(rates)))
    assert bool(jnp.all(i[:, 3] == 0))
    assert bool(jnp.all(i * volts[None, :, None] >= 0))
    slack = 8 * jnp.finfo(i.dtype).eps * jnp.abs(i[..., 1:])
    assert bool(jnp.all(jnp.diff(jnp.abs(i), axis=2) >= -slack))
    assert bool(jnp.all(rates[..., 0] <= 0) & jnp.all(rates[..., -1] >= 0))


def test_corrections_multiply_the_current_and_the_rates():
    level = {n: np.log(2.0) for n in node_names("level")}
    pace = {n: np.log(3.0) for n in node_names("pace")}
    device, base = mj.params.replace(mj.model("vteam+hybrid"), level | pace), mj.Vteam()
    state, v = {"x": jnp.asarray(0.4)}, jnp.asarray(0.6)
    assert float(device.current(0.0, state, v, ENV)) == pytest.approx(
        2 * float(base.current(0.0, state, v, ENV))
    )
    drift = device.drift(0.0, state, v, ENV)["x"]
    assert float(drift) == pytest.approx(3 * float(base.drift(0.0, state, v, ENV)["x"]))


def test_contrast_stretches_conductances_about_the_reference():
    contrast = {n: np.log(2.0) for n in node_names("contrast")}
    device = mj.params.replace(mj.model("vteam+hybrid"), contrast | {"g_ref": 1e-4})
    # 10 kohm at the reference stays; 1 kohm, a decade above, is two above.
    for r, g in ((1e4, 1e-4), (1e3, 1e-2)):
        wanted = mj.params.replace(device, {"r_on": r, "x0": 0.0})
        i = wanted.current(0.0, {"x": jnp.asarray(0.0)}, jnp.asarray(0.1), ENV)
        assert float(i) == pytest.approx(0.1 * g)


def test_noise_and_jumps_keep_pace():
    pace = {n: np.log(4.0) for n in node_names("pace")}
    base = mj.params.replace(mj.DiffusiveMemristor(), {"sigma1": 0.3, "sigma_ion": 0.1})
    device = mj.params.replace(mj.with_corrections(base), pace)
    state = {"f": jnp.asarray(0.3), "r": jnp.asarray(0.2), "s": jnp.asarray(1.0)}
    plain, quick = (d.noise(0.0, state, jnp.asarray(0.2), ENV) for d in (base, device))
    assert float(quick["gamma1"]["f"]) == pytest.approx(2 * float(plain["gamma1"]["f"]))
    switches = mj.EventSwitches()
    device = mj.params.replace(mj.with_corrections(switches), pace)
    at = switches.initial(ENV), jnp.asarray(1.0), ENV
    for name, jump in switches.jumps(0.0, *at).items():
        other = device.jumps(0.0, *at)[name]
        assert float(other.intensity) == pytest.approx(4 * float(jump.intensity))
        assert float(other.bound) == pytest.approx(4 * float(jump.bound))


def test_a_device_with_corrections_is_saved_and_known_by_name(tmp_path):
    device = corrected("vteam")
    mj.save(tmp_path / "device.memjax", device)
    again = mj.load(tmp_path / "device.memjax")
    assert type(again) is type(device) is mj.device_class("vteam+hybrid")
    assert mj.params.to_dict(again) == mj.params.to_dict(device)
    narrow = mj.params.with_bounds(device, {"r_on": (100.0, 1e4)})
    assert narrow.base.r_on == device.r_on
    with pytest.raises(ModelError, match="the model has learned functions"):
        mj.model("hybrid+hybrid")
    with pytest.raises(ModelError, match="unknown model 'nothing\\+hybrid'"):
        mj.model("nothing+hybrid")


def test_a_corrected_device_keeps_the_values_of_its_model():
    device = mj.with_corrections(mj.Vteam(r_on=500.0, conduction="exponential"))
    assert float(device.r_on) == 500.0
    assert device.conduction == "exponential"
    assert "+hybrid" not in " ".join(mj.device_names())
