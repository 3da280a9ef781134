"""A circuit of many nodes as few arrays: elements of one kind side by side, in programs that do not grow with them."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.fields import StateSpec
from ..core.scaling import Scaled
from ..core.system import AbstractSystem, Environment, State
from ..device import AbstractDevice
from .alike import kind
from .circuit import MANY, Circuit, common_structure, current_of
from .elements import AbstractSource, Capacitor, CurrentSource
from .netlist import Topology

NODES = "nodes"
"""Name of the state that holds all free voltages."""


class Stack(eqx.Module):
    """Elements of one kind.

    Parameters
    ----------
    elements : PyTree
        One of them, whose numbers have an axis over all of them.
    names : tuple of str
        What they are called.
    nodes : tuple of tuple of int
        Nodes of each.
    """

    elements: Any
    names: tuple[str, ...] = eqx.field(static=True)
    nodes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    @property
    def states(self) -> tuple[StateSpec, ...]:
        """States of each of them."""
        is_device = isinstance(self.elements, AbstractDevice)
        return tuple(self.elements.states) if is_device else ()

    def name_of(self, state: StateSpec) -> str:
        """What all their states of a name are called together."""
        return f"{self.names[0]}.{state.name}"

    def states_by_name(self, state: State) -> State:
        """Their states by the names that they know, with an axis over the elements."""
        shapes = {
            s.name: (len(self.names), *(() if s.size == 1 else (s.size,))) for s in self.states
        }
        return {s.name: state[self.name_of(s)].reshape(shapes[s.name]) for s in self.states}

    def channels(self, env: Environment) -> tuple[str, ...]:
        """Names of the noise channels of each of them."""
        if not self.states:
            return ()
        device = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, self.elements)
        zero = jnp.zeros((), jnp.result_type(float))
        return tuple(device.noise(zero, device.initial(env), zero, env))

    def joined(self, states: State) -> State:
        """States as the circuit has them: the inverse of `states_by_name`."""
        return {self.name_of(s): _flat(states[s.name]) for s in self.states}


class StackedCircuit(AbstractSystem):
    """A `Circuit` but for its jumps: its states are those of its devices, kind by kind, and all free voltages.

    Parameters
    ----------
    stacks : tuple of Stack
        All elements but sources and capacitors.
    capacitors : Stack or None
        The capacitors.
    values : tuple
        Values of all sources [V or A], None for those that the stimulus drives.
    sources : tuple of int
        Numbers of the sources in the netlist.
    forced : tuple of bool
        Which of them are sources of current.
    names : tuple of str
        Names of all elements, in the order of the netlist.
    parasitic : float
        See `Circuit`.
    topology : Topology
        What is connected to what.
    """

    stacks: tuple[Stack, ...]
    capacitors: Stack | None
    values: tuple[Any, ...]
    sources: tuple[int, ...] = eqx.field(static=True)
    forced: tuple[bool, ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    parasitic: float = eqx.field(static=True)
    topology: Topology = eqx.field(static=True)

    @property
    def specs(self) -> tuple[StateSpec, ...]:
        specs = [
            replace(s, name=stack.name_of(s), size=s.size * len(stack.names), linear=False)
            for stack in self.stacks
            for s in stack.states
        ]
        size, bounds = len(self.topology.free), (-np.inf, np.inf)
        return (*specs, StateSpec(name=NODES, unit="V", scale=1.0, bounds=bounds, size=size))

    @property
    def noise_structure(self):
        """See `AbstractSystem` and `Circuit.noise_structure`."""
        return common_structure([s.elements.noise_structure for s in self.stacks if s.states])

    def noise(self, t, state, u, env):
        """See `AbstractSystem`: channels in the order of the circuit's, so that a seed gives both the same noise."""
        amplitudes, names = self.amplitudes(t, state, u, env), self._channels(env)
        return {
            n: {k: x[..., j] for k, x in amplitudes.items()}
            for j, n in enumerate(itertools.chain.from_iterable(names.values()))
        }

    def _channels(self, env: Environment) -> dict[str, tuple[str, ...]]:
        """Names of the channels of each device, in the order of the circuit."""
        names = {}
        for stack in self.stacks:
            of_each = stack.channels(env)
            names |= {n: tuple(f"{n}.{c}" for c in of_each) for n in stack.names}
        return {n: names[n] for n in self.names if n in names}

    def amplitudes(self, t, state, u, env):
        """See `AbstractSystem`: each device's channels act on its states alone."""
        v = self._node_voltages(state, u)
        names = list(itertools.chain.from_iterable(self._channels(env).values()))
        column = {n: k for k, n in enumerate(names)}
        total = {k: jnp.zeros((*jnp.shape(x), len(names)), x.dtype) for k, x in state.items()}
        for stack in self.stacks:
            if not stack.states:
                continue
            states = stack.states_by_name(state)
            channels = eqx.filter_vmap(lambda e, x, across: e.noise(t, x, across, env))(
                stack.elements, states, _across(v, stack)
            )
            for channel, amplitude in channels.items():
                places = np.array([column[f"{n}.{channel}"] for n in stack.names])
                for k, x in amplitude.items():
                    flat, name = _flat(x), f"{stack.names[0]}.{k}"
                    at = np.arange(len(flat)), np.repeat(places, len(flat) // len(places))
                    total[name] = total[name].reshape(len(flat), -1).at[at].set(flat)
        return {k: jnp.reshape(x, (*jnp.shape(state[k]), len(names))) for k, x in total.items()}

    def initial(self, env: Environment) -> State:
        states: State = {}
        for stack in self.stacks:
            if stack.states:
                states |= stack.joined(eqx.filter_vmap(lambda e: e.initial(env))(stack.elements))
        zero = jnp.zeros(len(self.topology.free), jnp.result_type(*jax.tree.leaves(self)))
        return states | {NODES: zero + self._voltages_of(lambda c: c.v0)}

    def drift(self, t, state, u, env):
        v, rates = self._node_voltages(state, u), {}
        for stack in self.stacks:
            if stack.states:
                across = _across(v, stack)

                def rate(e, x, across):
                    return e.drift(t, x, across, env)

                states = stack.states_by_name(state)
                rates |= stack.joined(eqx.filter_vmap(rate)(stack.elements, states, across))
        charging = -self._gathered(self._flows(t, state, v, u, env), self._heads)
        return rates | {NODES: self._over_capacitance(charging)}

    def project(self, state):
        inside = dict(state)
        for stack in self.stacks:
            if stack.states:
                nearest = eqx.filter_vmap(lambda e, x: e.project(x))
                inside |= stack.joined(nearest(stack.elements, stack.states_by_name(state)))
        return inside

    def confine(self, state, before, u):
        return self.project(state)

    def outputs(self, t, state, u, env, slope=None):
        """See `AbstractSystem` and `Circuit.outputs`."""
        port = next(k for k, x in enumerate(self.values) if x is None)
        number = self.sources[port]
        v = self._node_voltages(state, u)
        p, n = self.topology.nodes[number]
        if self.forced[port]:
            return {"v": v[p] - v[n], "i": self._source_values(u)[port]}
        rates = self.drift(t, state, u, env)
        u_slope = jnp.zeros_like(u) if slope is None else slope
        nodes = {NODES: state[NODES]}, {NODES: rates[NODES]}
        slopes = jax.jvp(self._node_voltages, (nodes[0], u), (nodes[1], u_slope))[1]
        fed = self.topology.fed_nodes[number] or ()
        is_fed = np.isin(np.arange(len(self.topology.names)), fed)
        places = np.where(is_fed, 0, -1)
        total = self._gathered(self._flows(t, state, v, u, env), (places, 1))[0]
        stray = np.intersect1d(self.topology.stray, fed).astype(int)
        total += self.parasitic * jnp.sum(slopes[stray])
        if self.capacitors is not None:
            a, b = np.array(self.capacitors.nodes).T
            signs = jnp.asarray(is_fed[a].astype(float) - is_fed[b], slopes.dtype)
            total += jnp.sum(signs * self.capacitors.elements.c * (slopes[a] - slopes[b]))
        return {"v": v[p] - v[n], "i": total if p in fed else -total}

    def visible_state(self, state: State, u) -> State:
        """See `AbstractSystem`: nodes by their voltages."""
        return state | {NODES: state[NODES] - self._shift(u)}

    @property
    def _heads(self) -> tuple[np.ndarray, int]:
        """Free voltage that each node follows, -1 for none, and how many there are."""
        return np.array(self.topology.group), len(self.topology.free)

    def _source_values(self, u) -> list:
        """Value of each source [V or A]."""
        ports = sum(x is None for x in self.values)
        drives = iter(jnp.broadcast_to(u, (ports,)) if jnp.ndim(u) == 0 else u)
        return [next(drives) if x is None else x for x in self.values]

    def _offsets(self, u) -> Float[Array, " nodes"]:
        """Voltage of each node above the free voltage that it follows, or above ground [V]."""
        top = self.topology
        signs = np.zeros((len(top.names), len(self.sources)))
        for k, terms in enumerate(top.offset):
            for sign, number in terms:
                signs[k, self.sources.index(number)] += sign
        values = jnp.stack([jnp.asarray(x, jnp.result_type(u)) for x in self._source_values(u)])
        # Sums of few numbers, exact to rounding: no product of a whole matrix.
        driven = np.flatnonzero(signs.any(axis=1))
        sums = jnp.sum(jnp.asarray(signs[driven], values.dtype) * values[None], axis=1)
        return jnp.zeros(len(top.names), values.dtype).at[driven].set(sums)

    def _node_voltages(self, state: State, u) -> Float[Array, " nodes"]:
        """Voltage of each node [V], ground first."""
        free = state[NODES] - self._shift(u)
        followed = jnp.append(
            free, jnp.zeros(1, free.dtype)
        )  # what sources fix follows the last one
        return followed[np.array(self.topology.group)] + self._offsets(u)

    def _shift(self, u) -> Float[Array, "..."]:
        """Return by how much a solver's variable, charge over capacitance, exceeds each free voltage [V]."""
        top = self.topology
        nets = () if self.capacitors is None else self.capacitors.nodes
        if not any(
            any(top.offset[k] for k in net) and any(top.group[k] >= 0 for k in net) for net in nets
        ):
            return jnp.zeros(len(top.free), jnp.result_type(u))
        offsets, (a, b) = self._offsets(u), np.array(nets).T
        return self._voltages_of(lambda _: offsets[a] - offsets[b])

    def _flows(self, t, state: State, v, u, env: Environment) -> list[tuple[np.ndarray, Array]]:
        """Currents [A] into terminals, and the nodes of these."""
        flows, current = [], current_of(t, env)
        for stack in self.stacks:
            nodes = np.array(stack.nodes)
            at = tuple(v[nodes[:, k]] for k in range(nodes.shape[1]))
            states = (stack.states_by_name(state),) if stack.states else ()
            currents = eqx.filter_vmap(current)(stack.elements, at, *states)
            flows += [(nodes[:, k], jnp.asarray(i)) for k, i in enumerate(currents)]
        values = self._source_values(u)
        for number, forced, x in zip(self.sources, self.forced, values, strict=True):
            if forced:
                ends = jnp.asarray(x, v.dtype) * jnp.asarray([-1.0, 1.0], v.dtype)
                flows.append((np.array(self.topology.nodes[number]), ends))
        return flows

    def _gathered(self, flows, places: tuple[np.ndarray, int]) -> Float[Array, " places"]:
        """Sums of currents by the place of their nodes; those of nodes without one are left out."""
        place, count = places
        at = place[np.concatenate([nodes for nodes, _ in flows])]
        incidence = np.zeros((count, len(at)))
        incidence[at[at >= 0], np.flatnonzero(at >= 0)] = 1.0
        currents = jnp.concatenate([i for _, i in flows])
        return jnp.matmul(jnp.asarray(incidence, currents.dtype), currents, precision="highest")

    def _capacitance(self) -> tuple[Float[Array, "free capacitors"], Float[Array, "free free"]]:
        """Capacitances by the free voltages at their ends, with signs, and the matrix of the free voltages [F]."""
        top = self.topology
        heads = [top.names.index(n) for n in top.free]
        stray = self.parasitic * np.isin(heads, top.stray)
        if self.capacitors is None:
            return jnp.zeros((len(heads), 0)), jnp.diag(jnp.asarray(stray))
        signs = np.zeros((len(heads), len(self.capacitors.names)))
        for k, net in enumerate(self.capacitors.nodes):
            for node, sign in zip(net, (1.0, -1.0), strict=True):
                # Sources fix the voltage between nodes of one group: such a capacitor holds no free charge.
                if top.group[node] >= 0:
                    signs[top.group[node], k] += sign
        c = self.capacitors.elements.c
        signed = jnp.asarray(signs, c.dtype)
        weights = signed * c[None]
        return weights, weights @ signed.T + jnp.diag(jnp.asarray(stray, c.dtype))

    def _voltages_of(self, volts: Callable) -> Float[Array, "..."]:
        """Free voltages whose charge is that of capacitors at so many volts each."""
        if self.capacitors is None:
            return jnp.zeros(len(self.topology.free))
        weights, _ = self._capacitance()
        return self._over_capacitance(weights @ volts(self.capacitors.elements))

    def _over_capacitance(self, charge: Float[Array, " free"]) -> Float[Array, " free"]:
        """Free voltages [V] that have charges [C], node by node where the matrix of the capacitances is diagonal."""
        _, matrix = self._capacitance()
        matrix = matrix.astype(charge.dtype)
        groups = [
            {self.topology.group[k] for k in net} - {-1}
            for net in (() if self.capacitors is None else self.capacitors.nodes)
        ]
        coupled = np.array(sorted(set().union(*(g for g in groups if len(g) == 2))), int)
        voltages = charge / jnp.diagonal(matrix)
        if not len(coupled):
            return voltages
        # A capacitance matrix is diagonally dominant.
        block = jax.scipy.linalg.lu_factor(matrix[np.ix_(coupled, coupled)])
        return voltages.at[coupled].set(jax.scipy.linalg.lu_solve(block, charge[coupled]))


def stack_circuit(scaled: Scaled) -> tuple[Scaled, np.ndarray] | None:
    """A circuit of many nodes as a `StackedCircuit`.

    Parameters
    ----------
    scaled : Scaled
        Any system.

    Returns
    -------
    tuple of Scaled and Int[np.ndarray, "n"], or None
        The stacked circuit, and where each component of the circuit's vector stands in its own; None for other systems
        and circuits of few nodes.
    """
    circuit = scaled.system
    if not isinstance(circuit, Circuit) or len(circuit.topology.group) < MANY:
        return None
    system = _stacked(circuit)
    starts, k = {}, 0
    for stack in system.stacks:
        for s in stack.states:
            starts |= {f"{n}.{s.name}": k + j * s.size for j, n in enumerate(stack.names)}
            k += s.size * len(stack.names)
    starts |= {f"{n}.v": k + j for j, n in enumerate(circuit.topology.free)}
    places = [np.arange(starts[s.name], starts[s.name] + s.size) for s in circuit.specs]
    return Scaled(system, scaled.env), np.concatenate(places)


def _stacked(circuit: Circuit) -> StackedCircuit:
    """The stacked circuit of a circuit."""
    kinds: dict[Any, list[int]] = {}
    for k, element in enumerate(circuit.elements):
        if not isinstance(element, AbstractSource):
            key = NODES if isinstance(element, Capacitor) else kind(element)
            kinds.setdefault(key, []).append(k)
    capacitors = kinds.pop(NODES, [])
    sources = {k: e for k, e in enumerate(circuit.elements) if isinstance(e, AbstractSource)}
    return StackedCircuit(
        tuple(_stack(circuit, numbers) for numbers in kinds.values()),
        _stack(circuit, capacitors) if capacitors else None,
        tuple(e.value for e in sources.values()),
        tuple(sources),
        tuple(isinstance(e, CurrentSource) for e in sources.values()),
        circuit.names,
        circuit.parasitic,
        circuit.topology,
    )


def _stack(circuit: Circuit, numbers: list[int]) -> Stack:
    """Elements of one kind."""
    parts = [eqx.partition(circuit.elements[k], eqx.is_array) for k in numbers]
    arrays = jax.tree.map(_side_by_side, *(p[0] for p in parts))
    names = tuple(circuit.names[k] for k in numbers)
    nodes = tuple(circuit.topology.nodes[k] for k in numbers)
    return Stack(eqx.combine(arrays, parts[0][1]), names, nodes)


def _side_by_side(*numbers: Any) -> Array:
    """Numbers as one array; known ones by numpy, since each would be an operation of its own."""
    if any(isinstance(x, jax.core.Tracer) for x in numbers):
        return jnp.stack(numbers)
    return jnp.asarray(np.stack([np.asarray(x) for x in numbers]))


def _flat(x: Array) -> Array:
    """States of all elements as one axis."""
    return jnp.asarray(x).reshape(-1)


def _across(v: Float[Array, " nodes"], stack: Stack) -> Float[Array, " elements"]:
    """Voltage between the two terminals of each element [V]."""
    nodes = np.array(stack.nodes)
    return v[nodes[:, 0]] - v[nodes[:, 1]]
