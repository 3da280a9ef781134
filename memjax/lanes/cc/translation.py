"""Equations of one lane, as JAX traces them, as a sequence of operations on single numbers."""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from ...core.jaxprs import carried_out, mapped, reduced

KINDS = {"float32": "f", "float64": "d", "int32": "i", "uint32": "u", "bool": "b", "int64": "l"}
"""Types of numbers that kernels know, by their names in NumPy; those of kind "l" as constants, and in loops."""

_HIGHEST = 8
"""Power, at the most, that is taken by products."""

FLOATS = {"f": np.float32, "d": np.float64}
"""Kinds of numbers that are not whole. A kernel computes with one of them; the other is known only in constants."""

STEP, LANE = 1, 2
"""Bits of what a number depends on; without either it is the same in all steps and lanes."""


class UntranslatableError(Exception):
    """Something in the equations has no translation."""


@dataclass(frozen=True)
class Constant:
    """A number that is known; `kind` as in `KINDS`."""

    kind: str
    value: float | int | bool


@dataclass(frozen=True)
class Name:
    """A number that is computed: its name in C; what it depends on."""

    kind: str
    text: str
    level: int


Atom = Constant | Name


@dataclass(frozen=True)
class Operation:
    """``name = template`` filled with `operands`."""

    name: Name
    template: str
    operands: tuple[Atom, ...]


@dataclass
class Translation:
    """Operations so far, in order; equal ones are taken once. Numbers that are not whole are of kind `real`.

    A loop that gives one number is an operation too, the call of a function in `loops`, where there is a
    `translate_loop` (see `memjax.lanes.cc.loops`): lanes that take loops of other lengths are not computed in whole
    vectors.
    """

    real: str = "f"
    translate_loop: Callable[..., list[np.ndarray]] | None = None
    loops: dict[str, str] = field(default_factory=dict)
    counts: bool = False
    operations: list[Operation] = field(default_factory=list)
    _by_content: dict = field(default_factory=dict)
    _by_name: dict[Name, Operation] = field(default_factory=dict)

    def add(self, kind: str, template: str, *operands: Atom) -> Name:
        """The result of an operation."""
        key = (kind, template, operands)
        # How often a loop went round is a result that nothing outside of it uses.
        whole = {"l"} if self.counts or template.startswith("loop_") else set()
        known = {"i", "u", "b", self.real} | whole
        strange = {kind, *(x.kind for x in operands)} - known
        if strange:
            names = {k: n for n, k in KINDS.items()}
            raise UntranslatableError(f"operations on {names[min(strange)]}")
        if key not in self._by_content:
            level = 0
            for x in operands:
                level |= x.level if isinstance(x, Name) else 0
            name = Name(kind, f"x{len(self.operations)}", level)
            self._by_content[key] = name
            self._by_name[name] = Operation(name, template, operands)
            self.operations.append(self._by_name[name])
        return self._by_content[key]

    def operands(self, x: Atom, template: str) -> tuple[Atom, ...] | None:
        """Operands of a number that is the result of such an operation; None for others."""
        operation = self._by_name.get(x) if isinstance(x, Name) else None
        return operation.operands if operation and operation.template == template else None

    def factors(self, x: Atom) -> tuple[Atom, ...] | None:
        """Factors of a number that is a product of two; None for others."""
        return self.operands(x, "{} * {}") if x.kind in FLOATS else None

    def negated(self, x: Atom) -> Atom | None:
        """The number of which this one is the negative; None for others."""
        operands = self.operands(x, "-{}")
        return operands[0] if operands else None

    def used(self, results: Sequence[Atom]) -> list[Operation]:
        """The operations that these results need, in order."""
        wanted = {x for x in results if isinstance(x, Name)}
        live_operations = []
        for operation in reversed(self.operations):
            if operation.name in wanted:
                live_operations.append(operation)
                wanted |= {x for x in operation.operands if isinstance(x, Name)}
        return live_operations[::-1]


def kind_of(dtype: Any) -> str:
    """Type of an array's numbers as in `KINDS`; raises `UntranslatableError`."""
    name = str(np.dtype(dtype))
    if name not in KINDS:
        raise UntranslatableError(f"numbers of type {name}")
    return KINDS[name]


def literal(value: Any) -> np.ndarray:
    """Constants for an array of known numbers."""
    array = np.asarray(value)
    kind = kind_of(array.dtype)
    return mapped(lambda x: Constant(kind, x.item()), array)


def _is(x: Atom, value: float) -> bool:
    return isinstance(x, Constant) and x.value == value


