"""Traced equations are those of the model: every node at numbers against the model's own functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core import params
from memjax.core.system import Environment
from memjax.device import device_class, device_names
from memjax.errors import ModelError
from memjax.export.equations import FAST, device_equations, element_equations
from memjax.export.expression import Graph, evaluate
from memjax.export.jaxpr import translate

ENV = Environment(310.0)
FORMS = [(n, {}) for n in device_names()] + [
    ("diffusive", {"sigma1": 0.5, "sigma2": 2.0, "sigma3": 0.1, "sigma_ion": 0.2}),
    ("diffusive", {"mu_neg": 10.0, "gamma1_neg": 3.0}),
    ("vteam", {"conduction": "exponential"}),
    ("linear-drift", {"window": "biolek"}),
    ("event-switches", {"form": "langevin"}),
    ("second-order", {"sigma": 0.1}),
]
_ERFC = 3e-7
"""Twice the error of the approximation of erfc, where a noisy `DiffusiveMemristor` asks for it; else rounding."""


def _leaves(device, state, v) -> dict:
    """Numbers of the leaves of a device's equations."""
    named = {
        n: float(getattr(device, n))
        for n in mj.fields.parameter_specs(device)
        if getattr(device, n) is not None
    }
    row = {("param", n): x for n, x in named.items()}
    row |= {
        ("param", "temperature"): ENV.temperature,
        ("param", FAST): 1.0,
        ("param", "t_noise"): 1.0,
    }
    for s in device.states:
        for k, x in enumerate(np.atleast_1d(state[s.name])):
            row["state", s.name if s.size == 1 else f"{s.name}{k}"] = float(x) / s.scale
    return row | {("voltage", "p"): v, ("time", ""): 0.0}


def _state(device, rng):
    """A state of the domain."""
    rest = device.initial(ENV)
    found = {}
    for s in device.states:
        low, high = (b if np.isfinite(b) else None for b in s.bounds)
        x = np.asarray(rest[s.name]) + s.scale * rng.uniform(-0.3, 0.6, np.shape(rest[s.name]))
        found[s.name] = jnp.asarray(np.clip(x, low, high))
    return device.project(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values"), FORMS, ids=lambda x: x if isinstance(x, str) else ",".join(x)
)
def test_equations_are_those_of_the_model(name, values):
    device = params.replace(device_class(name)(), values)
    found = device_equations(device, noise=False, env=ENV)
    rng = np.random.default_rng(5)
    tolerance = _ERFC if name == "diffusive" and "sigma1" in values else 1e-9
    for v in (-0.7, -0.05, 0.02, 0.9):
        state = _state(device, rng)
        row = _leaves(device, state, v)
        solved = [u for u in found.unknowns if (u.name.startswith("y") and "implicit" in u.doc)]
        states = [u for u in found.unknowns if u not in solved]
        numbers = evaluate(found.graph, [u.rate for u in states] + list(found.currents), row)
        drift = device.drift(0.0, state, jnp.asarray(v), ENV)
        want = [float(x) / s.scale for s in device.states for x in np.atleast_1d(drift[s.name])]
        own = [numbers[u.rate] for u in states]
        size = max(map(abs, want)) or 1.0
        np.testing.assert_allclose(own, want, rtol=tolerance, atol=1e-9 * size)
        current = float(device.current(0.0, state, jnp.asarray(v), ENV))
        assert numbers[found.currents[0]] == pytest.approx(current, rel=max(tolerance, 1e-9))


