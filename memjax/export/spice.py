"""A device as a subcircuit of SPICE, in the dialects of ngspice and LTspice."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..circuit.elements import Capacitor, CurrentSource, Resistor
from .equations import FAST, INTERVAL, Equations, Unknown
from .expression import Node
from .parts import Assembly, Part
from .text import Definition, Language, listing, number_text

_RESERVED = (
    "time",
    "temper",
    "hertz",
    "pi",
    "e",
    "m",
    "temp",
    "boltz",
    "echarge",
    "kelvin",
    "planck",
    "c",
    "i",
    "v",
)
"""Names that mean something else in an expression, or on the line of an instance."""

_WIDTH = 100


@dataclass(frozen=True)
class Dialect:
    """Differences between the simulators.

    Parameters
    ----------
    name : str
        Of the simulator.
    choice : str
        How a condition chooses.
    infix : dict of str to str
        Logical signs.
    """

    name: str
    choice: str
    infix: dict[str, str]


NGSPICE = Dialect("ngspice", "({0} ? {1} : {2})", {})
LTSPICE = Dialect("LTspice", "if({0}, {1}, {2})", {"and": " & ", "or": " | "})

_FUNCTIONS = {"log": "ln", "sign": "sgn({0})"}


def identifier(name: str) -> str:
    """A name as SPICE takes it: letters, digits and underscores, no word of its own."""
    plain = "".join(c if c.isalnum() else "_" for c in name)
    return plain + "_" if plain.lower() in _RESERVED else plain


def identifiers(names: Sequence[str]) -> dict[str, str]:
    """Names that SPICE, which does not tell small letters from large ones, keeps apart."""
    taken: set[str] = set()
    return {name: take_name(identifier(name), taken) for name in names}


def take_name(name: str, taken: set[str]) -> str:
    """The name, longer by underscores until it differs from those taken by more than its case; it is taken now."""
    while name.lower() in taken:
        name += "_"
    taken.add(name.lower())
    return name


def subcircuit(equations: Equations, dialect: Dialect, *, name: str = "") -> str:
    """A subcircuit: the terminals, its parameters with their values, states as internal nodes.

    Parameters
    ----------
    equations : Equations
        Of a device or an element.
    dialect : Dialect
        For whom it is written.
    name : str
        Of the subcircuit; that of the model by default.

    Notes
    -----
    A state over its scale is the voltage of a capacitor, its rate a current into it; the capacitance is the shortest
    time, in farads, so that currents are of order one and their rounding is below a simulator's tolerance. Where time
    is 0, in an operating point, states are held at rest, so that analyses start there without ``uic``.
    """
    names = identifiers(list(equations.values))
    nodes = identifiers([u.name for u in equations.unknowns])
    refer = lambda d: f"{{{d.name}}}" if d.fixed else _node(d)  # noqa: E731
    language = Language(
        leaf=lambda n: _leaf(n, equations, names, nodes),
        functions=_FUNCTIONS,
        choice=dialect.choice,
        infix=dialect.infix,
    )
    parts = listing(equations, language, refer=refer, reserved=_RESERVED)
    values = " ".join(f"{names[n]}={x!r}" for n, x in equations.values.items())
    head = f".subckt {name or identifier(equations.name)} {' '.join(equations.terminals)} {values}"
    lines = [*_wrapped(head)]
    for d in parts.definitions:
        lines += _parameter(d) if d.fixed else _source(d)
    for u in equations.unknowns:
        lines += _state(u, nodes[u.name], names[FAST], parts.texts, dialect)
    lines += [
        x for k, c in enumerate(equations.channels) for x in _noise(c, k, names[INTERVAL], dialect)
    ]
    last = equations.terminals[-1]
    for terminal, current in zip(equations.terminals, equations.currents):
        if current.op != "const":
            lines += _wrapped(f"Bi_{terminal} {terminal} {last} I={parts.texts[current]}")
    return "\n".join([*lines, ".ends"]) + "\n"


def _leaf(node: Node, equations: Equations, names: dict[str, str], nodes: dict[str, str]) -> str:
    """Text of a leaf."""
    if node.op == "param":
        return f"{{{names[node.name]}}}"
    if node.op == "voltage":
        return f"V({node.name},{equations.terminals[-1]})"
    return "time" if node.op == "time" else f"V({nodes.get(node.name, node.name)})"


def _node(d: Definition) -> str:
    """A definition in an expression; its node is at 0 V at rest where it can be, at which Newton's method starts."""
    size = "" if d.values.size == 1.0 else f"{number_text(d.values.size)}*"
    if d.values.narrow:
        return f"({number_text(d.values.rest_value)} + {size}V({d.name}))"
    positive = d.values.least > 0
    return f"({size}max(V({d.name}), 1e-30))" if positive else f"({size}V({d.name}))"


def _parameter(d: Definition) -> list[str]:
    plain = d.text.replace("{", "").replace("}", "")
    return _wrapped(f".param {d.name}={{{plain}}}")


