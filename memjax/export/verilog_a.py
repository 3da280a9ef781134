"""A model as a module of Verilog-A: states as internal nodes, no variable keeps a value from step to step."""

from .equations import FAST, INTERVAL, Equations, Unknown
from .expression import Node
from .parts import Assembly, Part, part_values
from .spice import identifier, take_name
from .text import Definition, Language, Listing, listing

_RESERVED = frozenset(
    """
    above abs absdelay ac_stim acos acosh analog analysis and asin asinh assign atan atan2 atanh begin
    branch buf case ceil connect cos cosh cross ddt ddx default delay disable discipline edge else end
    endcase endmodule exclude exp final_step flicker_noise floor flow for from function generate ground
    hypot idt if inf initial initial_step inout input integer laplace limexp ln log max min module name
    nature net noise not or output parameter potential pow posedge real reg repeat sin sinh slew sqrt
    string supply tan tanh table time transition tri units wait wand while white_noise wire wor xor zi
    temperature
    """.split()  # noqa: SIM905
)

_FUNCTIONS = {"log": "ln", "sign": "(({0} > 0) - ({0} < 0))"}


def name_of(assembly: Assembly) -> str:
    """Name of the module: that of the model, which may not begin with a digit."""
    plain = identifier(assembly.name)
    return f"m_{plain}" if plain[0].isdigit() else plain


def instance_of(assembly: Assembly) -> str:
    """Lines of SPICE that make an instance of the compiled module."""
    ends = " ".join(identifier(n) for n in assembly.terminals)
    return f".model m1 {name_of(assembly)}\nN1 {ends} m1"


class _Names:
    """Names that the language tells apart from its own words."""

    def __init__(self):
        self.taken = {w.lower() for w in _RESERVED}
        self.known: dict[str, str] = {}

    def __call__(self, kind: str, name: str) -> str:
        key = f"{kind} {name}"
        if key not in self.known:
            plain = identifier(name)
            plain = f"n_{plain}" if plain[0].isdigit() else plain
            self.known[key] = take_name(plain, self.taken)
        return self.known[key]


def module(assembly: Assembly) -> str:
    """The module of a model.

    Parameters
    ----------
    assembly : Assembly
        What is exported.

    Notes
    -----
    A state over its scale is the potential of a node: ``ddt`` of it is a current out of the node, its rate one into it,
    both times the shortest time, which makes them of order one.
    In an operating point it is held at rest. White noise acts in small-signal analyses, and in transients of those
    simulators that have transient noise.
    """
    names = _Names()
    ends = [names("node", n) for n in assembly.terminals]
    nodes = {n: names("node", n) for p in assembly.parts for n in p.nodes if n != "0"}
    head, body, reals = [], [], []
    for name, value in assembly.values.items():
        head.append(f"  parameter real {names('parameter', name)} = {value!r};")
    inner = [x for x in dict.fromkeys(nodes.values()) if x not in ends]
    for part in assembly.parts:
        if part.equations is None:
            body += _plain(part, names, nodes)
            continue
        more, lines, variables = _part(part, names, nodes)
        inner, body, reals = inner + more, body + lines, reals + variables
    for node, c in assembly.stray.items():
        body += _held(f"{nodes[node]}", repr(c), "0.0")
    lines = ['`include "disciplines.vams"', "", f"module {name_of(assembly)}({', '.join(ends)});"]
    lines += [f"  inout {', '.join(ends)};", f"  electrical {', '.join([*ends, *inner])};", *head]
    local = [f"    real {x};" for x in reals]
    return (
        "\n".join(
            [
                *lines,
                "  analog begin : equations",
                *local,
                *(f"    {x}" for x in body),
                "  end",
                "endmodule",
            ]
        )
        + "\n"
    )


def _across(a: str, b: str) -> str:
    """Two nodes, or one and ground."""
    return a if b == "0" else f"{a}, {b}"


