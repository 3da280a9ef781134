"""A repr says what a model is, fits a terminal, and is there under transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core.reprs import WIDTH


@pytest.mark.parametrize("name", mj.model_names())
def test_every_model_fits_a_terminal_and_names_its_states(name):
    model = mj.model(name)
    text = repr(model)
    assert text.startswith(type(model).__name__ + "(")
    assert max(map(len, text.split("\n"))) <= WIDTH
    states = model.states if isinstance(model, mj.AbstractDevice) else model.specs
    assert all(s.name in text for s in states)


def test_what_differs_from_the_defaults_is_shown_with_its_unit():
    assert repr(mj.LinearIonDrift()) == "LinearIonDrift(default parameters; states x)"
    device = mj.DiffusiveMemristor(r_on=2e4, sigma1=0.5, mu_neg=40.0)
    text = " ".join(repr(device).split())
    assert "(r_on=2e+04 ohm, mu_neg=40 1/(V s), sigma1=0.5" in text
    assert "beta" not in text
    many = {
        n: mj.params.get(device, n) * 1.01
        for n in ("alpha", "lam", "beta", "mu", "gamma1", "gamma2")
    }
    assert "and 3 more;" in " ".join(repr(mj.params.replace(device, many)).split())


def test_branches_and_circuits_show_elements_and_nodes():
    branch = mj.Resistor(1e3) + (mj.ThresholdSwitch() | mj.Capacitor(1e-12))
    assert repr(branch) == (
        "Resistor(r=1000 ohm) + (ThresholdSwitch(default parameters; states x) | Capacitor(c=1e-12 F, v0=0 V))"
    )
    lines = repr(mj.model("threshold-switch-neuron")).split("\n")
    assert lines[0] == "Circuit("
    assert any("Capacitor node-0: c=1e-09 F" in x for x in lines)
    assert lines[-1].strip() == "driven: voltage at input; states switch.x, node.v)"


def test_a_repr_is_there_under_transformations_and_of_trees_of_anything():
    device, texts = mj.ThresholdSwitch(), []
    name = next(iter(mj.fields.parameter_specs(device)))

    def value(x):
        changed = mj.params.replace(device, {name: x}, check=False)
        texts.append(repr(changed))
        return mj.params.get(changed, name)

    jax.jit(value)(jnp.asarray(1.0))
    many = jax.vmap(lambda x: mj.params.replace(device, {name: x}, check=False))(
        jnp.arange(1.0, 4.0)
    )
    assert f"({name}=traced" in texts[0]
    assert f"{name}=3 values" in repr(many)
    for tree in (jax.tree.map(lambda x: object(), device), jax.eval_shape(lambda: device)):
        assert repr(tree).startswith("ThresholdSwitch(")


def test_a_trace_fits_a_terminal():
    t = jnp.linspace(0.0, 1.0, 5)
    rows = jnp.zeros((3, 5))
    states = {f"element_{k}.state": rows for k in range(20)}
    trace = mj.Trace(
        t=t, sweep=np.zeros(5, int), v=rows, i=rows, state=states, v_device=rows, i_device=rows,
        result=jnp.asarray([[0], [2], [0]]), notes={"model": "own", "policy": "Stiff()"},
    )  # fmt: skip
    text = repr(trace)
    assert max(map(len, text.split("\n"))) <= WIDTH
    assert text.startswith("Trace(own: 3 members, 1 sweeps, 5 rows; states element_0.state")
    assert "1 of 3 solves failed" in " ".join(text.split())
    batch = jax.vmap(lambda x: mj.Trace(**vars(trace) | {"v": rows * x}))(jnp.arange(2.0))
    assert repr(batch).startswith("Trace(")
