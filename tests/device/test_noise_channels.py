"""A noise that is malformed is named in one sentence."""

import equinox as eqx
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.system import Diagonal, NoNoise
from memjax.errors import ModelError
from memjax.testing import check_device

STRENGTH = dict(unit="1/s^0.5", bounds=(0.0, 1.0), noise=True, doc="Noise.")


class _Noisy(mj.AbstractOhmicDevice):
    """A device whose noise is given."""

    rate: Float[Array, ""] = mj.param(2.0, unit="1/s", bounds=(0.0, 1e3), doc="A rate.")
    a: Float[Array, ""] | None = mj.param(0.1, **STRENGTH)
    b: Float[Array, ""] | None = mj.param(0.2, **STRENGTH)
    form: object = eqx.field(static=True, default=None)
    marker: type = eqx.field(static=True, default=Diagonal)

    name = "noisy"
    volatile = True
    references = ("made up",)
    states = (mj.state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="A state."),)

    @property
    def noise_structure(self):
        """As given."""
        return self.marker

    def initial(self, env):
        """At rest at the lower bound."""
        return {"x": 0.0 * self.rate}

    def drift(self, t, state, v, env):
        """To the voltage."""
        return {"x": self.rate * (v - state["x"])}

    def noise(self, t, state, v, env):
        """As given."""
        return self.form(self, state["x"])

    def resistance(self, state, v, env):
        """Of the state."""
        return 1e3 + 1e3 * state["x"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("message", "form"),
    [
        ("noise gives a list; .*a dict of channels", lambda d, x: [d.a]),
        ("noise channel 'x' is a .*a dict of channels", lambda d, x: {"x": d.a}),
        ("noise channel 'w' acts on 'y'; .*states: x", lambda d, x: {"w": {"y": d.a}}),
        (
            r"shape \(2,\); .*\(\), that of the state",
            lambda d, x: {"w": {"x": jnp.stack([d.a, d.a])}},
        ),
        ("has the amplitude str 'a'.*a real number", lambda d, x: {"w": {"x": "a"}}),
        ("has the amplitude NoneType None", lambda d, x: {"w": {"x": None}}),
        ("is inf at rest and 0 V; .*guard roots", lambda d, x: {"w": {"x": d.a / x}}),
        ("a noise channel with the name 0", lambda d, x: {0: {"x": d.a}}),
        ("noise at rest and 0 V raises KeyError", lambda d, x: {"w": {"x": {}["q"]}}),
        (
            "noise does not work without a, .*0.0 if self.a is None",
            lambda d, x: {"w": {"x": d.a * x}},
        ),
    ],
)
def test_a_form_that_solvers_cannot_read_is_named(message, form):
    with pytest.raises(ModelError, match=message) as error:
        check_device(_Noisy(form=form))
    assert "_Noisy" in str(error.value)


@pytest.mark.parametrize(
    ("message", "marker"),
    [
        ("NoNoise with channels .*declare noise_structure: General always holds", NoNoise),
        ("noise_structure is no marker class", int),
        ("noise_structure is no marker class", None),
    ],
)
def test_a_marker_that_is_none_or_wrong_is_named(message, marker):
    with pytest.raises(ModelError, match=message):
        check_device(_Noisy(form=lambda d, x: {"w": {"x": 0.1 * x}}, marker=marker))


@pytest.mark.wrong_types
@pytest.mark.parametrize("wrong", [_Noisy, "noisy"])
def test_a_class_or_a_name_is_no_device(wrong):
    with pytest.raises(ModelError, match="in place of a device; in check_device"):
        check_device(wrong)


@pytest.mark.parametrize("name", mj.device_names())
def test_without_noise_each_model_has_equations(name):
    """Parameters of noise are None where nothing is noisy, beside noisy devices of a circuit too."""
    device = mj.params.quiet(mj.model(name))
    env = mj.Environment()
    amplitudes = device.noise(jnp.zeros(()), device.initial(env), jnp.asarray(0.1), env)
    assert isinstance(amplitudes, dict)
