"""Modules of Verilog-A: OpenVAF compiles each, and what it computes is what the model computes."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import memjax as mj
from memjax.core.system import Environment
from memjax.export import assemble, module
from memjax.models import model, model_names

FAST = 1e-3
ENV = Environment()


def _module(name: str, folder):
    """The compiled module of a model."""
    openvaf = pytest.importorskip(
        "openvaf_py", reason="OpenVAF's compiler, openvaf-py, is not installed"
    )
    whole = assemble(model(name), name=name, noise=True, fast=FAST, interval=1e-3, env=ENV)
    (folder / "m.va").write_text(module(whole))
    return openvaf.compile_va(str(folder / "m.va"))[0], whole


@pytest.mark.slow
@pytest.mark.parametrize("name", model_names())
def test_every_model_compiles(tmp_path, name):
    compiled, whole = _module(name, tmp_path)
    unknowns = sum(len(p.equations.unknowns) for p in whole.parts if p.equations is not None)
    assert len(compiled.nodes) >= len(whole.terminals) + unknowns
    assert not any(w in (tmp_path / "m.va").read_text() for w in ("@(", "idt(", "initial_step"))


@pytest.mark.slow
def test_a_module_keeps_no_variable_from_step_to_step(tmp_path):
    """Each variable is assigned before it is read."""
    text = module(
        assemble(model("jart-vcm"), name="jart", noise=False, fast=1.0, interval=1.0, env=ENV)
    )
    body = text.split("analog begin : equations")[1].split("// n_disc")[0]
    names = [
        line.split()[1].rstrip(";") for line in text.splitlines() if line.startswith("    real ")
    ]
    assert names
    for name in names:
        first = next(
            line
            for line in body.splitlines()
            if not line.startswith("    real ")
            and name in line.replace("(", " ").replace(")", " ").split()
        )
        assert first.strip().startswith(f"{name} = ")


@pytest.mark.integration
@pytest.mark.parametrize(
    "name", ["vteam", "threshold-switch", "diffusive", "ag-filament", "stanford-pku"]
)
def test_a_compiled_module_computes_the_model(tmp_path, name):
    compiled, whole = _module(name, tmp_path)
    device, (part,) = model(name), whole.parts
    numbers = dict(part.equations.values)
    rest = device.initial(ENV)
    state = device.project({s.name: rest[s.name] + 0.3 * s.scale for s in device.states})
    v = 0.4
    found = _residuals(
        compiled, numbers, v, {s.name: float(state[s.name]) / s.scale for s in device.states}
    )
    current = float(device.current(0.0, state, jnp.asarray(v), ENV))
    drift = device.drift(0.0, state, jnp.asarray(v), ENV)
    want = [-FAST * float(drift[s.name]) / s.scale for s in device.states]
    assert found[0] == pytest.approx(current, rel=1e-9)
    np.testing.assert_allclose(found[2:], want, rtol=1e-9, atol=1e-12 * max(map(abs, want)))


@pytest.mark.slow
def test_a_compiled_module_runs(tmp_path):
    """Half a sine at an ideal source: what flows out of the state's node is integrated by SciPy."""
    compiled, whole = _module("vteam", tmp_path)
    numbers, drive = whole.parts[0].equations.values, mj.Sine(-1.0, 50.0, 1.0)

    def rate(t, x):
        return [
            -_residuals(compiled, numbers, float(drive(jnp.asarray(t))), {"x": float(x[0])})[2]
            / FAST
        ]

    t = np.linspace(0.0, 0.02, 201)
    solved = solve_ivp(
        rate, (0.0, 0.02), [1.0], method="LSODA", t_eval=t, rtol=1e-7, atol=1e-9, max_step=1e-4
    )
    trace = mj.simulate(
        model("vteam"), drive, save=t, policy=mj.Stiff(rtol=1e-7, atol=1e-9)
    ).check()
    np.testing.assert_allclose(solved.y[0], np.asarray(trace.state["x"])[0], atol=1e-4)


def _residuals(compiled, numbers: dict, v: float, states: dict[str, float]) -> list[float]:
    """Currents out of the nodes as the compiled module has them: terminals first, then states."""
    values = dict.fromkeys(compiled.param_names, 0.0) | dict.fromkeys(
        compiled.init_param_names, 0.0
    )
    given = dict(numbers)
    for names, kinds in (
        (compiled.param_names, compiled.param_kinds),
        (compiled.init_param_names, compiled.init_param_kinds),
    ):
        for n, kind in zip(names, kinds):
            if kind == "param":
                values[n] = next((x for m, x in given.items() if n.rstrip("_") == m), 0.0)
            elif kind == "param_given":
                values[n] = 1.0
            elif kind == "voltage":
                values[n] = _potential(n, {"p": v, "n": 0.0} | states)
            elif kind == "sysfun":  # the multiplicity of an instance
                values[n] = 1.0
    residuals, _ = compiled.run_init_eval(values)
    return [r for r, _ in residuals]


def _potential(name: str, states: dict[str, float]) -> float:
    """Voltage that a name such as V(p,n) stands for."""
    inner = name[name.index("(") + 1 : name.index(")")].replace(" ", "").split(",")
    at = [states.get(n, 0.0) for n in inner]
    return at[0] - (at[1] if len(at) > 1 else 0.0)