def _known(f: Callable, x: Atom, y: Atom) -> Constant | None:
    """Result of an operation on two numbers that are known, rounded as they are; None for others."""
    number = {**FLOATS, "i": np.int32, "l": np.int64}.get(x.kind)
    if number is None or not (isinstance(x, Constant) and isinstance(y, Constant)):
        return None
    return Constant(x.kind, f(number(x.value), number(y.value)).item())


def _is_anew(x: Atom) -> bool:
    """Whether a number is computed in each step of each lane."""
    return isinstance(x, Name) and x.level == STEP | LANE


def _both_orders(pair: tuple[Atom, ...] | None) -> list[tuple[Atom, ...]]:
    return [] if pair is None else [pair, pair[::-1]]


def sum_of(t: Translation, x: Atom, y: Atom, sign: int = 1) -> Atom:
    """Sum, or difference; a product and a number are added with one rounding."""
    known = _known(np.add if sign > 0 else np.subtract, x, y)
    if known is not None:
        return known
    if x.kind not in FLOATS:
        return t.add(x.kind, "{} + {}" if sign > 0 else "{} - {}", x, y)
    if _is(y, 0.0):
        return x
    if _is(x, 0.0):
        return y if sign > 0 else _negative(t, y)
    if (opposite := t.negated(y)) is not None:
        return sum_of(t, x, opposite, -sign)
    if (opposite := t.negated(x)) is not None:
        return sum_of(t, y, opposite, -1) if sign > 0 else _negative(t, sum_of(t, opposite, y))
    for a, b, template in (
        (x, y, "FMA({}, {}, {})" if sign > 0 else "FMA({}, {}, -{})"),
        (y, x, "FMA({}, {}, {})" if sign > 0 else "FMA(-{}, {}, {})"),
    ):
        # A product that is the same in all steps or lanes is computed once, and only added here.
        factors = t.factors(a) if _is_anew(a) else None
        if factors is not None:
            return t.add(x.kind, template, *factors, b)
    return t.add(x.kind, "{} + {}" if sign > 0 else "{} - {}", x, y)


def _negative(t: Translation, x: Atom) -> Atom:
    if isinstance(x, Constant):
        return Constant(x.kind, -x.value)
    if (opposite := t.negated(x)) is not None:
        return opposite
    for c, d in _both_orders(t.factors(x)):
        if _is_anew(d) and not _is_anew(c):  # where its negative is the same in all steps or lanes
            return t.add(x.kind, "{} * {}", _negative(t, c), d)
    return t.add(x.kind, "-{}", x)


def _size(t: Translation, x: Atom) -> Atom:
    if isinstance(x, Constant):
        return Constant(x.kind, abs(x.value))
    return _function("ABS")(t, t.negated(x) or x)


def product_of(t: Translation, x: Atom, y: Atom) -> Atom:
    """Product; what is known, and what is the same in all steps or lanes, is multiplied once."""
    known = _known(np.multiply, x, y)
    if known is not None:
        return known
    if x.kind in FLOATS:
        # 0 times a number is taken as 0: such products are places for tangents that no one asked for.
        for a, b in ((x, y), (y, x)):
            if _is(a, 0.0) or _is(a, 1.0):
                return a if _is(a, 0.0) else b
            if _is(a, -1.0):
                return _negative(t, b)
            if (opposite := t.negated(a)) is not None:
                return _negative(t, product_of(t, opposite, b))
        for a, b in ((x, y), (y, x)):
            # Factors that are the same in all steps or lanes come together, where they are multiplied once.
            for c, d in _both_orders(t.factors(b)):
                if not (_is_anew(a) or _is_anew(c)) and _is_anew(d):
                    return t.add(x.kind, "{} * {}", product_of(t, a, c), d)
    return t.add(x.kind, "{} * {}", x, y)


def _divide(t: Translation, x: Atom, y: Atom) -> Atom:
    if x.kind not in FLOATS:
        raise UntranslatableError("a division of whole numbers")
    if _is(y, 1.0) or _is(x, 0.0):
        return x
    # By the reciprocal, which other quotients share and which often is the same in all steps: divisions cost most.
    factors = t.factors(y)
    if factors is not None and factors[0] == factors[1]:
        root = _divide(t, Constant(x.kind, 1.0), factors[0])
        return product_of(t, x, product_of(t, root, root))
    return product_of(t, x, t.add(x.kind, "ONE / {}", y))


def choice_of(t: Translation, which: Atom, false: Atom, true: Atom) -> Atom:
    """Choice between two numbers by a third, which is true or false."""
    if isinstance(which, Constant):
        return true if which.value else false
    if true == false:
        return true
    return _bound(t, which, false, true) or t.add(true.kind, "{} ? {} : {}", which, true, false)


