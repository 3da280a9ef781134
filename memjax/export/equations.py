"""A device, or an element of a circuit, as equations between named numbers: traced from its own drift and current."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..circuit.elements import AbstractElement
from ..core.constants import ROOM_TEMPERATURE
from ..core.fields import describe, parameter_specs, setting_specs, stored
from ..core.system import Environment
from ..device import AbstractDevice
from ..runtime.flags import check_flags
from .expression import Graph, Node, evaluate, ordered
from .jaxpr import translate

FAST = "t_fast"
"""Parameter: time within which states return into their domain and implicit equations are solved [s]."""

INTERVAL = "t_noise"
"""Parameter: time for which a sample of noise stands [s], in languages that have no white noise."""

TEMPERATURE = "temperature"
"""Parameter: ambient temperature [K]."""

_SAMPLES = 24
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A number that the simulator integrates, of order one.

    Parameters
    ----------
    name : str
        Of the state, with its component where it is a vector.
    scale : float
        What 1 stands for [unit].
    unit, doc : str
        As the state declares them.
    start : Node
        At rest, over the scale.
    rate : Node
        Rate of change over the scale [1/s].
    """

    name: str
    scale: float
    unit: str
    doc: str
    start: Node
    rate: Node


@dataclass(frozen=True, kw_only=True)
class Equations:
    """Everything that a simulator has to know of a device or an element.

    Parameters
    ----------
    name : str
        Of the model.
    graph : Graph
        Where its nodes are.
    values : dict of str to float
        Parameters [SI], by name.
    units : dict of str to str
        Their units.
    unknowns : tuple of Unknown
        States, and unknowns of implicit equations.
    terminals : tuple of str
        Names of the terminals.
    currents : tuple of Node
        Current into each terminal but the last of a device [A].
    channels : tuple of str
        Names of the sources of white noise that the rates contain.
    notes : tuple of str
        What is assumed or left out.
    references : tuple of str
        Sources of the equations.
    """

    name: str
    graph: Graph
    values: dict[str, float]
    units: dict[str, str]
    unknowns: tuple[Unknown, ...]
    terminals: tuple[str, ...]
    currents: tuple[Node, ...]
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    @property
    def outputs(self) -> list[Node]:
        """All nodes that have to be computed."""
        rates = [x for u in self.unknowns for x in (u.rate, u.start)]
        return [*rates, *self.currents]

    @property
    def used(self) -> set[str]:
        """Names of the parameters that occur."""
        return {n.name for n in ordered(self.outputs) if n.op == "param"}


def device_equations(
    device: AbstractDevice, *, noise: bool = True, fast: float = 1e-6, interval: float | None = 1e-3,
    env: Environment | None = None,
) -> Equations:  # fmt: skip
    """Equations of a device.

    Parameters
    ----------
    device : AbstractDevice
        The device, any of its model.
    noise : bool
        Whether its noise is part of them.
    fast : float
        Value of `FAST` [s].
    interval : float or None
        Value of `INTERVAL` [s]; None where sources of noise are white, of unit intensity.
    env : Environment, optional
        Ambient temperature; 300 K by default.

    Raises
    ------
    ModelError
        If an operation of the model has no counterpart.
    """
    check_flags({"noise": noise}, where="device_equations")
    traced = _Traced(device)
    channels = traced.channels() if noise else {}
    rates, start = traced.rates(tuple(channels), held=interval is not None), traced.start()
    unknowns = traced.unknowns(rates, start) + traced.implicit(env or Environment())
    values = traced.values | {TEMPERATURE: (env or Environment()).temperature, FAST: fast}
    units = traced.units | {TEMPERATURE: "K", FAST: "s"}
    if channels and interval is not None:
        values, units = values | {INTERVAL: interval}, units | {INTERVAL: "s"}
    equations = Equations(
        name=device.name, graph=traced.graph, values=values, units=units, unknowns=tuple(unknowns),
        terminals=("p", "n"), currents=(traced.current(),), channels=tuple(channels.values()),
        notes=(*traced.notes(noise),), references=device.references,
    )  # fmt: skip
    return _with_used_values(equations, (FAST, INTERVAL))


