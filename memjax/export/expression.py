"""Expressions as one graph: equal ones are one node, constants are folded, and what is shared is seen."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

MOST_POWER = 4
"""Largest whole power that is written as products."""


@dataclass(frozen=True, eq=False)
class Node:
    """An operation on other nodes, a number, or a name.

    Parameters
    ----------
    op : str
        A key of `MEANING`, or "const", "param", "state", "noise", "voltage", "time", "root".
    args : tuple of Node
        What it acts on; of a "root" the least and the largest value, in which the unknown does not occur.
    name : str
        Of a parameter, a state, a source of noise or a root.
    value : float
        Of a number.
    number : int
        Its place in the order in which nodes were made: arguments come first.
    fixed : bool
        Whether it depends on numbers and parameters alone.
    """

    op: str
    args: tuple["Node", ...] = ()
    name: str = ""
    value: float = math.nan
    number: int = 0
    fixed: bool = False

    def __repr__(self) -> str:
        leaf = f"{self.value:g}" if self.op == "const" else self.name or self.op
        return f"{self.op}{self.args!r}" if self.args else leaf


def _divide(a: float, b: float) -> float:
    """The quotient; infinite where a number is divided by 0."""
    return a / b if b else math.copysign(math.inf, a) if a else math.nan


def _power(a: float, b: float) -> float:
    return math.pow(abs(a), b) if a or b > 0 else math.inf


def _exp(a: float) -> float:
    return math.exp(min(a, 700.0))


MEANING: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divide,
    "neg": lambda a: -a,
    "max": max,
    "min": min,
    "abs": lambda a: abs(a),
    "sign": lambda a: float((a > 0) - (a < 0)),
    "floor": lambda a: float(math.floor(a)),
    "exp": _exp,
    "log": lambda a: math.log(a) if a > 0 else -math.inf,
    "sqrt": lambda a: math.sqrt(a) if a >= 0 else math.nan,
    "pow": _power,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": lambda a: math.asin(min(max(a, -1.0), 1.0)),
    "acos": lambda a: math.acos(min(max(a, -1.0), 1.0)),
    "atan": math.atan,
    "sinh": lambda a: math.sinh(min(max(a, -700.0), 700.0)),
    "cosh": lambda a: math.cosh(min(max(a, -700.0), 700.0)),
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": lambda a: math.acosh(max(a, 1.0)),
    "atanh": lambda a: math.atanh(a) if abs(a) < 1 else math.copysign(math.inf, a),
    "lt": lambda a, b: float(a < b),
    "le": lambda a, b: float(a <= b),
    "gt": lambda a, b: float(a > b),
    "ge": lambda a, b: float(a >= b),
    "eq": lambda a, b: float(a == b),
    "ne": lambda a, b: float(a != b),
    "and": lambda a, b: float(bool(a) and bool(b)),
    "or": lambda a, b: float(bool(a) or bool(b)),
    "not": lambda a: float(not a),
    "if": lambda c, a, b: a if c else b,
}
"""What each operation computes; "pow" takes the modulus of its base, as SPICE does."""

LOGICAL = ("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not")
"""Operations whose value is true or false."""


@dataclass
class Graph:
    """All nodes, each once."""

    nodes: dict[tuple, Node] = field(default_factory=dict)
    residuals: dict[Node, Node] = field(default_factory=dict)
    """For each root what has to be 0."""
    zeros: set[Node] = field(default_factory=set)
    """Nodes that are 0 by the definition of a root."""

    def const(self, value: float) -> Node:
        """A number."""
        key = ("const", repr(float(value)))
        return self._once(key, lambda n: Node("const", value=float(value), number=n, fixed=True))

    def leaf(self, op: str, name: str = "") -> Node:
        """A parameter, state, source of noise, or the voltage of the device."""
        fixed = op == "param"
        return self._once((op, name), lambda n: Node(op, name=name, number=n, fixed=fixed))

    def root(self, low: Node, high: Node, residual: Callable[[Node], Node]) -> Node:
        """The number between two others at which a function, which increases, is 0."""
        trial = Node("root", name="trial", number=-1)
        key = ("root", low, high, self._shape(residual(trial), trial))
        fresh = key not in self.nodes
        name = f"y{len(self.residuals) + 1}"
        node = self._once(key, lambda n: Node("root", (low, high), name=name, number=n))
        if fresh:
            self.residuals[node] = residual(node)
            self.zeros.add(self.residuals[node])
        return node

    def _shape(self, node: Node, trial: Node) -> str:
        """Return what tells one function of the trial from another."""
        known: dict[Node, str] = {}
        for n in ordered([node]):
            inner = ",".join(known[a] for a in n.args)
            known[n] = "?" if n is trial else f"{n.op}({inner})" if n.args else f"#{n.number}"
            known[n] = known[n] if len(known[n]) < 60 else str(hash(known[n]))
        return known[node]

    def __call__(self, op: str, *args: Node) -> Node:
        """An operation; simplified where nothing is left to compute."""
        if all(a.op == "const" for a in args):
            value = MEANING[op](*(a.value for a in args))
            if math.isfinite(value):
                return self.const(value)
        if op == "if" and args[0].op != "const":
            args = (
                args[0],
                self._under(args[1], args[0], True),
                self._under(args[2], args[0], False),
            )
        if op in ("max", "min", "mul", "add") and args[1].op == "const":
            args = args[::-1]
        simple = self._simple(op, args)
        if simple is not None:
            return simple
        fixed = all(a.fixed for a in args)
        return self._once((op, *args), lambda n: Node(op, tuple(args), number=n, fixed=fixed))

    def _under(self, node: Node, condition: Node, holds: bool) -> Node:
        """A branch, in which the condition is known: choices by it are made, its number is kept on its side.

        Notes
        -----
        `jnp.where` with a harmless number in a branch that is not taken jumps where the condition changes, which the
        Newton method of a simulator cannot follow; the bound does not.
        """
        nodes = ordered([node])
        if not any(n.op == "if" and n.args[0] is condition for n in nodes):
            return node
        branch: dict[Node, Node] = {}
        for n in nodes:
            if n.op == "if" and n.args[0] is condition:
                branch[n] = self._bounded(branch[n.args[1 if holds else 2]], condition, holds)
            elif n.args and n.op != "root":
                branch[n] = self(n.op, *(branch[a] for a in n.args))
            else:
                branch[n] = n
        return branch[node]

    def _bounded(self, node: Node, condition: Node, holds: bool) -> Node:
        """A number that a condition compares with a known one, kept on the side of the condition."""
        if condition.op not in ("lt", "le", "gt", "ge") or condition.args[0] is not node:
            return node
        if condition.args[1].op != "const":
            return node
        below = (condition.op in ("lt", "le")) == holds
        return self("min" if below else "max", condition.args[1], node)

    def _once(self, key: tuple, make: Callable[[int], Node]) -> Node:
        if key not in self.nodes:
            self.nodes[key] = make(len(self.nodes))
        node = self.nodes[key]
        return self.const(0.0) if node in self.zeros else node

    def _simple(self, op: str, args: tuple[Node, ...]) -> Node | None:
        """Return the node to which an operation reduces if an argument makes it trivial; None otherwise."""
        is_ = lambda k, x: args[k].op == "const" and args[k].value == x  # noqa: E731
        if op == "if" and args[0].op == "const":
            return args[1] if args[0].value else args[2]
        if op == "if" and args[1] is args[2]:
            return args[1]
        if op in ("add", "or") and (is_(0, 0.0) or is_(1, 0.0)):
            return args[1] if is_(0, 0.0) else args[0]
        if op == "sub" and is_(1, 0.0):
            return args[0]
        if op == "sub" and is_(0, 0.0):
            return self("neg", args[1])
        if op == "neg" and args[0].op == "neg":
            return args[0].args[0]
        if op == "abs" and args[0].op == "abs":
            return args[0]
        if op == "mul" and (is_(0, 0.0) or is_(1, 0.0)):
            return self.const(0.0)
        if op in ("mul", "and") and (is_(0, 1.0) or is_(1, 1.0)):
            return args[1] if is_(0, 1.0) else args[0]
        if op in ("ne", "eq") and args[0] is args[1]:  # a test for what is no number
            return self.const(float(op == "eq"))
        if op == "add" and args[0] is args[1]:
            return self("mul", self.const(2.0), args[0])
        if (
            op == "mul"
            and args[0].op == "const"
            and args[1].op == "mul"
            and args[1].args[0].op == "const"
        ):
            return self("mul", self("mul", args[0], args[1].args[0]), args[1].args[1])
        if op == "div" and is_(0, 0.0):
            return args[0]
        if op == "div" and is_(1, 1.0):
            return args[0]
        if op in ("max", "min") and args[0] is args[1]:
            return args[0]
        if op in ("max", "min") and _clipped(op, args):
            return args[1]
        if op in ("max", "min"):
            for root, other in (args, args[::-1]):
                if root.op == "root" and other in root.args:
                    return root
        if (op == "max" and is_(0, -math.inf)) or (op == "min" and is_(0, math.inf)):
            return args[1]
        return None


def _clipped(op: str, args: tuple[Node, ...]) -> bool:
    """Whether a bound of known numbers holds already: max(low, min(high, max(low, x))), as clip makes them."""
    bound, inner = args[0], args[1]
    other = {"max": "min", "min": "max"}[op]
    if inner.op == op and bound.op == "const":
        return inner.args[0] is bound
    if inner.op != other or inner.args[1].op != op or inner.args[1].args[0] is not bound:
        return False
    ends = (bound, inner.args[0]) if op == "max" else (inner.args[0], bound)
    return all(e.op == "const" for e in ends) and ends[0].value <= ends[1].value


def ordered(outputs: Iterable[Node]) -> list[Node]:
    """All nodes that some depend on, arguments first."""
    visited: dict[Node, None] = {}
    todo = [(n, False) for n in outputs]
    while todo:
        node, done = todo.pop()
        if done:
            visited.setdefault(node)
        elif node not in visited:
            todo.append((node, True))
            todo += [(a, False) for a in node.args]
    return list(visited)


def evaluate(
    graph: Graph, outputs: Iterable[Node], values: Mapping[tuple[str, str], float]
) -> dict[Node, float]:
    """Numbers of all nodes that some depend on, at numbers of the leaves by operation and name."""
    known: dict[Node, float] = {}
    outputs = list(outputs)
    for node in ordered(outputs):
        if node.op == "const":
            known[node] = node.value
        elif node.op == "root":
            low, high = (known[a] for a in node.args)
            known[node] = _root(graph, node, low, high, values)
        elif not node.args:
            known[node] = values[node.op, node.name]
        else:
            known[node] = _number(node, known)
    return known


def _number(node: Node, known: Mapping[Node, float]) -> float:
    try:
        return float(MEANING[node.op](*(known[a] for a in node.args)))
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def _root(graph: Graph, node: Node, low: float, high: float, values: Mapping) -> float:
    """The root by bisection; an end where the function does not change its sign."""
    residual = graph.residuals[node]

    def of(y: float) -> float:
        inner: dict[Node, float] = {node: y}
        for n in ordered([residual]):
            if n in inner:
                continue
            leaf = values.get((n.op, n.name)) if not n.args else None
            inner[n] = (
                n.value if n.op == "const" else leaf if leaf is not None else _number(n, inner)
            )
        return inner[residual]

    if of(low) >= 0:
        return low
    return high if of(high) <= 0 else _between(of, low, high)


def _between(of: Callable[[float], float], low: float, high: float) -> float:
    """Return the zero of an increasing function, by halving, to rounding."""
    while high - low > 1e-15 * max(abs(low), abs(high), 1e-300):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if of(middle) < 0 else (low, middle)
    return 0.5 * (low + high)