def _bound(t: Translation, which: Atom, false: Atom, true: Atom) -> Atom | None:
    """A choice between two numbers by their order, as one instruction; None for other choices.

    Where one of them is no number the comparison is false, as it is in `most` and `least` of these operands.
    """
    less, more = t.operands(which, "{} < {}"), t.operands(which, "{} > {}")
    operands = less or more
    if operands is None or true.kind != t.real or set(operands) != {true, false}:
        return None
    greater = (true == operands[1]) == (less is not None)
    return t.add(t.real, _BOUNDS[greater], _held(t, true), _held(t, false))


_BOUNDS = {True: "most({}, {})", False: "least({}, {})"}


def _held(t: Translation, x: Atom) -> Atom:
    """A bound as a number that compilers do not see: they turn a comparison with a constant round, into two steps."""
    return t.add(x.kind, "({})", x) if isinstance(x, Constant) else x


def _integer_power(t: Translation, x: Atom, y: int) -> Atom:
    if y < 0:
        return _divide(t, Constant(x.kind, 1.0), _integer_power(t, x, -y))
    result: Atom = Constant(x.kind, 1.0 if x.kind in FLOATS else 1)
    while y:
        result = product_of(t, result, x) if y & 1 else result
        x, y = (product_of(t, x, x), y >> 1) if y > 1 else (x, 0)
    return result


def _power(t: Translation, x: Atom, y: Atom) -> Atom:
    if isinstance(y, Constant) and abs(y.value) <= _HIGHEST and y.value == int(y.value):
        return _integer_power(t, x, int(y.value))
    if isinstance(y, Constant):  # powers of one number have its logarithm in common
        return t.add(x.kind, "exp_of({})", product_of(t, t.add(x.kind, "log_of({})", x), y))
    return t.add(x.kind, "pow_of({}, {})", x, _convert(t, y, x.kind))


def _shift(template: str) -> Callable:
    def shift(t: Translation, x: Atom, y: Atom) -> Atom:
        if not isinstance(y, Constant) or not 0 <= y.value < 32:
            raise UntranslatableError("a shift by a number of bits that is not known")
        return t.add(x.kind, template, x, y)

    return shift


def _logical(sign: str) -> Callable:
    return lambda t, x, y: t.add(x.kind, f"{{}} {sign} {{}}", x, y)


def _compare(sign: str, compare: Callable) -> Callable:
    def apply(t: Translation, x: Atom, y: Atom) -> Atom:
        if isinstance(x, Constant) and isinstance(y, Constant):
            return Constant("b", bool(compare(x.value, y.value)))
        return t.add("b", f"{{}} {sign} {{}}", x, y)

    return apply


def _function(name: str) -> Callable:
    def apply(t: Translation, x: Atom) -> Atom:
        if x.kind not in FLOATS:
            raise UntranslatableError(f"{name} of whole numbers")
        return t.add(x.kind, name + "({})", x)

    return apply


def _asinh(t: Translation, x: Atom) -> Atom:
    """Inverse hyperbolic sine, odd and exact near 0: log(1 + a + a^2/(1 + sqrt(1 + a^2))) of the modulus a."""
    one = Constant(x.kind, 1.0)
    size = _size(t, x)
    # Beyond, the square overflows, and log(2 a) is exact.
    most = Constant(x.kind, 1e150 if x.kind == "d" else 1e18)
    inner = t.add(x.kind, "least({}, {})", _held(t, most), size)
    square = product_of(t, inner, inner)
    root = t.add(x.kind, "SQRT({})", sum_of(t, one, square))
    near = t.add(x.kind, "log1p_of({})", sum_of(t, inner, _divide(t, square, sum_of(t, one, root))))
    far = sum_of(t, t.add(x.kind, "log_of({})", size), Constant(x.kind, math.log(2.0)))
    value = choice_of(t, t.add("b", "{} > {}", size, most), near, far)
    return choice_of(t, t.add("b", "{} < {}", x, Constant(x.kind, 0.0)), value, _negative(t, value))


def _extreme(name: str, sign: str) -> Callable:
    def choose(t: Translation, x: Atom, y: Atom) -> Atom:
        known = _known(np.maximum if sign == ">" else np.minimum, x, y)
        if known is not None:
            return known
        if x.kind in FLOATS:
            # Where either is no number, that is the result. A bound that is known is one, and comes first.
            if isinstance(x, Constant) or isinstance(y, Constant):
                first, second = (y, x) if isinstance(y, Constant) else (x, y)
                return t.add(x.kind, _BOUNDS[name == "greater"], _held(t, first), second)
            return t.add(x.kind, name + "({}, {})", x, y)
        return t.add(x.kind, f"{{}} {sign} {{}} ? {{}} : {{}}", x, y, x, y)

    return choose