def element_equations(element: AbstractElement) -> Equations:
    """Equations of an element without states: its currents at the voltages of its terminals, from the last one."""
    graph = Graph()
    leaves = {n: graph.leaf("param", n) for n in parameter_specs(element)}
    dynamic, static = eqx.partition(element, eqx.is_array)
    names = [str(path[-1].name) for path, _ in jax.tree_util.tree_leaves_with_path(dynamic)]
    volts = [graph.leaf("voltage", t) for t in element.terminals[:-1]] + [graph.const(0.0)]

    def currents(inputs: Any) -> Any:
        arrays, v, kelvin = inputs
        return eqx.combine(arrays, static).currents(tuple(v), Environment(kelvin))

    one = jnp.asarray(1.0)
    example = (dynamic, [one] * len(element.terminals), one)
    nodes = (
        [_scalar(leaves[n]) for n in names], [_scalar(x) for x in volts], _scalar(graph.leaf("param", TEMPERATURE)),
    )  # fmt: skip
    outputs = translate(graph, currents, example, nodes)
    equations = Equations(
        name=element.name, graph=graph,
        values={n: float(stored(element, n)) for n in names} | {TEMPERATURE: ROOM_TEMPERATURE},
        units={n: s.unit for n, s in parameter_specs(element).items()} | {TEMPERATURE: "K"},
        unknowns=(), terminals=element.terminals, currents=tuple(x.item() for x in outputs[:-1]),
    )  # fmt: skip
    return _with_used_values(equations)


def _with_used_values(equations: Equations, always: tuple[str, ...] = ()) -> Equations:
    """The equations without values that they do not use, but for those named."""
    used = {*equations.used, *always}
    return replace(equations, values={n: x for n, x in equations.values.items() if n in used})


