"""Any elements between named nodes, as one system: one drift, one set of noise channels."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.fields import AbstractComposite, StateSpec, state
from ..core.html import card, html_table, or_text, parameters_html, states_html
from ..core.reprs import netlist_text, of_tree
from ..core.system import (
    AbstractNoiseStructure,
    AbstractSystem,
    Commutative,
    Diagonal,
    Environment,
    General,
    Jump,
    NoNoise,
    Partitioned,
    State,
)
from ..device import AbstractDevice, AbstractTwoTerminal
from ..errors import CircuitError
from ..runtime.arguments import NumberSpec
from ..runtime.flags import check_flags
from ..solver.linear import solve_small
from .alike import evaluate, evaluate_kinds
from .elements import AbstractElement, AbstractSource, Capacitor, CurrentSource, VoltageSource
from .netlist import Topology, branch_lines, kind_of, lines, topology

PARASITIC = 1e-15
"""Capacitance to ground of a node that has none of its own [F]."""

MANY = 16
"""Nodes from which on voltages and currents are arrays over the nodes: of fewer, scalars, a kernel makes whole vectors
of circuits."""

Volts = list[Any] | Float[Array, " nodes"]
"""A number for each node or free voltage [V], [V/s], [C] or [A]."""


OWN = "circuit"
"""Name of a circuit that `memjax.model` does not make."""


class Circuit(AbstractSystem, AbstractComposite):
    r"""Elements between named nodes.

    Parameters
    ----------
    netlist : sequence of tuple, or mapping
        Lines ``(name, element, node, ...)``: a device, an element of `memjax.circuit`, or a branch of
        them (``r + (device | c)``) and the nodes of its terminals. Ground is "0" or "gnd". A source
        without a value is driven by the stimulus; v and i of the circuit are those of the first.
    parasitic : float
        Capacitance to ground of each node that has none [F].
    volatile : bool, optional
        Whether it forgets between sweeps; by default if all its devices do.
    name : str
        By which `memjax.model` makes it; "circuit" for one of one's own.

    Raises
    ------
    CircuitError
        For a floating node, a name twice, no ground, a wrong number of nodes, voltage sources in a
        loop, or no driven source.

    Notes
    -----
    Kirchhoff's current law at each node that no source fixes, in the charges of the capacitors:

    .. math::

        \frac{d}{dt}\sum_j C_{kj}(V_k - V_j) = -\sum_e I_{e,k}(V, x)

    States are those of the devices, ``element.state``, and ``node.v``. What a solver sees in place of a
    node that a capacitor ties to a driven one is the charge over the capacitances, which stays
    smooth where the source jumps: no derivative of a source is taken. Capacitors start with their
    `v0`, devices at rest.

    Parameters are known as ``element.parameter`` to `memjax.params`, to fits and to parameter files.

    From 16 nodes on a simulation by `Stiff` without watched events, jumps and parameters that differ between members is
    that of few arrays, which compiles in seconds whatever their length; other simulations compile node by node.
    """

    elements: tuple[AbstractElement | AbstractDevice, ...]
    names: tuple[str, ...] = eqx.field(static=True)
    nets: tuple[tuple[str, ...], ...] = eqx.field(static=True)
    parasitic: float = eqx.field(static=True)
    volatile: bool = eqx.field(static=True)
    name: str = eqx.field(static=True)

    def __init__(
        self,
        netlist: Mapping | Sequence,
        *,
        parasitic: float = PARASITIC,
        volatile: bool | None = None,
        name: str = OWN,
    ):
        """Read the netlist."""
        check_flags({} if volatile is None else {"volatile": volatile}, where="Circuit")
        entries = lines(netlist)
        self.names = tuple(line[0] for line in entries)
        self.elements = tuple(line[1] for line in entries)
        self.nets = tuple(tuple(line[2:]) for line in entries)
        spec = NumberSpec("F", CircuitError, "Circuit", ">")
        spec.check_single("parasitic", parasitic)
        spec.check_known("parasitic", parasitic)
        self.parasitic = float(parasitic)
        volatility = [e.volatile for e in self.devices.values()]
        self.volatile = all(volatility) if volatile is None else volatile
        self.name = name
        self._check()

    def named(self, name: str) -> "Circuit":
        """The same circuit under another name."""
        netlist = [
            (n, e, *net) for n, e, net in zip(self.names, self.elements, self.nets, strict=True)
        ]
        return Circuit(netlist, parasitic=self.parasitic, volatile=self.volatile, name=name)

    def __repr__(self) -> str:
        return of_tree(self, self._text)

    def _text(self) -> str:
        """Its netlist, what drives it and its states."""
        drives = [f"{q} at {p}" for p, q in zip(self.ports, self.quantities, strict=True)]
        summary = f"driven: {', '.join(drives)}; states {', '.join(s.name for s in self.specs)}"
        elements = dict(zip(self.names, self.elements, strict=True))
        return netlist_text("Circuit", elements, self.nets, summary)

    def _repr_html_(self) -> str | None:
        def build() -> str:
            lines = zip(self.names, self.elements, self.nets, strict=True)
            rows = [[n, type(e).__name__, " - ".join(net)] for n, e, net in lines]
            netlist = html_table(rows, ["element", "kind", "nodes"])
            drives = [f"{q} at {p}" for p, q in zip(self.ports, self.quantities, strict=True)]
            parts = netlist, parameters_html(self), states_html(self.specs)
            return card("Circuit", f"driven: {', '.join(drives)}", *parts)

        return or_text(build)

    def _check(self) -> None:
        """Raise where the netlist makes no circuit."""
        _ = self.topology
        if not self.ports:
            raise CircuitError(
                "nothing is driven",
                where="netlist",
                fix="leave out the value of the source that the stimulus drives",
            )
        specs = [s.name for s in self.specs]
        twice = {n for n in specs if specs.count(n) > 1}
        if twice:
            raise CircuitError(
                f"states {', '.join(sorted(twice))} twice",
                where="netlist",
                fix="give node and element different names",
            )

    @property
    def topology(self) -> Topology:
        """Topology of the netlist."""
        return topology(self.names, tuple(map(kind_of, self.elements)), self.nets)

    @property
    def devices(self) -> dict[str, AbstractDevice]:
        """The devices by name."""
        pairs = zip(self.names, self.elements)
        return {n: e for n, e in pairs if isinstance(e, AbstractDevice)}

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of the sources that the stimulus drives, in order."""
        pairs = zip(self.names, self.elements)
        return tuple(n for n, e in pairs if isinstance(e, AbstractSource) and e.value is None)

    @property
    def quantities(self) -> tuple[str, ...]:
        """Quantity that each port's source imposes: "voltage" or "current"."""
        elements = dict(zip(self.names, self.elements))
        return tuple(elements[n].quantity for n in self.ports)  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def parts(self) -> dict[str, Any]:
        """See `AbstractComposite`: all but driven sources."""
        ports = set(self.ports)
        return {n: e for n, e in zip(self.names, self.elements) if n not in ports}

    @property
    def specs(self) -> tuple[StateSpec, ...]:
        device_specs = [
            replace(s, name=f"{n}.{s.name}") for n, e in self.devices.items() for s in e.states
        ]
        free = (-math.inf, math.inf)
        nodes = [
            state(f"{n}.v", unit="V", scale=1.0, bounds=free, doc=f"Voltage of {n}.", linear=True)
            for n in self.topology.free
        ]
        return (*device_specs, *nodes)

    @property
    def noise_structure(self) -> type[AbstractNoiseStructure]:
        """See `AbstractSystem`: what the noise of all devices has in common."""
        return common_structure([e.noise_structure for e in self.devices.values()])

    def initial(self, env: Environment) -> State:
        """See `AbstractSystem`: devices at rest, capacitors at their initial voltages."""
        rests = evaluate(lambda e: e.initial(env), self.devices, dict.fromkeys(self.names, ()))
        device_states = {f"{n}.{k}": x for n, at_rest in rests.items() for k, x in at_rest.items()}
        charge = self._charges(lambda e, a, b: e.c * e.v0)
        return device_states | self._by_state_name(self._over_capacitance(charge))

    def _by_state_name(self, free: Volts) -> State:
        """Values of the free nodes by the names of their states."""
        kind = jnp.result_type(*jax.tree.leaves(self.elements))
        return {
            f"{n}.v": jnp.asarray(x, kind) for n, x in zip(self.topology.free, free, strict=True)
        }

    @property
    def capacitors(self) -> list[tuple[Capacitor, int, int]]:
        """The capacitors and their nodes."""
        pairs = zip(self.elements, self.topology.nodes)
        return [(e, net[0], net[1]) for e, net in pairs if isinstance(e, Capacitor)]

    def _charges(self, charge_of: Callable) -> Volts:
        """Sum over the capacitors of each free node of a charge [C] ``charge_of(capacitor, a, b)`` of nodes a and b."""
        top = self.topology
        total: list = [0.0] * len(top.free)
        for e, a, b in self.capacitors:
            for k, sign in ((a, 1.0), (b, -1.0)):
                if top.group[k] >= 0:
                    total[top.group[k]] = total[top.group[k]] + sign * charge_of(e, a, b)
        return total

    def _over_capacitance(self, charge: Volts) -> Volts:
        """Free voltages [V] that have charges [C]: the capacitance matrix solved, node by node where it is diagonal."""
        top = self.topology
        n = len(top.free)
        matrix: list[list] = [[0.0] * n for _ in range(n)]
        heads = [top.names.index(name) for name in top.free]
        for k, head in enumerate(heads):
            matrix[k][k] = self.parasitic if head in top.stray else 0.0
        coupling = set()
        for e, *net in self.capacitors:
            a, b = (top.group[k] for k in net)
            # Sources fix the voltage between nodes of one group: such a capacitor holds no free charge.
            if a == b:
                continue
            for k in {a, b} - {-1}:
                matrix[k][k] = matrix[k][k] + e.c
            if -1 not in (a, b):
                coupling |= {a, b}
                matrix[a][b] = matrix[a][b] - e.c
                matrix[b][a] = matrix[b][a] - e.c
        diagonal = [matrix[k][k] for k in range(n)]
        if n and isinstance(charge, jax.Array):
            size = jnp.stack([jnp.asarray(c, charge.dtype) for c in diagonal])
            voltages = list(charge / size) if coupling else charge / size
        else:
            voltages = [q / c for q, c in zip(charge, diagonal, strict=True)]
        indices = sorted(coupling)
        if indices:
            rows = [[jnp.asarray(matrix[i][j]) for j in indices] for i in indices]
            # A capacitance matrix is diagonally dominant: elimination needs no pivots.
            for k, x in zip(indices, solve_small(rows, [charge[k] for k in indices])):
                voltages[k] = x
        return voltages

    def _sources(self, u) -> dict[int, Any]:
        """Value of each source by its number [V or A]."""
        drive = jnp.broadcast_to(u, (len(self.ports),)) if jnp.ndim(u) == 0 else u
        ports = {n: drive[k] for k, n in enumerate(self.ports)}
        return {
            k: ports[n] if e.value is None else e.value
            for k, (n, e) in enumerate(zip(self.names, self.elements))
            if isinstance(e, AbstractSource)
        }

    def node_voltages(self, state: State, u) -> Volts:
        """Voltage of each node [V], ground first."""
        top, offsets = self.topology, self._node_offsets(u)
        free = [state[f"{n}.v"] for n in top.free]
        if self._has_shift:
            free = [x - shift for x, shift in zip(free, self._shift(u))]
        # Makes every voltage, that of ground too, an array of the drive's type.
        zero = 0.0 * jnp.sum(jnp.asarray(u))
        if len(top.group) < MANY:
            return [zero + x + (free[g] if g >= 0 else 0.0) for g, x in zip(top.group, offsets)]
        followed = jnp.append(jnp.stack(free), 0.0)  # what sources fix follows the last one
        v = zero + followed[np.array(top.group)]
        driven = np.array([k for k, terms in enumerate(top.offset) if terms], int)
        return v.at[driven].add(jnp.stack([jnp.asarray(offsets[k], v.dtype) for k in driven]))

    def _node_offsets(self, u) -> Volts:
        """Voltage of each node above the free voltage that it follows, or above ground [V]."""
        source_values = self._sources(u)
        return [
            sum((s * source_values[e] for s, e in terms), 0.0) for terms in self.topology.offset
        ]

    def _shift(self, u) -> Volts:
        """Return by how much a solver's variable, charge over capacitance, exceeds each free voltage [V]."""
        if not self._has_shift:
            return [0.0 * jnp.asarray(self.parasitic) for _ in self.topology.free]
        offsets = self._node_offsets(u)
        # Charge over capacitance is the free voltage plus this shift, which takes the sources' jumps.
        return self._over_capacitance(
            self._charges(lambda e, a, b: e.c * (offsets[a] - offsets[b]))
        )

    @property
    def _has_shift(self) -> bool:
        """Whether a capacitor ties a free node to a voltage that sources make."""
        top = self.topology
        return any(
            any(top.offset[k] for k in net) and any(top.group[k] >= 0 for k in net)
            for _, *net in self.capacitors
        )

    def element_currents(self, t, state: State, u, env: Environment) -> dict[str, tuple]:
        """Current [A] into each terminal of each element, without displacement; 0 for voltage sources."""
        forced = self._forced_currents(u)
        results = evaluate(current_of(t, env), **self._inputs(state, u)) | forced
        return {n: results[n] for n in self.names}

    def _inputs(self, state: State, u) -> dict[str, Any]:
        """Elements but current sources, their states, nodes and voltages [V], see `evaluate_kinds`."""
        pairs = zip(self.names, self.elements)
        elements = {n: e for n, e in pairs if not isinstance(e, CurrentSource)}
        arguments = dict.fromkeys(elements, ()) | self._device_states(state)
        return {"elements": elements, "arguments": arguments} | self._terminals(state, u)

    def _terminals(self, state: State, u) -> dict[str, Any]:
        """Nodes of each element, and voltages of all [V]."""
        nets = dict(zip(self.names, self.topology.nodes))
        return {"nets": nets, "voltages": self.node_voltages(state, u)}

    def _forced_currents(self, u) -> dict[str, tuple]:
        """Current [A] into each terminal of current sources."""
        sources = {
            k: x for k, x in self._sources(u).items() if isinstance(self.elements[k], CurrentSource)
        }
        return {self.names[k]: (-x, x) for k, x in sources.items()}

    def _node_currents(self, currents: Mapping[str, tuple]) -> Volts:
        """Current [A] that leaves each node into elements."""
        total: list = [0.0] * len(self.topology.names)
        for i, net in zip(currents.values(), self.topology.nodes):
            for k, x in zip(net, i):
                total[k] = total[k] + x
        return total

    def _of_devices(self, function: Callable, state: State, u) -> dict[str, Any]:
        """``function(device, state, voltage)`` of each device by name, its own states and its voltage [V]."""

        def at_voltage(e, v, device_state):
            return function(e, device_state, v[0] - v[1])

        states, terminals = self._device_states(state), self._terminals(state, u)
        return evaluate(at_voltage, self.devices, states, **terminals)

    def _device_states(self, state: State) -> dict[str, tuple[State]]:
        """The states of each device, by the names that it knows, as arguments of `evaluate`."""
        return {
            n: ({s.name: state[f"{n}.{s.name}"] for s in e.states},)
            for n, e in self.devices.items()
        }

    def _charging(self, t, state: State, u, env: Environment) -> Any:
        """Current [A] that charges each free voltage."""
        top = self.topology
        if len(top.group) < MANY:
            node_currents = self._node_currents(self.element_currents(t, state, u, env))
            charge: list = [0.0] * len(top.free)
            for g, i in zip(top.group, node_currents):
                if g >= 0:
                    # Nodes that sources tie together are one supernode: their currents add up.
                    charge[g] = charge[g] - i
            return charge
        nodes, currents, nets = [], [], dict(zip(self.names, top.nodes))
        for names, results, mapped in evaluate_kinds(current_of(t, env), **self._inputs(state, u)):
            for terminal, i in enumerate(results):
                nodes += [nets[n][terminal] for n in names]
                currents.append(i if mapped else jnp.asarray(i)[None])
        for name, pair in self._forced_currents(u).items():
            nodes += nets[name]
            currents.append(jnp.stack(pair))
        group = np.array(top.group)[nodes]
        incidence = np.zeros((len(top.free), len(nodes)))
        incidence[group[group >= 0], np.flatnonzero(group >= 0)] = -1.0
        flows = jnp.concatenate(currents)
        return jnp.matmul(jnp.asarray(incidence, flows.dtype), flows, precision="highest")

    def drift(self, t, state, u, env):
        charge = self._charging(t, state, u, env)
        rates = self._of_devices(lambda e, *x: e.drift(t, *x, env), state, u)
        rates = {f"{n}.{k}": x for n, rate in rates.items() for k, x in rate.items()}
        return rates | self._by_state_name(self._over_capacitance(charge))

    def noise(self, t, state, u, env):
        noises = self._of_devices(lambda e, *x: e.noise(t, *x, env), state, u)
        return {
            f"{n}.{channel}": {f"{n}.{k}": x for k, x in amplitude.items()}
            for n, noise in noises.items()
            for channel, amplitude in noise.items()
        }

    def jumps(self, t, state, u, env):
        jumps = self._of_devices(lambda e, *x: e.jumps(t, *x, env), state, u)
        return {
            f"{n}.{name}": Jump(
                jump.intensity, jump.bound, {f"{n}.{k}": x for k, x in jump.after.items()}
            )
            for n, jumps_of_device in jumps.items()
            for name, jump in jumps_of_device.items()
        }

    def node_slopes(self, t, state: State, u, env: Environment, slope=None) -> Volts:
        """Rate of change of each node's voltage [V/s]; arguments as for `source_currents`."""
        return self.slopes_of(self.drift(t, state, u, env), state, u, slope)

    def slopes_of(self, rates: State, state: State, u, slope=None) -> Volts:
        """Rate of change of each node's voltage [V/s] where states have rates [1/s], and sources `slope`."""
        nodes = {f"{n}.v" for n in self.topology.free}
        node_rates = {k: rates[k] if k in nodes else jnp.zeros_like(x) for k, x in state.items()}
        u_slope = jnp.zeros_like(u) if slope is None else slope
        # Chain rule in time: nodes move by their rates, sources by the slope of the stimulus.
        return jax.jvp(self.node_voltages, (state, u), (node_rates, u_slope))[1]

    def _capacitor_charges(self, v: Volts) -> Volts:
        """Charge [C] that capacitors, parasitic ones too, hold at each node of these voltages; or its rates."""
        top = self.topology
        total = [self.parasitic * x if k in top.stray else 0.0 * x for k, x in enumerate(v)]
        for e, a, b in self.capacitors:
            total[a] = total[a] + e.c * (v[a] - v[b])
            total[b] = total[b] - e.c * (v[a] - v[b])
        return total

    def source_currents(self, t, state, u, env, slope=None) -> dict[str, Float[Array, ""]]:
        """Current [A] that each source drives out of its first terminal, displacement included.

        Parameters
        ----------
        t, state, u, env
            As for `drift`.
        slope : Float[Array, ""] or Float[Array, "ports"], optional
            Rate of change of the stimulus [V/s or A/s]; 0 by default.

        Returns
        -------
        dict of Float[Array, ""]
            Current of each source by name [A].
        """
        currents = self.element_currents(t, state, u, env)
        return self.balance_sources(currents, self.node_slopes(t, state, u, env, slope), u)

    def balance_sources(
        self, currents: Mapping[str, tuple], slopes: Volts, u
    ) -> dict[str, Float[Array, ""]]:
        """Current [A] that each source drives out of its first terminal: what the nodes behind it take.

        Parameters
        ----------
        currents : mapping of str to tuple
            Current into each terminal of each element [A], see `element_currents`.
        slopes : list of Float[Array, ""]
            Rate of change of each node's voltage [V/s].
        u
            Value of each driven source.
        """
        node_currents = self._node_currents(currents)
        # Charges are linear in the voltages: those of the slopes are the displacement currents.
        charge_rates = self._capacitor_charges(slopes)
        source_values, source_currents = self._sources(u), {}
        for k, (name, e) in enumerate(zip(self.names, self.elements)):
            if isinstance(e, VoltageSource):
                # Beyond the source lies its first terminal, or its second where that is the root's side.
                far_nodes = self.topology.fed_nodes[k] or ()
                sign = 1.0 if self.topology.nodes[k][0] in far_nodes else -1.0
                total = sum(node_currents[n] + charge_rates[n] for n in far_nodes)
                source_currents[name] = sign * total
            elif isinstance(e, CurrentSource):
                source_currents[name] = source_values[k]
        return source_currents

    def outputs(self, t, state, u, env, slope=None):
        """See `AbstractSystem`: voltage across the first driven source, and the current that it drives."""
        name = self.ports[0]
        v = self.node_voltages(state, u)
        p, n = self.topology.nodes[self.names.index(name)]
        i = self.source_currents(t, state, u, env, slope)[name]
        return {"v": v[p] - v[n], "i": i}

    def visible_state(self, state: State, u) -> State:
        """See `AbstractSystem`: nodes by their voltages."""
        nodes = zip(self.topology.free, self._shift(u))
        return state | {f"{n}.v": state[f"{n}.v"] - x for n, x in nodes}

    def internal_state(self, visible: State, u) -> State:
        """The states as a solver sees them, out of those that a trace shows."""
        nodes = zip(self.topology.free, self._shift(u))
        return visible | {f"{n}.v": visible[f"{n}.v"] + x for n, x in nodes}

    def project(self, state):
        inside = evaluate(lambda e, x: e.project(x), self.devices, self._device_states(state))
        return state | {f"{n}.{k}": x for n, states in inside.items() for k, x in states.items()}

    def confine(self, state, before, u):
        return self.project(state)