def _smallest(t: Translation, x: Atom, y: Atom) -> Atom:
    """The smaller one; a bound at infinity is none."""
    if _is(y, math.inf) or _is(x, math.inf):
        return x if _is(y, math.inf) else y
    return _extreme("smaller", "<")(t, x, y)


def _kept(t: Translation, d: Atom, tie: Atom, sign: int) -> Atom:
    """A tangent on a bound: see `memjax.device.laws.domain`."""
    part = _ELEMENTWISE["max" if sign > 0 else "min"](t, d, Constant(d.kind, 0.0))
    return choice_of(t, tie, d, part)


def _not(t: Translation, x: Atom) -> Atom:
    return t.add(x.kind, "!{}" if x.kind == "b" else "~{}", x)


_ELEMENTWISE: dict[str, Callable] = {
    "add": sum_of,
    "add_any": sum_of,
    "sub": lambda t, x, y: sum_of(t, x, y, -1),
    "mul": product_of,
    "div": _divide,
    "neg": _negative,
    "square": lambda t, x: product_of(t, x, x),
    # Of jax 0.12, in the derivative of tanh.
    "one_minus_square": lambda t, x: sum_of(t, Constant(x.kind, 1.0), product_of(t, x, x), -1),
    "pow": _power,
    "select_n": choice_of,
    "max": _extreme("greater", ">"),
    "min": _smallest,
    "not": _not,
    "shift_left": _shift("{} << {}"),
    "shift_right_arithmetic": _shift("(int32_t){} >> {}"),
    "shift_right_logical": _shift("(uint32_t){} >> {}"),
    "nextafter": lambda t, x, y: t.add(x.kind, "NEXT({}, {})", x, y),
    "is_finite": lambda t, x: t.add("b", "is_finite({})", x),
    "rsqrt": _function("ONE / SQRT"),
    "abs": _size,
    "asinh": _asinh,
    "clamp": lambda t, low, x, high: _ELEMENTWISE["min"](t, _ELEMENTWISE["max"](t, x, low), high),
}
"""Operations on single numbers, by the names of JAX's primitives."""

_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_ELEMENTWISE |= {k: _compare(sign, getattr(operator, k)) for k, sign in _SIGNS.items()}
_ELEMENTWISE |= {k: _logical(sign) for k, sign in {"and": "&", "or": "|", "xor": "^"}.items()}
_ELEMENTWISE |= {k: _function(k.upper()) for k in ("sqrt", "floor", "ceil", "asin")}
_FUNCTIONS = ("exp", "log", "expm1", "log1p", "logistic", "tanh", "sinh", "cosh", "sin", "cos")
_ELEMENTWISE |= {k: _function(f"{k}_of") for k in (*_FUNCTIONS, "sign", "erf", "erfc")}

_C_TYPES = dict(f="float", d="double", i="int32_t", u="uint32_t", b="int32_t", l="int64_t")


def _convert(t: Translation, x: Atom, kind: str) -> Atom:
    if x.kind == kind:
        return x
    if isinstance(x, Constant):
        return Constant(kind, {"f": float, "d": float, "b": bool}.get(kind, int)(x.value))
    return t.add(kind, "{} != 0" if kind == "b" else f"({_C_TYPES[kind]}){{}}", x)


def _bitcast(t: Translation, x: Atom, kind: str) -> Atom:
    if x.kind == kind:
        return x
    whole = {x.kind, kind} <= {"i", "u"}
    return t.add(kind, f"({_C_TYPES[kind]}){{}}" if whole else f"{kind}_of_{x.kind}({{}})", x)


_REDUCTIONS = {"reduce_sum": "add"} | {f"reduce_{x}": x for x in ("max", "min", "and", "or")}


def _sort(
    t: Translation, inputs: list[np.ndarray], dimension: int, num_keys: int, **_
) -> list[np.ndarray]:
    """Arrays in the order of the first one along an axis, equal ones as they were, what is no number last."""
    if num_keys != 1:
        raise UntranslatableError("a sort by several keys")
    results = [np.moveaxis(x, dimension, -1).copy() for x in inputs]
    keys = results[0]
    for end in range(keys.shape[-1] - 1, 0, -1):
        for k in range(end):
            for place in np.ndindex(keys.shape[:-1]):
                here, there = (*place, k), (*place, k + 1)
                later = _after(t, keys[here], keys[there])
                for x in results:
                    a, b = x[here], x[there]
                    x[here], x[there] = choice_of(t, later, a, b), choice_of(t, later, b, a)
    return [np.moveaxis(x, -1, dimension) for x in results]


