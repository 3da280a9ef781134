"""A circuit, or a device by itself, as parts between named nodes, each with its equations."""

from dataclasses import dataclass
from typing import Any

from ..circuit import Circuit
from ..circuit.elements import Capacitor, CurrentSource, Resistor, VoltageSource
from ..core.system import Environment
from ..device import AbstractDevice
from .equations import Equations, device_equations, element_equations

_PLAIN = (Resistor, Capacitor, VoltageSource, CurrentSource)


@dataclass(frozen=True, kw_only=True)
class Part:
    """An element between nodes.

    Parameters
    ----------
    name : str
        Its name; "" where it is all there is.
    element : AbstractDevice or AbstractElement
        What it is.
    nodes : tuple of str
        Of its terminals, ground as "0".
    equations : Equations or None
        None for resistors, capacitors and sources, which every simulator has.
    """

    name: str
    element: Any
    nodes: tuple[str, ...]
    equations: Equations | None

    def parameter(self, name: str) -> str:
        """Return the name of one of its parameters in the whole."""
        return f"{self.name}.{name}" if self.name else name


@dataclass(frozen=True, kw_only=True)
class Port:
    """Port at which a source drives the model.

    Parameters
    ----------
    name : str
        Of the source.
    quantity : str
        "voltage" or "current".
    nodes : tuple of str
        Its two nodes, ground as "0".
    """

    name: str
    quantity: str
    nodes: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """Model that is exported, with its parts.

    Parameters
    ----------
    name : str
        Of the model.
    parts : tuple of Part
        All but driven sources.
    ports : tuple of Port
        Driven sources.
    stray : dict of str to float
        Capacitance to ground of nodes that have none else [F].
    """

    name: str
    parts: tuple[Part, ...]
    ports: tuple[Port, ...]
    stray: dict[str, float]

    @property
    def terminals(self) -> tuple[str, ...]:
        """Nodes at which it is driven, each once, without ground."""
        return tuple(dict.fromkeys(n for p in self.ports for n in p.nodes if n != "0"))

    @property
    def notes(self) -> list[str]:
        """Assumptions and omissions, by part."""
        named = [(p.name, p.equations) for p in self.parts if p.equations is not None]
        return [f"{n}: {x}" if n else x for n, e in named for x in e.notes]

    @property
    def noisy(self) -> bool:
        """Whether any part has noise."""
        return any(p.equations is not None and p.equations.channels for p in self.parts)

    @property
    def values(self) -> dict[str, float]:
        """Values of all parameters that stand in the file [SI], by name."""
        return {p.parameter(n): x for p in self.parts for n, x in part_values(p).items()}

    @property
    def units(self) -> dict[str, str]:
        """Their units."""
        units = {"r": "ohm", "c": "F", "v0": "V", "value": "V or A"}
        return {
            p.parameter(n): units[n] if p.equations is None else p.equations.units[n]
            for p in self.parts
            for n in part_values(p)
        }


def part_values(part: Part) -> dict[str, float]:
    """Parameters of a part [SI]."""
    if part.equations is not None:
        return part.equations.values
    names = {Resistor: ("r",), Capacitor: ("c", "v0")}.get(type(part.element), ("value",))
    return {n: float(getattr(part.element, n)) for n in names}


def assemble(
    model: AbstractDevice | Circuit, *, name: str, noise: bool, fast: float, interval: float | None, env: Environment
) -> Assembly:  # fmt: skip
    """Parts of a model.

    Parameters
    ----------
    model : AbstractDevice or Circuit
        What is exported.
    name : str
        Its name.
    noise, fast, interval, env
        As for `device_equations`.
    """
    options: dict[str, Any] = dict(noise=noise, fast=fast, interval=interval, env=env)
    ports = ports_of(model)
    if isinstance(model, AbstractDevice):
        whole = Part(
            name="", element=model, nodes=("p", "n"), equations=device_equations(model, **options)
        )
        return Assembly(name=name, parts=(whole,), ports=ports, stray={})
    top, parts = model.topology, []
    for label, element, numbers in zip(model.names, model.elements, top.nodes):
        if label in model.ports:
            continue
        equations = None
        if isinstance(element, AbstractDevice):
            equations = device_equations(element, **options)
        elif not isinstance(element, _PLAIN):
            equations = element_equations(element)
        nodes = tuple(top.names[k] for k in numbers)
        parts.append(Part(name=label, element=element, nodes=nodes, equations=equations))
    stray = {top.names[k]: model.parasitic for k in top.stray}
    return Assembly(name=name, parts=tuple(parts), ports=ports, stray=stray)


def ports_of(model: AbstractDevice | Circuit) -> tuple[Port, ...]:
    """Return the ports of a model: the terminals of a device, the sources without value of a circuit."""
    if isinstance(model, AbstractDevice):
        return (Port(name="in", quantity="voltage", nodes=("p", "n")),)
    top = model.topology
    nodes = {n: tuple(top.names[k] for k in net) for n, net in zip(model.names, top.nodes)}
    both = zip(model.ports, model.quantities, strict=True)
    return tuple(Port(name=n, quantity=q, nodes=(nodes[n][0], nodes[n][1])) for n, q in both)
