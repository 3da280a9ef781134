"""Elements that differ in numbers alone are one program, and give what each gives by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.circuit.alike import FEWEST, evaluate


def _circuit(count: int) -> mj.Circuit:
    """So many devices in series with a resistor each, with parameters of their own, and one of another kind."""
    lines = [("src", mj.VoltageSource(), "in", "0"), ("odd", mj.MetastableSwitches(), "in", "0")]
    for k in range(count):
        device = mj.Vteam(r_on=100.0 * (k + 1))
        lines += [(f"m{k}", device, "in", f"n{k}"), (f"r{k}", mj.Resistor(50.0 + k), f"n{k}", "0")]
    return mj.Circuit(lines)


def test_each_gives_what_it_gives_alone():
    elements = {f"m{k}": mj.Vteam(r_on=100.0 * (k + 1)) for k in range(FEWEST)}
    elements |= {"other": mj.MetastableSwitches()}
    arguments = {
        n: ({s.name: jnp.asarray(0.3) for s in e.states}, jnp.asarray(0.2 + 0.1 * k))
        for k, (n, e) in enumerate(elements.items())
    }

    def current(element, state, v):
        return element.current(0.0, state, v, mj.Environment())

    results = evaluate(current, elements, arguments)
    assert list(results) == list(elements)
    for n, e in elements.items():
        # Single operations and a program round alike but for products that are added at once.
        np.testing.assert_allclose(results[n], current(e, *arguments[n]), rtol=1e-14)


@pytest.mark.parametrize("what", ["drift", "currents", "initial", "project"])
def test_a_circuit_of_many_is_that_of_each(what, monkeypatch):
    circuit, env = _circuit(FEWEST), mj.Environment()
    u = jnp.asarray(0.4)
    state = {k: 0.2 + 0.1 * x for k, x in circuit.initial(env).items()}
    functions = {
        "drift": lambda: circuit.drift(0.0, state, u, env),
        "currents": lambda: circuit.element_currents(0.0, state, u, env),
        "initial": lambda: circuit.initial(env),
        "project": lambda: circuit.project({k: 5 * x for k, x in state.items()}),
    }
    mapped = functions[what]()
    monkeypatch.setattr("memjax.circuit.alike.FEWEST", 1000)
    alone = functions[what]()
    assert list(mapped) == list(alone)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13), mapped, alone)


def _ladder() -> mj.Circuit:
    """Nodes that a current, a constant voltage and capacitors hold, between two of them and to a driven one."""
    lines = [
        ("src", mj.VoltageSource(), "in", "0"),
        ("push", mj.CurrentSource(1e-5), "n0", "n2"),
        ("shift", mj.VoltageSource(0.1), "n1", "top"),
        ("load", mj.Resistor(1e3), "top", "0"),
        ("tie", mj.Capacitor(2e-12), "n0", "in"),
        ("bridge", mj.Capacitor(1e-12), "n1", "n3"),
    ]
    for k in range(FEWEST):
        lines += [
            (f"m{k}", mj.Vteam(r_on=100.0 * (k + 1)), "in" if k == 0 else f"n{k - 1}", f"n{k}")
        ]
        lines += [(f"r{k}", mj.Resistor(50.0 + k), f"n{k}", "0")]
    return mj.Circuit(lines)


@pytest.mark.parametrize("what", ["drift", "currents", "outputs", "slopes", "node_voltages"])
def test_arrays_over_nodes_are_the_numbers_of_scalars(what, monkeypatch):
    circuit, env, u = _ladder(), mj.Environment(), jnp.asarray(0.4)
    state = {k: x + 0.01 * j for j, (k, x) in enumerate(circuit.initial(env).items())}
    functions = {
        "drift": lambda: circuit.drift(0.0, state, u, env),
        "currents": lambda: circuit.element_currents(0.0, state, u, env),
        "outputs": lambda: circuit.outputs(0.0, state, u, env, jnp.asarray(3.0)),
        "slopes": lambda: list(circuit.node_slopes(0.0, state, u, env, jnp.asarray(3.0))),
        "node_voltages": lambda: list(circuit.node_voltages(state, u)),
    }
    scalars = functions[what]()
    monkeypatch.setattr("memjax.circuit.circuit.MANY", 2)
    arrays = functions[what]()
    # Sums of a node's currents are rounded in another order: of the largest of them.
    largest = max(float(jnp.abs(x)) for x in jax.tree.leaves(scalars))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13 * largest),
        arrays,
        scalars,
    )


def test_a_program_does_not_grow_with_devices_as_they_do():
    """Equations of devices are those of one; what grows is the reading and writing of their states."""

    def equations(count: int) -> int:
        circuit, env = _circuit(count), mj.Environment()
        state = circuit.initial(env)
        drift = jax.make_jaxpr(lambda s: circuit.drift(0.0, s, jnp.asarray(0.1), env))
        return len(drift(state).jaxpr.eqns)

    few, many = equations(FEWEST), equations(3 * FEWEST)
    one = len(
        jax.make_jaxpr(lambda s: mj.Vteam().drift(0.0, s, jnp.asarray(0.1), mj.Environment()))(
            mj.Vteam().initial(mj.Environment())
        ).jaxpr.eqns
    )
    assert (many - few) / (2 * FEWEST) < one + 20
