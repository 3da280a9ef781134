"""The conformance suite: it passes what is right and names what is wrong."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.system import Additive, Commutative, Diagonal, General, NoNoise, Partitioned
from memjax.device import AbstractOhmicDevice
from memjax.errors import ModelError, PolicyError
from memjax.testing import check_device
from tests.systems.exact import Cubic, Geometric, LinearDrift, OrnsteinUhlenbeck, Resistor

ONE_SIDED = dict(mu_neg=0.0, theta_neg=0.0, gamma1_neg=30.0, r_off_neg=1e9)
OSCILLATOR = dict(r_on=5e3, r_off=1e10, mu=150.0, gamma1=5e3, gamma2=0.1)
OSCILLATOR |= dict(theta=200.0, beta=20.0, lam=0.1, r0=0.9)


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        dict(sigma1=8.0, sigma2=5.0, sigma3=0.5),
        pytest.param(ONE_SIDED, marks=pytest.mark.study),
        pytest.param(OSCILLATOR, marks=pytest.mark.study),
    ],
    ids=["defaults", "noise", "one-sided", "oscillator"],
)
def test_the_diffusive_memristor_conforms(parameters):
    check_device(mj.DiffusiveMemristor(**parameters))


@pytest.mark.slow
@pytest.mark.parametrize(
    "device", [OrnsteinUhlenbeck(), Geometric(), LinearDrift(), Resistor(), Cubic()]
)
def test_devices_with_exact_solutions_conform(device):
    check_device(device)


@jax.custom_jvp
def _liar(x):
    return x**2


_liar.defjvp(lambda primals, tangents: (_liar(*primals), 3.0 * primals[0] * tangents[0]))

UNIT = mj.state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="A state.")
STATES = {
    "state_unit": mj.state("x", unit="furlong", scale=1.0, bounds=(0.0, 1.0), doc="A state."),
    "state_doc": mj.state("x", unit="1", scale=1.0, bounds=(0.0, 1.0)),
    "state_scale": mj.state("x", unit="1", scale=0.0, bounds=(0.0, 1.0), doc="A state."),
}


def _broken(defect):
    """A device that is right but for one thing."""

    class Broken(AbstractOhmicDevice):
        """A device with a defect."""

        rate: Float[Array, ""] = mj.param(
            2.0,
            unit="parsec" if defect == "unit" else "1/s",
            bounds=(0.0, 1e3),
            doc="" if defect == "doc" else "A rate.",
        )
        noisy: Float[Array, ""] = mj.param(
            0.1, unit="s^-0.5", bounds=(0.0, 1.0), noise=True, doc="Noise."
        )

        name: ClassVar[str] = "" if defect == "name" else "broken"
        volatile: ClassVar[bool] = True
        noise_structure: ClassVar[type] = {
            "none": NoNoise,
            "additive": Additive,
            "structure": int,
        }.get(defect, Diagonal)
        references: ClassVar[tuple[str, ...]] = () if defect == "references" else ("made up",)
        states: ClassVar = (STATES.get(defect, UNIT),) * (2 if defect == "twice" else 1)

        def initial(self, env):
            return {"x": jnp.full_like(self.rate, 2.0 if defect == "initial" else 0.5)}

        def drift(self, t, state, v, env):
            x = state["x"]
            if defect == "branch" and v > 0:
                return {"x": x}
            if defect == "names":
                return {"y": x}
            if defect == "shape":
                return {"x": jnp.stack([x, x])}
            if defect == "infinite":
                return {"x": self.rate / x}
            if defect == "gradient":
                return {"x": jnp.where(x > 2, jnp.sqrt(x - 2), -self.rate * x)}
            if defect == "far":
                return {"x": self.rate * (v + jnp.exp(-20 * x))}
            if defect == "wrong":
                return {"x": _liar(self.rate) * (v - x)}
            if defect == "rough":
                return {"x": jnp.sin(1e7 * x)}
            if defect == "denormal":
                small = 1e-30 * (self.rate + 1)
                return {"x": (small * small) / (1e-30 * 1e-30) * x}
            if defect == "double":
                return {"x": (x.astype(jnp.float64) * self.rate.astype(jnp.float64))}
            return {"x": self.rate * (v - x)}

        def noise(self, t, state, v, env):
            if defect == "channel":
                return {"w": {"y": self.noisy}}
            if defect == "diagonal":
                return {"w": {}}
            if defect == "sometimes":
                return {"w": {"x": self.noisy}} if float(v) > 0 else {}
            if defect == "noise":
                return {"w": {"x": self.noisy / (1 - state["x"])}}
            return {"w": {"x": self.noisy * state["x"]}}

        def resistance(self, state, v, env):
            return {"active": -1.0, "ohm": 2.0}.get(defect, 1.0) * (1e3 + 1e3 * state["x"])

        def current(self, t, state, v, env):
            r = (1e3 + 1e3 * state["x"]) * (-1.0 if defect == "active" else 1.0)
            return (v + (1e-3 if defect == "pinched" else 0.0)) / r

        def project(self, state):
            x = jnp.clip(state["x"], 0.0, 1.0)
            if defect == "outside":
                x = state["x"]
            return {"x": 0.9 * x if defect == "idempotent" else x}

    return Broken()


@pytest.mark.slow
def test_the_device_without_a_defect_conforms():
    check_device(_broken(None))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ("name", "no name"),
        ("unit", "unit of parameter rate.*parsec"),
        ("doc", "parameter rate has no doc"),
        ("references", "no references"),
        ("structure", "noise_structure is no marker class"),
        ("twice", r"states \['x', 'x'\]"),
        ("state_unit", "unit of state x"),
        ("state_doc", "state x has no doc"),
        ("state_scale", "scale 0.0 of state x"),
        ("initial", "initial state x = 2.0"),
        ("idempotent", "project moves the initial state|not idempotent"),
        ("outside", "project gives x"),
        ("names", r"drift at .* of \['y'\]; .*allowed: x"),
        ("shape", r"drift at .* of x has shape \(2,\)"),
        ("infinite", "drift at .* of x is not finite"),
        ("channel", "noise channel 'w' acts on 'y'; in Broken; allowed: states: x"),
        ("diagonal", "Diagonal noise with channels on several states"),
        ("none", r"NoNoise with channels \['w'\]"),
        ("additive", "Additive noise that depends on the state"),
        ("sometimes", "noise channels .* allowed: the same everywhere"),
        ("noise", "noise is not finite"),
        ("pinched", "not pinched"),
        ("active", "not passive"),
        ("ohm", "is not .* V over"),
        ("branch", "jit does not work"),
        ("gradient", "gradient is not finite"),
        ("far", "a reverse gradient is not finite 100 scales outside"),
        ("wrong", "a gradient is .* the difference quotient"),
        ("rough", "rough equations|float32 gives"),
        ("denormal", "float32 gives"),
        ("double", "float64 out"),
    ],
)
def test_each_defect_is_named(defect, message):
    with pytest.raises(ModelError, match=message) as error:
        check_device(_broken(defect))
    assert "in Broken" in str(error.value)


def _pair(structure, amplitudes):
    """Two noisy states; ``amplitudes(a, b)`` of the channels on each."""

    class Pair(AbstractOhmicDevice):
        """A resistor with two states that fluctuate."""

        noisy: Float[Array, ""] = mj.param(
            0.1, unit="s^-0.5", bounds=(0.0, 1.0), noise=True, doc="Noise."
        )

        name: ClassVar[str] = "pair"
        volatile: ClassVar[bool] = True
        noise_structure: ClassVar[type] = structure
        references: ClassVar[tuple[str, ...]] = ("made up",)
        states: ClassVar = tuple(
            mj.state(k, unit="1", scale=1.0, bounds=(0.0, 1.0), doc="A state.") for k in "ab"
        )

        def initial(self, env):
            return {"a": jnp.asarray(0.5), "b": jnp.asarray(0.4)}

        def drift(self, t, state, v, env):
            return {k: -x for k, x in state.items()}

        def noise(self, t, state, v, env):
            of = amplitudes(state["a"], state["b"])
            return {f"w_{k}": {k: self.noisy * x} for k, x in zip("ab", of, strict=True)}

        def resistance(self, state, v, env):
            return 1e3 * (1 + state["a"])

        def current(self, t, state, v, env):
            return v / self.resistance(state, v, env)

    return Pair()


CROSSED, OWN = (lambda a, b: (b, a)), (lambda a, b: (a, b))


def _fits(device):
    try:
        check_device(device)
    except ModelError as error:
        assert "whose amplitudes feel the channels" in str(error)  # noqa: PT017
        return False
    return True


@pytest.mark.few(2)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("amplitudes", "fitting"),
    [
        (CROSSED, {General}),
        (OWN, {General, Commutative, Diagonal}),
        (lambda a, b: (1 + 0 * a, 1 + 0 * b), {General, Commutative, Diagonal, Partitioned}),
    ],
)
def test_a_structure_that_amplitudes_do_not_have_is_named(amplitudes, fitting):
    # The channels of the first do not commute: d(a)/dW_b = b; those of the others do.
    every = {General, Commutative, Diagonal, Partitioned}
    assert {s for s in every if _fits(_pair(s, amplitudes))} == fitting


def test_a_published_model_may_be_neither_pinched_nor_passive_if_it_says_so():
    with pytest.raises(ModelError, match=r"not passive|not pinched"):
        check_device(_broken("pinched"), passive=True, voltages=(-1e-4, 1.0), pinched=False)
    with pytest.raises(ModelError, match=r"over .* ohm"):
        check_device(_broken("pinched"), passive=False, pinched=False)


def test_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(PolicyError, match="float32; allowed: float64"):
        check_device(Resistor())


@pytest.mark.slow
def test_a_checked_device_is_left_as_it_was():
    device = mj.DiffusiveMemristor(mu_neg=3.0)
    before = jax.tree.map(lambda x: x, device)
    check_device(device)
    assert eqx.tree_equal(device, before)
