"""Where the energy goes: power of each element along a trace, energy in a window and per spike."""

from collections.abc import Sequence

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.result import Trace
from ..core.system import Environment, State
from ..errors import StimulusError
from ..stimulus import AbstractStimulus
from .bench import BenchedDevice
from .circuit import Circuit, Volts
from .elements import AbstractElement, AbstractSource, Capacitor, CurrentSource, Mosfet


def powers(
    circuit: Circuit,
    trace: Trace,
    stimulus: AbstractStimulus,
    *,
    env: Environment | None = None,
) -> dict[str, Float[Array, "members rows"]]:
    """Power that each element takes up at the rows of a trace.

    Parameters
    ----------
    circuit : Circuit
        What was simulated.
    trace : Trace
        One sweep of it.
    stimulus : AbstractStimulus
        What drove it, with the drives in the order of the ports where there are several.
    env : Environment, optional
        Temperature.

    Returns
    -------
    dict of str to Float[Array, "members rows"]
        Power [W] by name: heat of resistors, devices and transistors, growth of the energy of
        capacitors; negative for a source that gives. Together they are 0, but for the nodes'
        parasitic capacitances.

    Raises
    ------
    StimulusError
        For a trace of several sweeps, or of another circuit.
    SolveError
        If a solve failed: `Trace.good` drops such members.
    """
    if not isinstance(trace, Trace) or not isinstance(circuit, Circuit):
        raise StimulusError(
            f"a {type(circuit).__name__} and a {type(trace).__name__}",
            where="powers",
            allowed="powers(circuit, trace, stimulus) of a Circuit and its Trace",
        )
    if not isinstance(trace.result, jax.core.Tracer):
        trace.check()
    if len(np.unique(trace.sweep)) > 1 or set(trace.state) != {s.name for s in circuit.specs}:
        raise StimulusError(
            "a trace of several sweeps or of another circuit", allowed="one sweep of the circuit"
        )
    environment = env or Environment()

    def point(t, visible):
        # A row at a corner has the state before it, and so the drive of that side.
        t_before = jnp.nextafter(t, jnp.asarray(-jnp.inf, t.dtype))
        u, slope = jax.jvp(stimulus, (t_before,), (jnp.ones_like(t_before),))
        return element_powers(circuit, t, circuit.internal_state(visible, u), u, slope, environment)

    rows = jax.vmap(point)
    return jax.jit(jax.vmap(rows, in_axes=(None, 0)))(trace.t, trace.state)


def element_powers(
    circuit: Circuit, t, state, u, slope, env: Environment
) -> dict[str, Float[Array, ""]]:
    """Power that each element takes up at one instant [W]; arguments as for `Circuit.source_currents`."""
    slopes = circuit.node_slopes(t, state, u, env, slope)
    v = circuit.node_voltages(state, u)
    return _powers(circuit, v, v, slopes, circuit.element_currents(t, state, u, env), u)


def _powers(
    circuit: Circuit,
    v: Volts,
    stored: Volts,
    slopes: Volts,
    currents,
    u,
    extra: Volts | None = None,
) -> dict:
    """Power of each element [W] at node voltages [V], of capacitors at those of `stored`, given slopes [V/s] and
    currents [A]; `extra` is what is too small to be added to the node voltages.
    """
    powers = {}
    extra = [0.0 * x for x in v] if extra is None else extra
    source_currents = circuit.balance_sources(currents, slopes, u)
    for name, e, net in zip(circuit.names, circuit.elements, circuit.topology.nodes):
        if isinstance(e, AbstractSource):
            # Its current flows out of the first terminal: negative where the source gives power.
            powers[name] = -(_across(v, net) + _across(extra, net)) * source_currents[name]
        elif isinstance(e, Capacitor):
            # Growth of the stored energy: d(C V^2 / 2)/dt = C V dV/dt.
            powers[name] = e.c * _across(stored, net) * _across(slopes, net)
        elif len(net) == 2:
            powers[name] = (_across(v, net) + _across(extra, net)) * currents[name][0]
        else:
            # Heat. The currents into an element add up to 0, so that the choice of ground drops out.
            terms = zip(net, currents[name], strict=True)
            powers[name] = sum((v[k] + extra[k]) * i for k, i in terms)
    return powers