def _source(d: Definition) -> list[str]:
    """The node of a definition, of order one."""
    text = f"({d.text} - {number_text(d.values.rest_value)})" if d.values.narrow else d.text
    over = "" if d.values.size == 1.0 else f"/{number_text(d.values.size)}"
    return _wrapped(f"B{d.name} {d.name} 0 V={text}{over}")


def _state(u: Unknown, node: str, fast: str, texts: dict[Node, str], dialect: Dialect) -> list[str]:
    """Capacitor and source of an unknown."""
    held = f"({texts[u.start]} - V({node}))"
    rate = dialect.choice.format("time > 0", f"{{{fast}}}*{texts[u.rate]}", held)
    what = f"* {node}: {u.doc.rstrip('.')}, 1 V is {u.scale:g} {u.unit}"
    return [what, f"C{node} {node} 0 {{{fast}}}", *_wrapped(f"B{node} 0 {node} I={rate}")]


def _noise(channel: str, k: int, interval: str, dialect: Dialect) -> list[str]:
    """A source of samples of variance 1, whose factor in the rates is one over the root of their interval."""
    if dialect is NGSPICE:
        return [f"V{channel} {channel} 0 DC 0 TRNOISE(1 {{{interval}}} 0 0)"]
    draw = f"rand(time/{{{interval}}} + {1000003 * (k + 1)})"
    return [f"B{channel} {channel} 0 V=sqrt(12)*({draw} - 0.5)"]


def _wrapped(line: str) -> list[str]:
    """A line with continuation lines, broken at spaces outside braces."""
    out, tail = [], ""
    for word in line.split(" "):
        if tail and len(tail) + len(word) > _WIDTH:
            out.append(tail)
            tail = "+ " + word
        else:
            tail = f"{tail} {word}" if tail else word
    return [*out, tail]


def netlist(assembly: Assembly, dialect: Dialect) -> str:
    """The subcircuit of a model, after those of its parts.

    Parameters
    ----------
    assembly : Assembly
        What is exported.
    dialect : Dialect
        For whom it is written.
    """
    whole = assembly.parts[0]
    if len(assembly.parts) == 1 and not whole.name and whole.equations is not None:
        return subcircuit(whole.equations, dialect, name=identifier(assembly.name))
    inner: dict[str, str] = {}
    lines: list[str] = []
    names = identifiers(list(assembly.values))
    nodes = {"0": "0"} | identifiers(_others(assembly))
    for part in assembly.parts:
        if part.equations is None:
            lines += _plain(part, names, nodes, dialect)
            continue
        text = subcircuit(part.equations, dialect, name="@")
        kind = inner.setdefault(text, f"{identifier(assembly.name)}_{identifier(part.name)}")
        inner_names = identifiers(list(part.equations.values))
        values = " ".join(
            f"{inner_names[n]}={{{names[part.parameter(n)]}}}" for n in part.equations.values
        )
        at = " ".join(nodes[n] for n in part.nodes)
        lines += _wrapped(f"X{identifier(part.name)} {at} {kind} {values}")
    for node, c in assembly.stray.items():
        lines += _capacitor(f"stray_{nodes[node]}", nodes[node], "0", repr(c), "0", dialect)
    values = " ".join(f"{names[n]}={x!r}" for n, x in assembly.values.items())
    ends = " ".join(nodes[n] for n in assembly.terminals)
    head = _wrapped(f".subckt {identifier(assembly.name)} {ends} {values}")
    parts = [text.replace(".subckt @", f".subckt {kind}", 1) for text, kind in inner.items()]
    return "\n".join([*parts, *head, *lines, ".ends"]) + "\n"


def _plain(part: Part, names: dict[str, str], nodes: dict[str, str], dialect: Dialect) -> list[str]:
    """A resistor, capacitor or constant source."""
    value = lambda n: f"{{{names[part.parameter(n)]}}}"  # noqa: E731
    label, (a, b) = identifier(part.name), (nodes[n] for n in part.nodes)
    if isinstance(part.element, Resistor):
        return [f"R{label} {a} {b} {value('r')}"]
    if isinstance(part.element, Capacitor):
        return _capacitor(label, a, b, value("c"), value("v0"), dialect)
    if isinstance(part.element, CurrentSource):  # of SPICE it drives into its first node
        return [f"I{label} {b} {a} {value('value')}"]
    return [f"V{label} {a} {b} {value('value')}"]


def _capacitor(label: str, a: str, b: str, c: str, v0: str, dialect: Dialect) -> list[str]:
    """A capacitor, held at its initial voltage by a megasiemens in an operating point."""
    held = dialect.choice.format("time > 0", "0", f"1e6*(V({a},{b}) - {v0})")
    return [f"C{label} {a} {b} {c}", f"B{label}_0 {a} {b} I={held}"]


def _others(assembly: Assembly) -> list[str]:
    """All nodes but ground, each once."""
    every = [n for p in (*assembly.parts, *assembly.ports) for n in p.nodes]
    return [n for n in dict.fromkeys(every) if n != "0"]