def _part(
    part: Part, names: _Names, nodes: dict[str, str]
) -> tuple[list[str], list[str], list[str]]:
    """Internal nodes, statements and variables of a device or element."""
    equations = part.equations
    if equations is None:
        return [], [], []
    prefix = f"{part.name}_" if part.name else ""
    at = [nodes.get(n, "0") for n in part.nodes]
    node_names = {u.name: names("state", prefix + u.name) for u in equations.unknowns}
    node_names |= {c: names("state", prefix + c) for c in equations.channels}
    where = dict(zip(equations.terminals, at))

    def leaf(node: Node) -> str:
        if node.op == "param":
            return names("parameter", part.parameter(node.name))
        if node.op == "voltage":
            a, b = where[node.name], at[-1]
            return "0.0" if a == b else f"V({_across(a, b)})" if a != "0" else f"(-V({b}))"
        return "$abstime" if node.op == "time" else f"V({node_names[node.name]})"

    variables: list[str] = []

    def refer(d: Definition) -> str:
        variable = names("variable", prefix + d.name)
        if variable not in variables:
            variables.append(variable)
        return variable

    parts = listing(equations, Language(leaf=leaf, functions=_FUNCTIONS), refer=refer)
    lines = [f"{refer(d)} = {d.text};" for d in parts.definitions]
    for u in equations.unknowns:
        lines += _state(u, node_names[u.name], names("parameter", part.parameter(FAST)), parts)
    # The density of unit intensity, at positive frequencies; times the interval where equations divide by its root.
    held = INTERVAL in equations.values
    density = f"2.0*{names('parameter', part.parameter(INTERVAL))}" if held else "2.0"
    for c in equations.channels:
        lines += [
            f"I({node_names[c]}) <+ V({node_names[c]});",
            f'I({node_names[c]}) <+ white_noise({density}, "{node_names[c]}");',
        ]
    lines += _currents(equations, parts, at)
    return list(node_names.values()), lines, variables


def _state(u: Unknown, node: str, fast: str, parts: Listing) -> list[str]:
    """Statements of an unknown."""
    return [
        f"// {node}: {u.doc.rstrip('.')}, 1 V is {u.scale:g} {u.unit}",
        'if (analysis("static"))',
        f"  I({node}) <+ V({node}) - {parts.texts[u.start]};",
        "else",
        f"  I({node}) <+ -{fast}*{parts.texts[u.rate]};",
        f"I({node}) <+ ddt({fast}*V({node}));",
    ]


def _currents(equations: Equations, parts: Listing, at: list[str]) -> list[str]:
    """Contributions of the currents into the terminals."""
    lines = []
    for node, current in zip(at, equations.currents):
        if node == at[-1] or current.op == "const":
            continue
        text = parts.texts[current]
        lines.append(
            f"I({_across(node, at[-1])}) <+ {text};"
            if node != "0"
            else f"I({at[-1]}) <+ -({text});"
        )
    return lines


def _plain(part: Part, names: _Names, nodes: dict[str, str]) -> list[str]:
    """A resistor, capacitor or constant source."""
    a, b = (nodes.get(n, "0") for n in part.nodes)
    sign = ""
    if a == "0":
        a, b, sign = b, a, "-"
    value = {n: names("parameter", part.parameter(n)) for n in part_values(part)}
    across = _across(a, b)
    if "r" in value:
        return [f"I({across}) <+ V({across})/{value['r']};"]
    if "c" in value:
        return _held(across, value["c"], f"({sign}{value['v0']})")
    if part.element.quantity == "current":  # it drives out of its first terminal
        return [f"I({across}) <+ {'' if sign else '-'}{value['value']};"]
    return [f"V({across}) <+ {sign}{value['value']};"]


def _held(across: str, c: str, v0: str) -> list[str]:
    """A capacitor, held at its initial voltage by a megasiemens in an operating point."""
    return [
        'if (analysis("static"))',
        f"  I({across}) <+ 1e6*(V({across}) - {v0});",
        f"I({across}) <+ ddt({c}*V({across}));",
    ]