def _across(v: Volts, net: Sequence[int]) -> Array:
    """Difference between the two nodes of an element."""
    return v[net[0]] - v[net[1]]


PARASITIC_CAPACITANCE, NUMERICAL_DISSIPATION = "parasitic capacitance", "numerical dissipation"
"""What takes up energy in a step beside the elements."""


def kinds_of_elements(circuit: Circuit) -> dict[str, str]:
    """Return the kind of each row of `step_powers`: "input" for a source that the stimulus drives, "supply" for one
    of constant value, "device", "resistor", "transistor", ..., "capacitor", "numerical".
    """
    kinds = {}
    for name, e in zip(circuit.names, circuit.elements, strict=True):
        if isinstance(e, AbstractSource):
            kinds[name] = "supply" if e.value is not None else "input"
        elif isinstance(e, AbstractElement):
            kinds[name] = "transistor" if isinstance(e, Mosfet) else e.name
        else:
            kinds[name] = "device"
    stray = {PARASITIC_CAPACITANCE: "capacitor"} if circuit.topology.stray else {}
    return kinds | stray | {NUMERICAL_DISSIPATION: "numerical"}


def step_powers(
    circuit: Circuit,
    t,
    state,
    before: State,
    u,
    h,
    env: Environment,
    correction: State | None = None,
) -> dict[str, Float[Array, ""]]:
    r"""Mean power that each element takes up in an implicit Euler step of the node voltages [W].

    Parameters
    ----------
    circuit : Circuit
        What is integrated.
    t
        End of the step [s].
    state, before : dict of str to Float[Array, ""]
        Node voltages at the end and at the start of the step as a solver sees them [V], with the states of the devices
        at which the step took their currents.
    u
        Value of each driven source, held during the step [V or A].
    h
        Step [s].
    env : Environment
        Temperature.
    correction : dict of str to Float[Array, ""], optional
        What Newton's next step would add to the node voltages [V], at which elements take their power. The network's
        step is one Newton step, and transistors need more; and it is rounded, which in float32 is all of the voltage
        across a load that nearly no current passes.

    Returns
    -------
    dict of str to Float[Array, ""]
        By the names of `kinds_of_elements`, negative for a source that gives. Their sum is 0 but for rounding and for
        what is left of the equations of transistors.

    Notes
    -----
    An implicit Euler step makes :math:`C\,\Delta V/h = -I(V')` at each node, with :math:`V'` at its end. Times
    :math:`V'` that is the balance of the step: heat :math:`V'I(V')` in the elements, the growth of the stored energy
    :math:`\Delta(CV^2/2)/h`, which adds up over steps without an error, and

    .. math::

        V' C\,\Delta V/h - \Delta(CV^2/2)/h = C\,\Delta V^2/2h \ge 0,

    the numerical dissipation of implicit Euler: what the step takes off the stored energy and gives to no element.
    It goes to 0 with h and tells how much of the ledger is the method's.
    """
    rates = {k: (x - before[k]) / h for k, x in state.items()}
    slopes = circuit.slopes_of(rates, state, u)
    v = circuit.node_voltages(state, u)
    middle = [x - 0.5 * h * s for x, s in zip(v, slopes, strict=True)]
    currents, extra = circuit.element_currents(t, state, u, env), None
    if correction is not None:

        def at(x):
            return circuit.element_currents(t, x, u, env)

        # By name, in the order of the elements, which `jax.tree.map` would change.
        change = jax.jvp(at, (state,), (correction,))[1]
        currents = {
            k: tuple(a + b for a, b in zip(pair, change[k], strict=True))
            for k, pair in currents.items()
        }
        extra = circuit.slopes_of(correction, state, u)
    powers = _powers(circuit, v, middle, slopes, currents, u, extra)
    nets = [(e.c, _across(slopes, net)) for e, *net in circuit.capacitors]
    stray = circuit.topology.stray
    if stray:
        powers[PARASITIC_CAPACITANCE] = sum(
            circuit.parasitic * middle[k] * slopes[k] for k in stray
        )
    squares = [c * s**2 for c, s in (*nets, *((circuit.parasitic, slopes[k]) for k in stray))]
    return powers | {NUMERICAL_DISSIPATION: sum(squares, 0.0 * v[0]) * (0.5 * h)}


