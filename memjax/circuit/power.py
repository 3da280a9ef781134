"""Where the energy goes: power of each element along a trace, energy in a window and per spike."""

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import StimulusError
from ..result import Trace
from ..stimulus import AbstractStimulus
from ..system import Environment
from .bench import BenchedDevice
from .circuit import Circuit
from .elements import AbstractSource, Capacitor


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
    powers = {}
    v = circuit.node_voltages(state, u)
    source_currents = circuit.source_currents(t, state, u, env, slope)
    node_slopes = circuit.node_slopes(t, state, u, env, slope)
    currents = circuit.element_currents(t, state, u, env)
    for name, e, net in zip(circuit.names, circuit.elements, circuit.topology.nodes):
        if isinstance(e, AbstractSource):
            # Its current flows out of the first terminal: negative where the source gives power.
            powers[name] = -(v[net[0]] - v[net[1]]) * source_currents[name]
        elif isinstance(e, Capacitor):
            voltage, rise = v[net[0]] - v[net[1]], node_slopes[net[0]] - node_slopes[net[1]]
            # Growth of the stored energy: d(C V^2 / 2)/dt = C V dV/dt.
            powers[name] = e.c * voltage * rise
        else:
            # Heat. The currents into an element add up to 0, so that the choice of ground drops out.
            powers[name] = sum(v[k] * i for k, i in zip(net, currents[name], strict=True))
    return powers


def bench_powers(
    system: BenchedDevice, t, state, u, env: Environment
) -> dict[str, Float[Array, ""]]:
    """Power that each element of a bench takes up at one instant [W]; arguments as for `BenchedDevice.outputs`."""
    out, bench = system.outputs(t, state, u, env), system.bench
    i, v, i_device = out["i"], out["v_device"], out["i_device"]
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

    Raises
    ------
    StimulusError
        If there are none.
    """
    if spikes < 1:
        raise StimulusError("no spike in the window", allowed="one spike or more")
    per_spike = {k: float(np.sum(e)) / spikes for k, e in energy.items()}
    return per_spike | {"total": -sum(e for e in per_spike.values() if e < 0)}
