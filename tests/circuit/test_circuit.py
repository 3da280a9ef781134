"""Netlists: what is refused, Kirchhoff's laws, closed forms, algebra, parameters by name, use in place of a device."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import memjax as mj
from memjax.circuit import drive_branch, energies, energy_per_spike, powers
from memjax.circuit.circuit import common_structure
from memjax.core.system import Additive, Commutative, Diagonal, General, NoNoise, Partitioned
from memjax.errors import BoundsError, CircuitError, ModelError, StimulusError

R, C, V = mj.Resistor, mj.Capacitor, mj.VoltageSource
STEP = mj.Sampled(np.array([0.0, 5e-3]), np.array([1.0, 1.0]))
TIGHT = mj.Stiff(rtol=1e-8, atol=1e-10)


def _rc(*more):
    lines = [("drive", V(), "in", "0"), ("r", R(1e3), "in", "out"), ("c", C(1e-6), "out", "gnd")]
    return mj.Circuit([*lines, *more])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([("a", V(), "x", "y"), ("b", R(1.0), "x", "y")], "no ground"),
        ([("a", V(), "x", "0"), ("b", R(1.0), "x", "y")], "floating node 'y': only 'b'"),
        (
            [("a", V(), "x", "0"), ("b", R(1.0), "x", "0"), ("c", R(1.0), "p", "q"), ("d", R(1.0), "p", "q")],
            "floating nodes 'p', 'q'",
        ),
        ([("a", V(), "x", "0"), ("a", R(1.0), "x", "0")], "'a' twice"),
        ([("a", V(), "x", "0"), ("m", mj.Mosfet(), "x", "0", "0")], "names of 4 nodes: drain, gate, source, bulk"),
        ([("a", V(), "x", "0"), ("b", V(1.0), "x", "0")], "'b' closes a loop of voltage sources"),
        ([("a", V(1.0), "x", "0"), ("b", R(1.0), "x", "0")], "nothing is driven"),
        ([("a", V(), "x", "0"), ("b", 1e3, "x", "0")], "float as 'b'"),
        ([("a", V(), "x", "0"), "r x 0 1k"], "allowed: \\(name, element, node, ...\\)"),
    ],
)  # fmt: skip
def test_a_netlist_that_is_no_circuit_is_refused_by_name(lines, says):
    with pytest.raises(CircuitError, match=says):
        mj.Circuit(lines)


def test_an_element_without_a_meaning_is_refused():
    with pytest.raises(BoundsError, match="r = "):
        R(-1.0)
    with pytest.raises(CircuitError, match="parasitic"):
        mj.Circuit([("a", V(), "x", "0"), ("b", R(1.0), "x", "0")], parasitic=0.0)


def test_a_stimulus_of_another_kind_or_for_other_sources_is_refused():
    with pytest.raises(
        StimulusError, match="a stimulus of current; in circuit; allowed: drive: voltage"
    ):
        mj.simulate(_rc(), mj.Sampled(np.array([0.0, 1.0]), np.zeros(2), quantity="current"))
    with pytest.raises(StimulusError, match="drives of other; allowed: one for each of drive"):
        mj.simulate(_rc(), mj.Drives({"other": STEP}))
    with pytest.raises(StimulusError, match="a bench around a Circuit"):
        mj.simulate(_rc(), STEP, bench=mj.Bench(series_resistance=1.0))
    with pytest.raises(
        ModelError, match=r"unknown parameter 'r.c'; in Circuit; allowed: r.r, c.c, c.v0"
    ):
        mj.params.replace(_rc(), {"r.c": 1.0})


@pytest.fixture(scope="module")
def charging():
    """An RC node, and one more behind an ideal source of 0.25 V and a resistor: solved at rows."""
    lines = [("lift", V(0.25), "up", "out"), ("leak", R(1e3), "up", "0")]
    circuit = _rc(*lines)
    rows = np.linspace(0, 5e-3, 51)[1:]
    return circuit, mj.simulate(circuit, STEP, save=rows, policy=TIGHT).check()


@pytest.mark.slow
def test_a_node_charges_as_its_closed_form_also_with_a_floating_source(charging):
    """Conductances 1 mS to 1 V and 1 mS from 0.25 V above it to ground: 0.375 V, 0.5 ms."""
    _, trace = charging
    t = np.asarray(trace.t)
    exact = 0.375 * (1 - np.exp(-t / 0.5e-3))
    np.testing.assert_allclose(trace.state["out.v"][0], exact, atol=1e-6)
    np.testing.assert_allclose(trace.i[0], (1 - exact) / 1e3, atol=1e-9)


@pytest.mark.slow
def test_power_is_conserved_and_its_integral_is_the_energy(charging):
    circuit, trace = charging
    power = powers(circuit, trace, STEP)
    np.testing.assert_allclose(sum(np.asarray(p) for p in power.values()), 0.0, atol=1e-12)
    energy = energies(np.asarray(trace.t), power, start=0.0, stop=5e-3)
    v = np.asarray(trace.state["out.v"][0])
    stored = 0.5e-6 * (v[-1] ** 2 - v[0] ** 2)
    # Trapezoids of 0.1 ms on exponentials of 0.5 ms: (h/tau)^2/12 = 3e-3.
    assert float(energy["c"][0]) == pytest.approx(stored, rel=5e-3)
    each = energy_per_spike(energy, 2)
    given = sum(each[n] for n in ("r", "leak", "c"))
    assert each["total"] == pytest.approx(given, rel=1e-9)
    with pytest.raises(StimulusError, match="no spike"):
        energy_per_spike(energy, 0)


@pytest.mark.slow
def test_a_capacitor_to_a_driven_node_needs_no_slope_of_the_source():
    """High pass of 1 uF and 1 kohm beside 1 uF, under a ramp and under a jump."""
    lines = [("drive", V(), "in", "0"), ("c1", C(1e-6), "in", "x"), ("c2", C(1e-6), "x", "0")]
    circuit = mj.Circuit([*lines, ("r", R(1e3), "x", "0")])
    ramp = mj.Sampled(np.array([0.0, 1e-3, 2e-3]), np.array([0.0, 1.0, 1.0]))
    jump = mj.Sampled(np.array([0.0, 1e-3, 2e-3]), np.array([0.0, 1.0, 1.0]), "staircase")
    rows = np.array([0.5e-3, 1e-3, 1.5e-3, 2e-3])
    trace = mj.simulate(circuit, ramp, save=rows, policy=TIGHT).check()
    up = 1 - np.exp(-rows / 2e-3)
    exact = np.where(rows <= 1e-3, up, up[1] * np.exp(-(rows - 1e-3) / 2e-3))
    np.testing.assert_allclose(trace.state["x.v"][0], exact, atol=1e-7)
    slope = np.where(rows <= 1e-3, 1e3, 0.0)
    np.testing.assert_allclose(
        trace.i[0], 1e-6 * (slope - (1e-6 * slope - exact * 1e-3) / 2e-6), atol=1e-9
    )
    v = mj.simulate(circuit, jump, save=rows[2:], policy=TIGHT).check().state["x.v"][0]
    np.testing.assert_allclose(v, 0.5 * np.exp(-(rows[2:] - 1e-3) / 2e-3), atol=1e-6)


def test_a_chain_of_capacitors_solves_its_matrix():
    """Charge shared between three capacitors in series, the ends driven and grounded."""
    lines = [("drive", V(), "in", "0"), ("c1", C(1e-12), "in", "x"), ("c2", C(2e-12), "x", "y")]
    circuit = mj.Circuit([*lines, ("c3", C(3e-12), "y", "0"), ("r", R(1e15), "x", "y")])
    state = circuit.visible_state(circuit.initial(mj.Environment()), jnp.asarray(1.0))
    share = 1 / (1 + 1 / 2 + 1 / 3)
    np.testing.assert_allclose(state["x.v"], 1 - share)
    np.testing.assert_allclose(state["y.v"], share / 3)
    again = circuit.visible_state(circuit.internal_state(state, jnp.asarray(1.0)), jnp.asarray(1.0))
    np.testing.assert_allclose(again["x.v"], state["x.v"])


@pytest.mark.integration
def test_an_initial_voltage_is_that_of_the_capacitor():
    circuit = mj.params.replace(_rc(), {"c.v0": 0.4})
    assert float(circuit.initial(mj.Environment())["out.v"]) == pytest.approx(0.4)


@pytest.mark.slow
def test_a_branch_of_a_series_resistor_and_a_parallel_capacitor_is_the_bench():
    device = mj.Vteam()
    drive = mj.Sine(-1.0, 50.0, 1.0)
    branch = R(500.0) + (device | C(1e-8) | R(1e6))
    rows = np.linspace(0.0, 0.02, 101)
    ours = mj.simulate(branch, drive, save=rows, policy=TIGHT).check()
    bench = mj.Bench(500.0, 1e6, 1e-8)
    theirs = mj.simulate(device, drive, bench=bench, save=rows, policy=TIGHT).check()
    np.testing.assert_allclose(ours.i, theirs.i, atol=1e-6 * np.ptp(theirs.i))
    np.testing.assert_allclose(ours.state["vteam.x"], theirs.state["x"], atol=1e-6)


def test_a_branch_names_its_elements_and_inner_nodes():
    circuit = drive_branch(R(1.0) + (R(2.0) | (R(3.0) + C(1e-9))), "current")
    assert circuit.names == ("drive", "resistor", "resistor_2", "resistor_3", "capacitor")
    assert circuit.quantities == ("current",)
    named = mj.Circuit([("drive", V(), "a", "0"), ("cell", R(1.0) + C(1.0), "a", "0")])
    assert named.names == ("drive", "cell.resistor", "cell.capacitor")
    assert dict(zip(named.names, named.nets))["cell.capacitor"] == ("cell.1", "0")
    with pytest.raises(CircuitError, match="driven by 'force'"):
        drive_branch(R(1.0), "force")


def test_a_transistor_is_square_above_threshold_exponential_below_and_symmetric():
    m, env = mj.Mosfet(beta=7.5e-4, v_t=0.22, n=1.3), mj.Environment(300.0)
    amps = lambda *v: float(m.currents(tuple(map(jnp.asarray, v)), env)[0])  # noqa: E731
    assert amps(3.0, 2.22, 0.0, 0.0) == pytest.approx(7.5e-4 * 2.0**2 / (2 * 1.3), rel=1e-6)
    decade = np.log(amps(1.0, -0.50, 0.0, 0.0) / amps(1.0, -0.51, 0.0, 0.0))
    assert decade == pytest.approx(0.01 / (1.3 * 8.617333e-5 * 300), rel=1e-3)
    assert amps(0.3, 0.5, 0.1, 0.0) == pytest.approx(-amps(0.1, 0.5, 0.3, 0.0))
    p = mj.Mosfet(beta=7.5e-4, v_t=0.22, n=1.3, channel="p")
    mirrored = p.currents(tuple(map(jnp.asarray, (-3.0, -2.22, 0.0, 0.0))), env)
    assert float(mirrored[0]) == pytest.approx(-amps(3.0, 2.22, 0.0, 0.0))
    assert float(sum(mirrored)) == 0.0


def test_a_limiter_holds_its_current():
    limiter = mj.CurrentLimiter(limit=1e-6, r=1e3)
    assert float(limiter.current(jnp.asarray(1e-4))) == pytest.approx(1e-7)
    assert float(limiter.current(jnp.asarray(-1.0))) == pytest.approx(-1e-6)


def test_noise_structures_of_several_devices_go_together():
    assert common_structure([]) is NoNoise
    assert common_structure([NoNoise, Diagonal]) is Diagonal
    assert common_structure([Additive, Partitioned]) is Partitioned
    assert common_structure([Partitioned, Diagonal]) is Commutative
    assert common_structure([Diagonal, General]) is General


def test_parameters_have_dotted_names_in_files_tables_and_fits(tmp_path):
    neuron = mj.model("1m1t1r")
    specs = {row["name"]: row for row in mj.describe(neuron)}
    assert specs["r_c.r"]["value"] == 250e6
    assert specs["memristor.noise_form"]["allowed"] == ["net", "gross"]
    assert "input.value" not in specs
    path = tmp_path / "p.toml"
    path.write_text("[memristor]\nmu = 200\nnoise_form = 'gross'\n[r_c]\nr = 1e8\n")
    values = mj.params.load(path, words=mj.fields.setting_specs(neuron))
    changed = mj.params.replace(neuron, values)
    assert (float(changed.parts["memristor"].mu), float(changed.parts["r_c"].r)) == (200.0, 1e8)
    assert changed.parts["memristor"].noise_form == "gross"
    mj.params.dump(changed, path)
    again = mj.params.replace(neuron, mj.params.load(path, words=mj.fields.setting_specs(neuron)))
    assert mj.params.to_dict(again) == mj.params.to_dict(changed)
    z = mj.params.unconstrain(neuron, ["memristor.mu", "r_c.r"])
    back = mj.params.constrain(neuron, ["memristor.mu", "r_c.r"], z)
    assert float(back.parts["r_c"].r) == pytest.approx(250e6)
    with pytest.raises(BoundsError, match=r"r_c.r = -1.0 ohm"):
        mj.params.replace(neuron, {"r_c.r": -1.0})


def test_kirchhoffs_current_law_holds_at_every_node_of_the_neuron():
    neuron, env = mj.model("1m1t1r"), mj.Environment()
    state = neuron.initial(env) | {"memristor.f": jnp.asarray(0.9), "gate.v": jnp.asarray(0.3)}
    u = jnp.asarray(0.8)
    rates = neuron.drift(0.0, state, u, env)
    currents = neuron.element_currents(0.0, state, u, env)
    into = currents["memristor"][1] + currents["r_c"][0]
    assert float(rates["gate.v"]) == pytest.approx(-float(into) / 1e-11)
    drain = currents["transistor"][0] + currents["r_load"][1]
    assert float(rates["drain.v"]) == pytest.approx(-float(drain) / neuron.parasitic)
    supply = neuron.source_currents(0.0, state, u, env)["supply"]
    assert float(supply) == pytest.approx(float(currents["r_load"][0]))


@pytest.mark.integration
def test_a_source_counts_current_out_of_its_first_terminal_whichever_side_is_ground():
    up = mj.Circuit([("a", V(), "x", "0"), ("r", R(2.0), "x", "0")])
    down = mj.Circuit([("a", V(), "0", "x"), ("r", R(2.0), "x", "0")])
    for circuit, sign in ((up, 1.0), (down, 1.0)):
        out = circuit.outputs(0.0, {}, jnp.asarray(1.0), mj.Environment())
        assert float(out["v"]) == 1.0
        assert float(out["i"]) == pytest.approx(sign * 0.5)


@pytest.mark.slow
def test_gradients_flow_to_elements_and_devices():
    rows = np.array([0.4e-3])

    def end(r, c):
        circuit = mj.params.replace(_rc(), {"r.r": r, "c.c": c}, check=False)
        return mj.simulate(circuit, STEP, save=rows, policy=TIGHT).state["out.v"][0, 0]

    args = (jnp.asarray(1e3), jnp.asarray(1e-6))
    g = jax.jacfwd(end, argnums=(0, 1))(*args)
    tau, t = 1e-3, 0.4e-3
    slope = -np.exp(-t / tau) * t / tau
    np.testing.assert_allclose([g[0] * 1e3, g[1] * 1e-6], slope, rtol=1e-5)


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("policy", [TIGHT, mj.Fixed(2e-7)], ids=["stiff", "fixed"])
def test_a_ladder_of_twenty_nodes_is_the_matrix_exponential(policy):
    """20 stages of 1 kohm and 1 nF under 1 V: v' = A v + b; fixed steps are of first order, 0.2 us against 1 us."""
    nodes = ["in", *(f"n{k}" for k in range(20))]
    lines = [("drive", V(), "in", "0")]
    for k, (a, b) in enumerate(pairwise(nodes)):
        lines += [(f"r{k}", R(1e3), a, b), (f"c{k}", C(1e-9), b, "0")]
    rows = np.linspace(0, 2e-4, 11)
    drive = mj.Sampled(np.array([0.0, 2e-4]), np.array([1.0, 1.0]))
    trace = mj.simulate(mj.Circuit(lines), drive, save=rows, policy=policy).check()
    matrix = 1e6 * (np.diag([-2.0] * 19 + [-1.0]) + np.eye(20, k=1) + np.eye(20, k=-1))
    exact = [np.linalg.solve(matrix, (expm(matrix * t) - np.eye(20))[:, 0] * 1e6) for t in rows]
    found = np.stack([np.asarray(trace.state[f"n{k}.v"])[0] for k in range(20)], axis=1)
    np.testing.assert_allclose(found, exact, atol=1e-6 if policy is TIGHT else 0.02)
    assert 0.1 < found[-1, -1] < 0.9