def drive_step_energies(
    circuit: Circuit, state: State, u_before, u_after
) -> dict[str, Float[Array, ""]]:
    """Energy that each element takes up where driven sources jump [J]; names as for `step_powers`.

    Notes
    -----
    A source that jumps charges the capacitors between it and other nodes at once. With the source as a ramp, however
    short, each voltage is linear in each charge: a capacitor takes its mean voltage times its charge, and no resistor
    has time to take anything.
    """
    change = u_after - u_before
    still = {k: jnp.zeros_like(x) for k, x in state.items()}
    slopes = circuit.slopes_of(still, state, u_before, change)
    ends = [circuit.node_voltages(state, u) for u in (u_before, u_after)]
    middle = [0.5 * (a + b) for a, b in zip(*ends, strict=True)]
    none = {n: (0.0,) * len(net) for n, net in zip(circuit.names, circuit.topology.nodes)}
    energies = _powers(circuit, middle, middle, slopes, none, u_before)
    current_sources = [
        n for n, e in zip(circuit.names, circuit.elements) if isinstance(e, CurrentSource)
    ]
    energies |= dict.fromkeys(current_sources, 0.0 * middle[0])  # no charge passes in no time
    stray = circuit.topology.stray
    if stray:
        energies[PARASITIC_CAPACITANCE] = sum(
            circuit.parasitic * middle[k] * slopes[k] for k in stray
        )
    return energies | {NUMERICAL_DISSIPATION: 0.0 * middle[0]}


def bench_powers(
    system: BenchedDevice, t, state, u, env: Environment
) -> dict[str, Float[Array, ""]]:
    """Power that each element of a bench takes up at one instant [W]; arguments as for `BenchedDevice.outputs`."""
    out, bench = system.outputs(t, state, u, env), system.bench
    i, v, i_device = jnp.asarray(bench.source_current(out["i"])), out["v_device"], out["i_device"]
    leak = 0.0 if bench.parallel_resistance is None else v / bench.parallel_resistance
    return {
        "device": v * i_device,
        "series_resistance": i
        * i
        * (0.0 if bench.series_resistance is None else bench.series_resistance),
        "parallel_resistance": v * (0.0 * v + leak),
        "parallel_capacitance": v * (i - i_device - leak),
    }


def energies(
    t: Float[np.ndarray, " rows"],
    power: dict[str, Float[Array | np.ndarray, "members rows"]],
    *,
    start: float,
    stop: float,
) -> dict[str, Float[np.ndarray, " members"]]:
    """Energy that each element takes up in a window.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s].
    power : dict of str to Float[Array, "members rows"]
        See `powers` [W].
    start, stop : float
        Window [s].

    Returns
    -------
    dict of str to Float[np.ndarray, "members"]
        Energy [J], by trapezoids between the rows: second order in their distance.
    """
    inside = (t >= start) & (t <= stop)
    if np.sum(inside) < 2:
        raise StimulusError(
            f"fewer than two rows from {start:g} to {stop:g} s", allowed="a window with rows"
        )
    return {k: np.trapezoid(np.asarray(p)[:, inside], t[inside], axis=1) for k, p in power.items()}


def energy_per_spike(
    energy: dict[str, Float[np.ndarray, " members"]], spikes: int
) -> dict[str, float]:
    """Energy per spike [J] by element, and ``total``: what all sources give.

    Parameters
    ----------
    energy : dict of str to Float[np.ndarray, "members"]
        See `energies` [J].
    spikes : int
        Spikes of all members in the window.

    Returns
    -------
    dict of float
        Energy per spike by element, and ``total`` [J].

    Raises
    ------
    StimulusError
        If there are none.
    """
    if spikes < 1:
        raise StimulusError("no spike in the window", allowed="one spike or more")
    per_spike = {k: float(np.sum(e)) / spikes for k, e in energy.items()}
    return per_spike | {"total": -sum(e for e in per_spike.values() if e < 0)}