class _Traced:
    """A device whose functions are carried out on nodes."""

    def __init__(self, device: AbstractDevice):
        """Make a node of each parameter, state and of the voltage."""
        self.device, self.graph = device, Graph()
        self.dynamic, self.static = eqx.partition(device, eqx.is_array)
        paths = jax.tree_util.tree_leaves_with_path(self.dynamic)
        self.names = [str(path[-1].name) for path, _ in paths]
        self.values = {n: float(x) for n, (_, x) in zip(self.names, paths, strict=True)}
        self.units = {n: s.unit for n, s in parameter_specs(device).items()}
        self.specs = device.states
        self.plain = {s.name: self._state(s) for s in self.specs}
        self.v = self.graph.leaf("voltage", "p")
        self.kelvin = self.graph.leaf("param", TEMPERATURE)
        resting_state = device.initial(Environment())
        one = jnp.asarray(1.0)
        self.example = (self.dynamic, resting_state, one, one, one)
        self.inside = self._call(lambda d, s, t, v, env: d.project(s), self.plain)

    def _state(self, spec: Any) -> np.ndarray:
        """Components of a state [SI] as nodes."""
        names = [spec.name] if spec.size == 1 else [f"{spec.name}{k}" for k in range(spec.size)]
        scale = self.graph.const(spec.scale)
        nodes = [self.graph("mul", scale, self.graph.leaf("state", n)) for n in names]
        return _scalar(nodes[0]) if spec.size == 1 else _vector(nodes)

    def _call(self, function: Callable, state: dict[str, np.ndarray]) -> Any:
        """A function of device, state, time, voltage and environment, carried out at a state."""

        def of(inputs: Any) -> Any:
            arrays, s, t, v, kelvin = inputs
            return function(eqx.combine(arrays, self.static), s, t, v, Environment(kelvin))

        leaves = [_scalar(self._parameter(n)) for n in self.names]
        time = _scalar(self.graph.leaf("time"))
        nodes = (leaves, state, time, _scalar(self.v), _scalar(self.kelvin))
        return translate(self.graph, of, self.example, nodes)

    def _parameter(self, name: str) -> Node:
        """A parameter by its name; noise that is 0 stays 0, which makes equations short."""
        silent = parameter_specs(self.device)[name].noise and self.values[name] == 0
        return self.graph.const(0.0) if silent else self.graph.leaf("param", name)

    def current(self) -> Node:
        """Current [A] at a state of the domain."""
        return self._call(lambda d, s, t, v, env: d.current(t, s, v, env), self.inside).item()

    def start(self) -> dict[str, np.ndarray]:
        """State at rest [SI]."""
        return self._call(lambda d, s, t, v, env: d.initial(env), self.plain)

    def channels(self) -> dict[str, str]:
        """Channels whose amplitude is not 0 at these parameters, and what their sources are called."""
        amplitudes = self._call(lambda d, s, t, v, env: d.noise(t, s, v, env), self.inside)
        samples = self._samples()

        def acts(amplitude: dict[str, np.ndarray]) -> bool:
            nodes = [n for a in amplitude.values() for n in a.reshape(-1)]
            rows = (evaluate(self.graph, nodes, x) for x in samples)
            return any(row[n] != 0 for row in rows for n in nodes)

        return {c: f"w_{c}" for c, a in amplitudes.items() if acts(a)}

    def _samples(self) -> list[dict[tuple[str, str], float]]:
        """Numbers of all leaves, at states within their bounds and voltages within a volt."""
        rng = np.random.default_rng(_SEED)
        fixed = {("param", n): x for n, x in self.values.items()}
        fixed |= {("param", TEMPERATURE): ROOM_TEMPERATURE, ("time", ""): 0.0}
        rows = []
        for v in np.linspace(-1.0, 1.0, _SAMPLES):
            row = dict(fixed) | {("voltage", "p"): float(v)}
            for s in self.specs:
                low, high = (x / s.scale for x in s.bounds)
                low = low if math.isfinite(low) else min(-2.0, high - 2.0)
                high = high if math.isfinite(high) else max(2.0, low + 2.0)
                for k in range(s.size):
                    name = s.name if s.size == 1 else f"{s.name}{k}"
                    row["state", name] = float(rng.uniform(low, high))
            rows.append(row)
        return rows

    def rates(self, channels: Sequence[str], *, held: bool) -> dict[str, np.ndarray]:
        """Drift, noise and its correction at a state of the domain [SI/s]; samples of variance 1 that are held for an
        interval are noise of unit intensity over the root of that.
        """
        g = self.graph
        rates = self._call(lambda d, s, t, v, env: d.drift(t, s, v, env), self.inside)
        if not channels:
            return rates
        amplitudes, corrections = self._call(_noise_and_correction(tuple(channels)), self.inside)
        for channel in channels:
            wave = g.leaf("noise", f"w_{channel}")
            if held:
                wave = g("div", wave, g("sqrt", g.leaf("param", INTERVAL)))
            for name, size in amplitudes[channel].items():
                for at, node in np.ndenumerate(size):
                    rates[name][at] = g("add", rates[name][at], g("mul", node, wave))
        for name, size in corrections.items():
            for at, node in np.ndenumerate(size):
                rates[name][at] = g("sub", rates[name][at], g("mul", g.const(0.5), node))
        return rates

    def unknowns(self, rates: dict[str, Any], start: dict[str, Any]) -> list[Unknown]:
        """The states, each component for itself, drawn back into the domain from outside."""
        g, unknowns = self.graph, []
        fast = g.leaf("param", FAST)
        for s in self.specs:
            per = lambda x, s=s: g("div", cast(Node, x), g.const(s.scale))  # noqa: E731
            for at, rate in np.ndenumerate(rates[s.name]):
                name = s.name if s.size == 1 else f"{s.name}{at[0]}"
                inside, plain = self.inside[s.name][at], self.plain[s.name][at]
                total = per(rate)
                if inside is not plain:
                    restoring = per(g("sub", cast(Node, inside), cast(Node, plain)))
                    total = g("add", total, g("div", restoring, fast))
                begin = per(start[s.name][at])
                unknowns.append(
                    Unknown(name=name, scale=s.scale, unit=s.unit, doc=s.doc, start=begin, rate=total)
                )  # fmt: skip
        return unknowns

    def implicit(self, env: Environment) -> list[Unknown]:
        """Unknowns of implicit equations: each follows its equation within the shortest time."""
        self.current()
        g, fast = self.graph, self.graph.leaf("param", FAST)
        row = {("param", n): x for n, x in self.values.items()} | {("time", ""): 0.0}
        row |= {("param", TEMPERATURE): env.temperature, ("voltage", "p"): 0.0}
        start = self.start()
        for s in self.specs:
            numbers = evaluate(g, list(start[s.name].reshape(-1)), row)
            for k, node in enumerate(start[s.name].reshape(-1)):
                name = s.name if s.size == 1 else f"{s.name}{k}"
                row["state", name] = numbers[node] / s.scale
        unknowns = []
        for root, residual in g.residuals.items():
            begin = evaluate(g, [root], row)[root]
            # Made beside the graph, in which the residual is 0; beyond the bracket it is drawn back.
            restoring = g("sub", root, g.leaf("state", root.name))
            rate = Node("div", (Node("sub", (restoring, residual)), fast))
            doc = "Solves an implicit equation."
            unknowns.append(
                Unknown(name=root.name, scale=1.0, unit="1", doc=doc, start=g.const(begin), rate=rate)
            )  # fmt: skip
        return unknowns

    def notes(self, noise: bool) -> list[str]:
        """Parts of the device that the equations leave out."""
        one = jnp.asarray(0.5)
        jumps = self.device.jumps(one, self.device.initial(Environment()), one, Environment())
        notes = []
        if jumps:
            notes.append(
                f"left out: the jumps {', '.join(jumps)}, random events that a circuit simulator does not have; "
                "the drift stands as it is"
            )
        words = {n: stored(self.device, n) for n in setting_specs(self.device)}
        notes += [
            f"setting {n} = {x}, part of the equations: export again to change it"
            for n, x in words.items()
        ]
        rows = describe(self.device)
        silent = [r["name"] for r in rows if r["noise"] and r["value"] == 0]
        notes += [f"{n} = 0, part of the equations: export again to change it" for n in silent]
        notes += [
            f"{r['name']} follows {r['follows']}"
            for r in rows
            if r["value"] is None and r["follows"]
        ]
        return notes


def _noise_and_correction(channels: tuple[str, ...]) -> Callable:
    """Amplitudes of some channels, and the sum over them of their derivative along themselves.

    Notes
    -----
    A simulator integrates noise as an ordinary function of time, whose limit is Stratonovich's; half of this sum
    less in the drift makes it Ito's.
    """

    def of(device: Any, state: Any, t: Any, v: Any, env: Environment) -> Any:
        total = {n: jnp.zeros_like(x) for n, x in state.items()}
        every = device.noise(t, state, v, env)
        for channel in channels:
            size = lambda s, c=channel: device.noise(t, s, v, env)[c]  # noqa: E731
            along = {n: every[channel].get(n, jnp.zeros_like(x)) for n, x in state.items()}
            _, slope = jax.jvp(size, (state,), (along,))
            total = {n: x + slope.get(n, 0.0) for n, x in total.items()}
        return {c: every[c] for c in channels}, total

    return of


def _scalar(node: Node) -> np.ndarray:
    """A node as an array without axes."""
    array = np.empty((), object)
    array[()] = node
    return array


def _vector(nodes: Sequence[Node]) -> np.ndarray:
    """Nodes as a vector."""
    array = np.empty(len(nodes), object)
    array[:] = nodes
    return array
