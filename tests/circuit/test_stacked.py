"""A circuit as few arrays does what it does element by element, in programs that do not grow with it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.circuit import stack_circuit
from memjax.core.scaling import Scaled

ENV = mj.Environment()


def _circuit(source: mj.VoltageSource | mj.CurrentSource, devices: int = 5) -> mj.Circuit:
    """Devices of two kinds, one of them with a vector as its state, and all kinds of elements and of nodes."""
    lines = [
        ("src", source, "in", "0"),
        ("leak", mj.Resistor(1e4), "in", "0"),
        ("chain", mj.LangevinChain(), "in", "n0"),
        ("push", mj.CurrentSource(1e-5), "n0", "n2"),
        ("lift", mj.VoltageSource(0.1), "n1", "top"),
        ("load", mj.Resistor(1e3), "top", "0"),
        ("tie", mj.Capacitor(2e-12, v0=0.02), "n0", "in"),
        ("bridge", mj.Capacitor(1e-12, v0=0.03), "n1", "n3"),
        ("gate", mj.Mosfet(), "n2", "top", "0", "0"),
    ]
    for k in range(devices):
        before = "in" if k == 0 else f"n{k - 1}"
        lines += [(f"m{k}", mj.Vteam(r_on=jnp.asarray(100.0 * (k + 1))), before, f"n{k}")]
        lines += [(f"r{k}", mj.Resistor(50.0 + k), f"n{k}", "0")]
    return mj.Circuit(lines)


def _stacked(circuit: mj.Circuit, monkeypatch) -> tuple[Scaled, Scaled, np.ndarray]:
    monkeypatch.setattr("memjax.circuit.stacked.MANY", 2)
    plain = Scaled(circuit, ENV)
    stack = stack_circuit(plain)
    assert stack is not None
    return plain, *stack


def _close(a, b) -> None:
    """Sums of currents are rounded in another order: of the largest of them."""
    a, b = np.asarray(a), np.asarray(b)
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13 * np.abs(b).max())


SOURCES = [mj.VoltageSource(), mj.CurrentSource()]


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=["voltage", "current"])
def test_arrays_move_as_elements_do(source, monkeypatch):
    plain, stacked, places = _stacked(_circuit(source), monkeypatch)
    start, u = plain.initial(), jnp.asarray(0.04)
    assert sorted(places) == list(range(len(start)))
    _close(stacked.initial()[places], start)
    z = start + 0.01 * jnp.cos(jnp.arange(float(len(start))))
    order = np.argsort(places)
    t = jnp.zeros(())
    _close(stacked.drift(t, z[order], u)[places], plain.drift(t, z, u))
    wide = 5 * jnp.sin(1.0 + jnp.arange(float(len(start))))
    _close(stacked.project(wide[order])[places], plain.project(wide))
    _close(stacked.confine(wide[order], z[order], u)[places], plain.confine(wide, z, u))


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=["voltage", "current"])
def test_arrays_show_what_elements_show(source, monkeypatch):
    plain, stacked, places = _stacked(_circuit(source), monkeypatch)
    u, slope = jnp.asarray(0.04), jnp.asarray(3.0)
    z = plain.initial() + 0.01
    order = np.argsort(places)
    states = plain.unpack(z), stacked.unpack(z[order])
    systems: tuple[Any, ...] = plain.system, stacked.system
    seen = plain.system.visible_state(states[0], u), stacked.system.visible_state(states[1], u)
    _close(stacked.pack(seen[1])[places], plain.pack(seen[0]))
    for k in ("v", "i"):
        of_elements, of_arrays = (
            system.outputs(0.0, x, u, ENV, slope)[k]
            for system, x in zip(systems, states, strict=True)
        )
        _close(of_arrays, of_elements)


@pytest.mark.slow
def test_derivatives_by_parameters_are_those_of_elements(monkeypatch):
    circuit = _circuit(mj.VoltageSource())
    monkeypatch.setattr("memjax.circuit.stacked.MANY", 2)
    z = Scaled(circuit, ENV).initial() + 0.01

    def rates(r, stacks):
        changed = {"m0.r_on": r, "tie.c": r * 2e-14, "load.r": 10 * r}
        scaled, places = Scaled(mj.params.replace(circuit, changed, check=False), ENV), slice(None)
        if stacks:
            scaled, places = stack_circuit(scaled) or (scaled, places)
        drift = scaled.drift(0.0, z.at[places].set(z), jnp.asarray(0.04))
        return drift[places]

    by_arrays, by_elements = (jax.jacfwd(lambda r, s=s: rates(r, s))(100.0) for s in (True, False))
    assert np.abs(by_elements).max() > 0
    _close(by_arrays, by_elements)


@pytest.mark.slow
def test_a_simulation_is_that_of_elements(monkeypatch):
    lines = [("src", mj.VoltageSource(), "in", "0")]
    for k in range(2):
        device = mj.Vteam(r_on=jnp.asarray(100.0 * (k + 1)))
        lines += [(f"m{k}", device, "in", f"n{k}"), (f"r{k}", mj.Resistor(50.0 + k), f"n{k}", "0")]
    circuit, rows = mj.Circuit(lines), np.linspace(0.0, 1e-3, 5)

    def traces():
        trace = mj.simulate(circuit, mj.triangle_sweep(0.3, 1e3), save=rows).check()
        assert list(trace.state) == [s.name for s in circuit.specs]
        assert trace.final is not None
        return trace.i, trace.v, trace.state, trace.final.state

    by_elements = traces()
    monkeypatch.setattr("memjax.circuit.stacked.MANY", 2)
    # Both have the same steps but for rounding, which the control of steps may amplify.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12), traces(), by_elements
    )


def _ladder() -> mj.Circuit:
    """Two kinds of devices with noise, in turn: the order of channels is not that of kinds."""
    sigma = jnp.asarray(7e-3)
    noisy, still = mj.Diffusive1M1T1R(sigma1=sigma, sigma2=sigma), mj.Vteam()
    lines = [("src", mj.VoltageSource(), "in", "0")]
    for k, device in enumerate([noisy, mj.LangevinChain(), still, noisy, mj.LangevinChain()]):
        before = "in" if k == 0 else f"n{k - 1}"
        lines += [(f"r{k}", mj.Resistor(1e5 * (k + 1)), before, f"n{k}")]
        lines += [(f"m{k}", device, f"n{k}", "0"), (f"c{k}", mj.Capacitor(1e-11), f"n{k}", "0")]
    return mj.Circuit(lines)


def test_noise_has_the_channels_of_elements(monkeypatch):
    plain, stacked, places = _stacked(_ladder(), monkeypatch)
    z = plain.project(plain.initial() + 0.1 + 0.01 * jnp.cos(jnp.arange(len(places))))
    t, u = jnp.zeros(()), jnp.asarray(0.3)
    assert stacked.channels() == plain.channels()
    assert stacked.system.noise_structure is plain.system.noise_structure
    of_elements = plain.diffusion(t, z, u)
    assert np.all(np.abs(of_elements).max(axis=0) > 0)
    _close(stacked.diffusion(t, z[np.argsort(places)], u)[places], of_elements)


@pytest.mark.slow
def test_a_seed_gives_the_noise_of_elements(monkeypatch):
    circuit, drive = _ladder(), mj.triangle_sweep(0.3, 1e4)
    rows = np.linspace(0.0, 1e-6, 3)
    by_elements = mj.simulate(circuit, drive, save=rows, seed=3).check().state
    monkeypatch.setattr("memjax.circuit.stacked.MANY", 2)
    for k, x in mj.simulate(circuit, drive, save=rows, seed=3).check().state.items():
        np.testing.assert_allclose(x, by_elements[k], rtol=1e-8, atol=1e-12 * np.abs(x).max())


def test_its_program_does_not_grow_with_devices(monkeypatch):
    def equations(devices: int) -> int:
        _, stacked, _ = _stacked(_circuit(mj.VoltageSource(), devices), monkeypatch)
        drift = jax.make_jaxpr(lambda z: stacked.drift(0.0, z, jnp.asarray(0.1)))
        return len(drift(stacked.initial()).jaxpr.eqns[0].params["jaxpr"].eqns)

    assert equations(5) == equations(15)