@pytest.mark.integration
def test_noise_reaches_the_rates_with_the_correction_of_ito():
    """dx = s x dW of a geometric noise is x' = -s^2 x/2 + s x w in the sense of Stratonovich."""
    device = params.replace(mj.model("diffusive"), {"sigma1": 0.02, "r0": 0.0})
    found = device_equations(device, interval=0.25)
    assert found.channels == ("w_gamma1",)
    row = _leaves(device, {"f": 0.4, "r": 0.1, "s": 1.0}, 0.1) | {("param", "t_noise"): 0.25}
    rate = found.unknowns[0].rate
    at = lambda w: evaluate(found.graph, [rate], row | {("noise", "w_gamma1"): w})[rate]  # noqa: E731
    state = {n: jnp.asarray(x) for n, x in (("f", 0.4), ("r", 0.1), ("s", 1.0))}
    size = lambda f: device.noise(0.0, state | {"f": f}, jnp.asarray(0.1), ENV)["gamma1"]["f"]  # noqa: E731
    amplitude, slope = float(size(jnp.asarray(0.4))), float(jax.grad(size)(jnp.asarray(0.4)))
    assert at(1.0) - at(0.0) == pytest.approx(amplitude / 0.5, rel=1e-9)
    drift = float(device.drift(0.0, state, jnp.asarray(0.1), ENV)["f"])
    assert at(0.0) == pytest.approx(drift - 0.5 * amplitude * slope, rel=1e-9)


@pytest.mark.wrong_types
def test_white_noise_acts_with_the_amplitude_of_the_device():
    """Where a language has white noise nothing depends on an interval."""
    device = params.replace(mj.model("diffusive"), {"sigma1": 0.02, "r0": 0.0})
    found = device_equations(device, interval=None)
    assert "t_noise" not in found.values
    row = _leaves(device, {"f": 0.4, "r": 0.1, "s": 1.0}, 0.1)
    del row["param", "t_noise"]
    rate = found.unknowns[0].rate
    at = lambda w: evaluate(found.graph, [rate], row | {("noise", "w_gamma1"): w})[rate]  # noqa: E731
    state = {n: jnp.asarray(x) for n, x in (("f", 0.4), ("r", 0.1), ("s", 1.0))}
    amplitude = float(device.noise(0.0, state, jnp.asarray(0.1), ENV)["gamma1"]["f"])
    assert at(1.0) - at(0.0) == pytest.approx(amplitude, rel=1e-9)


def test_channels_without_amplitude_are_left_out():
    assert device_equations(mj.model("diffusive")).channels == ()
    assert len(device_equations(mj.model("langevin-chain")).channels) == 6
    assert device_equations(mj.model("langevin-chain"), noise=False).channels == ()


def test_jumps_are_named_as_left_out():
    notes = " ".join(device_equations(mj.model("diffusive-spice")).notes)
    assert "left out: the jumps shrink" in notes


def test_a_state_outside_its_domain_is_drawn_back():
    found = device_equations(mj.model("vteam"), fast=1e-3)
    row = _leaves(mj.model("vteam"), {"x": 1.2}, 0.0) | {("param", FAST): 1e-3}
    rate = found.unknowns[0].rate
    assert evaluate(found.graph, [rate], row)[rate] == pytest.approx(-0.2 / 1e-3)


def test_currents_of_a_transistor_are_its_own():
    transistor = mj.circuit.Mosfet(channel="p")
    found = element_equations(transistor)
    row = {("param", n): x for n, x in found.values.items()}
    volts = (-0.8, -0.6, 0.1)
    row |= {("voltage", n): x for n, x in zip(transistor.terminals, volts)}
    numbers = evaluate(found.graph, found.currents, row)
    want = transistor.currents(tuple(jnp.asarray(x) for x in (*volts, 0.0)), Environment())
    assert [numbers[n] for n in found.currents] == pytest.approx(
        [float(x) for x in want[:-1]], rel=1e-12
    )


def test_a_loop_is_refused_by_its_name():
    def loop(x):
        return jax.lax.while_loop(lambda y: y < 1.0, lambda y: 2 * y, x)

    graph = Graph()
    node = np.empty((), object)
    node[()] = graph.leaf("voltage", "p")
    with pytest.raises(ModelError, match="no SPICE or Verilog-A for the operation 'while'"):
        translate(graph, loop, jnp.asarray(0.5), node)