def current_of(t, env: Environment) -> Callable:
    """Function of an element, the voltages at its terminals [V] and a device's states: currents into them [A]."""

    def currents(element, v, *states):
        if not isinstance(element, AbstractDevice):
            return element.currents(v, env)
        i = element.current(t, states[0], v[0] - v[1], env)
        return i, -i

    return currents


def common_structure(
    structures: Sequence[type[AbstractNoiseStructure]],
) -> type[AbstractNoiseStructure]:
    """How noise amplitudes of several devices depend on the states of all of them.

    Notes
    -----
    Each amplitude depends on its device's states and on node voltages, which no channel acts on: channels
    of different devices commute, and what holds for each holds for all.
    """
    noisy = [s for s in structures if not issubclass(s, NoNoise)]
    if not noisy:
        return NoNoise
    for marker in (Partitioned, Diagonal, Commutative):
        if all(issubclass(s, marker) for s in noisy):
            return marker
    return General


def drive_branch(branch: AbstractTwoTerminal, quantity: str) -> Circuit:
    """A branch between a driven source and ground; elements by what they are called.

    Parameters
    ----------
    branch : AbstractTwoTerminal
        Such as ``r + (device | c)``.
    quantity : {"voltage", "current"}
        What the source imposes.
    """
    source = {"voltage": VoltageSource, "current": CurrentSource}
    if quantity not in source:
        raise CircuitError(f"driven by {quantity!r}", allowed=", ".join(source))
    lines = list(branch_lines("", branch, "in", "0"))
    return Circuit([("drive", source[quantity](), "in", "0"), *lines])