def _after(t: Translation, x: Atom, y: Atom) -> Atom:
    """Whether a number comes after another one."""
    larger = _ELEMENTWISE["gt"](t, x, y)
    if x.kind not in FLOATS:
        return larger
    numbers = [_ELEMENTWISE["eq"](t, a, a) for a in (x, y)]
    none = _ELEMENTWISE["and"](t, _not(t, numbers[0]), numbers[1])
    return _ELEMENTWISE["or"](t, larger, none)


def _gather(
    t: Translation, x: np.ndarray, places: np.ndarray, dimension_numbers: Any, slice_sizes, **_
) -> np.ndarray:
    """Parts of an array at places along one axis that are computed, which lie inside of it."""
    axes, others = dimension_numbers.start_index_map, dimension_numbers.offset_dims
    batches = dimension_numbers.operand_batching_dims
    whole = [n if k not in axes else 1 for k, n in enumerate(x.shape)]
    if len(axes) != 1 or list(slice_sizes) != whole or batches or len(others) != x.ndim - 1:
        raise UntranslatableError(
            "parts of an array at places that are computed along several axes"
        )
    rows = np.moveaxis(x, axes[0], 0)

    def at(place: Atom, *choices: Atom) -> Atom:
        number = choices[-1]
        for k, choice in enumerate(choices[:-1]):
            here = _ELEMENTWISE["eq"](t, place, Constant(place.kind, k))
            number = choice_of(t, here, number, choice)
        return number

    chosen = places[..., 0]
    spread = chosen.reshape(chosen.shape + (1,) * (rows.ndim - 1))
    return np.moveaxis(
        mapped(at, spread, *rows), range(chosen.ndim, chosen.ndim + rows.ndim - 1), others
    )


def _equation(t: Translation, equation: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Results of one equation that computes."""
    name, params = equation.primitive.name, equation.params
    if name in ("convert_element_type", "bitcast_convert_type"):
        change, kind = _convert if name[0] == "c" else _bitcast, kind_of(params["new_dtype"])
        return [mapped(lambda x: change(t, x, kind), inputs[0])]
    if name == "integer_pow":
        return [mapped(lambda x: _integer_power(t, x, params["y"]), inputs[0])]
    if name == "memjax_kept":
        return [mapped(lambda d, tie: _kept(t, d, tie, params["sign"]), *inputs)]
    if name == "sort":
        return _sort(t, inputs, **params)
    if name == "gather":
        return [_gather(t, *inputs, **params)]
    if name in _REDUCTIONS:
        combine = partial(_ELEMENTWISE[_REDUCTIONS[name]], t)
        return [reduced(combine, inputs[0], params["axes"])]
    if name in _ELEMENTWISE:
        return [mapped(lambda *x: _ELEMENTWISE[name](t, *x), *inputs)]
    if name in ("while", "scan") and t.translate_loop is not None:
        return t.translate_loop(t, name, params, inputs)
    raise UntranslatableError(f"the operation {name}")


def translate(
    t: Translation,
    equations: Jaxpr | ClosedJaxpr,
    inputs: Sequence[np.ndarray],
    constants: Sequence[np.ndarray] = (),
) -> list[np.ndarray]:
    """Results of some equations, given their inputs as arrays of atoms; raises `UntranslatableError`."""
    operate = partial(_equation, t)
    return carried_out(equations, inputs, known=literal, operate=operate, constants=constants)


def text_of(x: Atom) -> str:
    """An atom in C."""
    if isinstance(x, Name):
        return x.text
    if x.kind in FLOATS:
        if not math.isfinite(x.value):
            return "NAN" if math.isnan(x.value) else ("INFINITY" if x.value > 0 else "(-INFINITY)")
        suffix = "f" if x.kind == "f" else ""
        return f"({FLOATS[x.kind](x.value).item().hex()}{suffix})"
    if x.kind == "u":
        return f"{x.value}u"
    return "(-2147483647 - 1)" if x.value == -(2**31) else f"({int(x.value)})"


def line_of(operation: Operation) -> str:
    """An operation in C."""
    content = operation.template.format(*map(text_of, operation.operands))
    return f"const {_C_TYPES[operation.name.kind]} {operation.name.text} = {content};"


def c_type(kind: str) -> str:
    """Type of a number in C."""
    return _C_TYPES[kind]
