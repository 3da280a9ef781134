"""Nodes of a graph as text: which of them get a name, and how a language writes the rest."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .equations import Equations
from .expression import LOGICAL, Node, evaluate, ordered

LONGEST = 240
"""Length of text from which a part of an expression gets a name of its own."""

SHORTEST = 40
"""Length up to which a part that occurs twice is written twice."""

STRETCH = 4
"""How much longer texts of numbers of many decades may be: as the voltage of a node small ones would drown in its
tolerance.
"""

_INFIX = {
    "add": " + ", "sub": " - ", "mul": "*", "div": "/",
    "lt": " < ", "le": " <= ", "gt": " > ", "ge": " >= ", "eq": " == ", "ne": " != ", "and": " && ", "or": " || ",
}  # fmt: skip


_DOMAIN = {
    "exp": "min({0}, 300)", "sinh": "max(min({0}, 300), -300)", "cosh": "max(min({0}, 300), -300)",
    "log": "max({0}, 1e-300)", "sqrt": "max({0}, 1e-300)", "asin": "max(min({0}, 1), -1)",
    "acos": "max(min({0}, 1), -1)", "acosh": "max({0}, 1)", "asinh": "max(min({0}, 1e150), -1e150)",
    "atanh": "max(min({0}, 0.9999999999999999), -0.9999999999999999)",
}  # fmt: skip
"""Arguments that a function can take: an iterate of Newton's method comes from anywhere, no number may be infinite."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """How a simulator's language writes an expression.

    Parameters
    ----------
    leaf : callable
        Text of a parameter, state, source of noise, root, time or voltage.
    functions : dict of str to str
        Names of functions that differ from ours.
    choice : str
        How a condition chooses, of ``{0}``, ``{1}``, ``{2}``.
    infix : dict of str to str
        Signs between two operands that differ from C's.
    """

    leaf: Callable[[Node], str]
    functions: dict[str, str]
    choice: str = "({0} ? {1} : {2})"
    infix: dict[str, str] = field(default_factory=dict)

    def write(self, node: Node, args: list[str]) -> str:
        """Text of an operation on texts, in parentheses where it needs any."""
        op = node.op
        sign = self.infix.get(op, _INFIX.get(op))
        if sign is not None:
            return f"({args[0]}{sign}{args[1]})"
        if op == "neg":
            return f"(-{args[0]})"
        if op == "not":
            return f"(!{args[0]})"
        if op == "if":
            return self.choice.format(*args)
        if op == "root":
            unknown = self.leaf(Node("state", name=node.name))
            return f"min(max({unknown}, {args[0]}), {args[1]})"
        if op == "sign":
            return self.functions["sign"].format(args[0])
        if op == "pow" and node.args[0].op != "abs":
            args = [f"abs({args[0]})", args[1]]
        if op in _DOMAIN and not node.fixed:
            args = [_DOMAIN[op].format(args[0])]
        return f"{self.functions.get(op, op)}({', '.join(args)})"


def number_text(x: float) -> str:
    """A number with all its digits, in parentheses where it is negative."""
    text = repr(float(x)) if math.isfinite(x) else ("1e300" if x > 0 else "-1e300")
    return f"({text})" if text.startswith("-") else text


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A part of expressions that has a name.

    Parameters
    ----------
    name : str
        Its name.
    text : str
        Its expression.
    values : Range
        Which values it takes.
    fixed : bool
        Whether it depends on parameters alone.
    """

    name: str
    text: str
    values: "Range"
    fixed: bool


@dataclass(frozen=True, kw_only=True)
class Range:
    """Values of a part of an expression near rest and within a volt.

    Parameters
    ----------
    rest_value : float
        Its value at rest without voltage.
    least, most : float
        The least and the largest one.
    """

    rest_value: float
    least: float
    most: float

    @property
    def size(self) -> float:
        """A power of ten, the order of magnitude."""
        x = max(abs(self.least), abs(self.most))
        return 10.0 ** round(math.log10(x)) if 1e-30 < x < 1e30 else 1.0

    @property
    def wide(self) -> bool:
        """Whether they are of one sign and span more than three decades."""
        return self.least * self.most > 0 and not self.narrow

    @property
    def narrow(self) -> bool:
        """Whether all are of one sign and within three decades."""
        return self.least * self.most > 0 and 1e-3 < abs(self.least / self.most) < 1e3


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Expressions of a device with names for their parts.

    Parameters
    ----------
    definitions : tuple of Definition
        In the order in which they can be computed.
    texts : dict of Node to str
        Text of each output.
    """

    definitions: tuple[Definition, ...]
    texts: dict[Node, str]


def listing(
    equations: Equations, language: Language, *, refer: Callable[[Definition], str], reserved: Iterable[str] = ()
) -> Listing:  # fmt: skip
    """Expressions of all outputs.

    Parameters
    ----------
    equations : Equations
        What is written.
    language : Language
        How.
    refer : callable
        How an expression refers to a definition.
    reserved : iterable of str
        Names that definitions may not have, in small letters.
    """
    nodes = ordered(equations.outputs)
    uses = Counter(a for n in nodes for a in n.args)
    uses.update(equations.outputs)
    ranges = _ranges(equations, nodes)
    taken = {
        n.lower() for n in (*equations.values, *(u.name for u in equations.unknowns), *reserved)
    }
    counters = Counter()
    texts: dict[Node, str] = {}
    definitions: list[Definition] = []
    above = {a for n in nodes if not n.fixed for a in n.args} | set(equations.outputs)

    def name(fixed: bool) -> str:
        letter = "k" if fixed else "a"
        while True:
            counters[letter] += 1
            if (unused := f"{letter}{counters[letter]}") not in taken:
                return unused

    for node in nodes:
        if node.op == "const":
            texts[node] = number_text(node.value)
        elif not node.args:
            texts[node] = language.leaf(node)
        else:
            text = language.write(node, [texts[a] for a in node.args])
            stretch = STRETCH if ranges[node].wide else 1
            shared = (uses[node] > 1 and len(text) > SHORTEST) or (node.fixed and node in above)
            if (shared or len(text) > stretch * LONGEST) and node.op not in LOGICAL:
                definition = Definition(
                    name=name(node.fixed), text=text, values=ranges[node], fixed=node.fixed
                )
                definitions.append(definition)
                text = refer(definition)
            texts[node] = text
    return Listing(definitions=tuple(definitions), texts={n: texts[n] for n in equations.outputs})


def _ranges(equations: Equations, nodes: list[Node]) -> dict[Node, Range]:
    """Values of each node at rest, and away from it by voltages up to a volt and half the scale of the states."""
    row = {("param", n): x for n, x in equations.values.items()} | {("time", ""): 0.0}
    starts = evaluate(equations.graph, [u.start for u in equations.unknowns], row)
    inner = [n for n in nodes if n.args]
    rows = []
    for v, share in itertools.product((0.0, -1.0, -0.1, 0.1, 1.0), (0.0, 0.5, 1.0)):
        here = row | {(n.op, n.name): v for n in nodes if n.op in ("voltage", "noise")}
        here |= {
            ("state", u.name): starts[u.start] * (1 - share) + 0.5 * share
            for u in equations.unknowns
        }
        rows.append(evaluate(equations.graph, inner, here))
    ranges = {}
    for n in inner:
        values = [r[n] for r in rows if math.isfinite(r[n])]
        rest_value = rows[0][n] if math.isfinite(rows[0][n]) else 0.0
        ranges[n] = Range(
            rest_value=rest_value, least=min(values, default=0.0), most=max(values, default=0.0)
        )
    return ranges
