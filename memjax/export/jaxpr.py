"""What JAX traced, as a graph of expressions: each primitive by its meaning, arrays component by component."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core.jaxprs import carried_out, mapped, reduced
from ..device.laws.roots import RESIDUAL, ROOT
from ..errors import ModelError
from .expression import MOST_POWER, Graph, Node

_SAME = (
    "add", "sub", "mul", "div", "neg", "max", "min", "abs", "sign", "floor", "exp", "log", "sqrt", "sin", "cos",
    "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "lt", "le", "gt", "ge",
    "eq", "ne", "and", "or", "not",
)  # fmt: skip
"""Primitives that are operations of the graph under the same name."""

_MOVES = ("pad", "gather", "dynamic_slice")
"""Primitives that move components to places that are numbers, beside those of `memjax.core.jaxprs`."""

Arrays = list[np.ndarray]


class Translation:
    """A program of JAX carried out on nodes of a graph in place of numbers."""

    def __init__(self, graph: Graph):
        """Take the graph that nodes are made in."""
        self.graph = graph

    def constant(self, value: Any) -> np.ndarray:
        """An array of numbers as nodes."""
        return mapped(lambda x: self.graph.const(float(x)), np.asarray(value))

    def run(self, program: Any, args: Arrays, *, until: Any = None) -> Arrays:
        """Outputs of a program at inputs, or the operands of one of its equations, all as arrays of nodes."""
        return carried_out(program, args, known=self.constant, operate=self._equation, until=until)

    def _equation(self, equation: Any, args: Arrays) -> Arrays:
        """Results of one equation."""
        name, params = equation.primitive.name, equation.params
        if name in ("convert_element_type", "real"):
            return list(args)
        if name in _MOVES:
            return [self._moved(equation, args)]
        if name == "while" and ROOT in str(equation.source_info.name_stack):
            return self._solve(params, args)
        if name == "sort" and len(args) == 1:
            return [self._sorted(args[0])]
        if name in _REDUCTIONS:
            return [reduced(partial(self.graph, _REDUCTIONS[name]), args[0], params["axes"])]
        operation = self._operation(name, params)
        if operation is None:
            raise ModelError(
                f"no SPICE or Verilog-A for the operation {name!r} of JAX",
                where=str(equation.source_info.name_stack) or "a drift, current or noise",
                allowed="algebra, exponentials, powers, trigonometric and hyperbolic functions, jnp.where, roots by "
                "memjax.device.laws.root_between",
                fix="write the law without loops and table look-ups",
            )
        return [mapped(operation, *args)]

    def _operation(self, name: str, params: dict) -> Callable[..., Node] | None:
        """Return the result of an elementwise primitive on nodes; None for another primitive."""
        g = self.graph
        number = g.const
        if name in _SAME:
            return lambda *a: g(name, *a)
        if name == "select_n":
            return lambda c, a, b: g("if", c, b, a)
        if name == "integer_pow":
            return lambda a: self._power(a, params["y"])
        table: dict[str, Callable[..., Node]] = {
            "add_any": lambda a, b: g("add", a, b),
            "square": lambda a: g("mul", a, a),
            "pow": lambda a, b: g("pow", a, b),
            "rsqrt": lambda a: g("div", number(1.0), g("sqrt", a)),
            "exp2": lambda a: g("exp", g("mul", number(float(np.log(2.0))), a)),
            "erfc": self._erfc,
            "erf": lambda a: g("sub", number(1.0), self._erfc(a)),
            "clamp": lambda low, a, high: g("min", g("max", a, low), high),
            "is_finite": lambda a: number(1.0),
            "expm1": self._expm1,
            "log1p": self._log1p,
            "logistic": self._logistic,
        }  # fmt: skip
        return table.get(name)

    def _expm1(self, a: Node) -> Node:
        """exp(a) - 1 = 2 exp(a/2) sinh(a/2), to rounding."""
        half = self.graph("mul", self.graph.const(0.5), a)
        both = self.graph("mul", self.graph("exp", half), self.graph("sinh", half))
        return self.graph("mul", self.graph.const(2.0), both)

    def _log1p(self, a: Node) -> Node:
        """log(1 + a) = 2 artanh(a/(2 + a)) where a is small, to rounding."""
        g = self.graph
        two, small = g.const(2.0), g("lt", g("abs", a), g.const(0.5))
        near = g("mul", two, g("atanh", g("div", a, g("add", two, a))))
        return g("if", small, near, g("log", g("add", g.const(1.0), a)))

    def _erfc(self, a: Node) -> Node:
        """Complementary error function after Abramowitz and Stegun 7.1.26, within 1.5e-7."""
        g, one, size = self.graph, self.graph.const(1.0), self.graph("abs", a)
        t = g("div", one, g("add", one, g("mul", g.const(0.3275911), size)))
        total = g.const(0.0)
        for c in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
            total = g("mul", t, g("add", g.const(c), total))
        far = g("mul", total, g("exp", g("neg", g("mul", a, a))))
        return g("if", g("lt", a, g.const(0.0)), g("sub", g.const(2.0), far), far)

    def _logistic(self, a: Node) -> Node:
        """1/(1 + exp(-a)), without overflow."""
        g = self.graph
        most = g("min", g("neg", a), g.const(200.0))
        return g("div", g.const(1.0), g("add", g.const(1.0), g("exp", most)))

    def _power(self, a: Node, n: int) -> Node:
        """A whole power: products, or that of the modulus with the sign of the base."""
        g = self.graph
        if n < 0:
            return g("div", g.const(1.0), self._power(a, -n))
        if n <= 1:
            return a if n else g.const(1.0)
        if n <= MOST_POWER:
            half = self._power(a, n // 2)
            return g("mul", g("mul", half, half), a) if n % 2 else g("mul", half, half)
        if n % 2:
            return g("mul", a, self._power(a, n - 1))
        return g("pow", g("abs", a), g.const(float(n)))

    def _moved(self, equation: Any, args: Arrays) -> np.ndarray:
        """Move the numbers of components in a list of all as an operation moves the components."""
        moved = len(args) if equation.primitive.name == "pad" else 1
        pool: list[Node] = []
        places = []
        for a in args[:moved]:
            places.append(jnp.asarray(len(pool) + np.arange(a.size).reshape(a.shape)))
            pool += list(a.reshape(-1))
        places += [jnp.asarray(_numbers(a), int) for a in args[moved:]]
        where = np.asarray(equation.primitive.bind(*places, **equation.params))
        return mapped(pool.__getitem__, where)

    def _sorted(self, a: np.ndarray) -> np.ndarray:
        """A vector in order, by exchanges of neighbours."""
        x = list(a.reshape(-1))
        for last in range(len(x) - 1, 0, -1):
            for k in range(last):
                x[k], x[k + 1] = (self.graph(op, x[k], x[k + 1]) for op in ("min", "max"))
        return np.array(x, object).reshape(a.shape)

    def _solve(self, params: dict, args: Arrays) -> Arrays:
        """The loop of `root_between`, which carries the root and its bracket, as an equation."""
        first, start = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
        (_, low, high, *others), body = args[start:], params["body_jaxpr"]
        equations = body.jaxpr.eqns
        compares = next(e for e in equations if RESIDUAL in str(e.source_info.name_stack))

        def residual(y: Node) -> Node:
            at = [*args[first:start], np.array(y, object), low, high, *others]
            return self.run(body, at, until=compares)[0].item()

        root = np.array(self.graph.root(low.item(), high.item(), residual), object)
        return [root, root, root, *others]


_REDUCTIONS = {"reduce_sum": "add", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "mul"}


def _numbers(a: np.ndarray) -> np.ndarray:
    """Values of constant nodes, which indices have to be."""
    if any(n.op != "const" for n in a.reshape(-1)):
        raise ModelError(
            "an index that depends on state or voltage", allowed="indices that are known", fix="use jnp.where"
        )  # fmt: skip
    return np.array([n.value for n in a.reshape(-1)]).reshape(a.shape)


def translate(graph: Graph, function: Callable, example: Any, inputs: Any) -> Any:
    """A function traced at an example and carried out on nodes.

    Parameters
    ----------
    graph : Graph
        Where nodes are made.
    function : callable
        Takes one tree of arrays and gives another one.
    example : tree of arrays
        An input, for shapes and types.
    inputs : tree of arrays of nodes
        The nodes in place of its leaves; each an array of objects of its shape.
    """
    closed, shape = jax.make_jaxpr(function, return_shape=True)(example)
    outputs = Translation(graph).run(closed, jax.tree.leaves(inputs))
    return jax.tree.unflatten(jax.tree.structure(shape), outputs)
