"""A step of several systems of equations, each with parameters and a time of its own, in whole vectors."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .program import Program, join
from .translation import STEP, Atom, Name, Operation, c_type, line_of

_MOST = 60
"""Operations of a function, at the most: compilers take more than twice as long for all of them in one."""

_CALL = re.compile(r"((exp|log|expm1|log1p|logistic|tanh|sinh|cosh|pow)_of|loop_\w+)\(")


@dataclass(frozen=True, kw_only=True)
class SideBySide(Program):
    """A program whose steps are those of STEPS systems, one of each, wherever in time it is.

    Such a step is done by functions of few operations each, for all systems; exponentials and the like are called
    between them, by one function each. What a system has in each step are `inputs`: they read as columns of ``u->at``.

    Parameters
    ----------
    values : list of Atom
        What of the results is needed in each step; the others are where derivatives are wanted.
    """

    values: Sequence[Atom]

    index = "[t]"

    lanes = "int j = first; j < first + WIDTH; j++"
    """One vector: compilers put what many have in common aside, widened, and then wait for memory."""

    @cached_property
    def same(self) -> list[Name]:
        """Numbers that depend on the parameters of a system only: they are computed once."""
        needed = self.needed | {x for o in self.by_level[STEP] for x in _names(o)}
        return sorted((x for x in needed if x.level == 0), key=lambda x: x.text)

    @cached_property
    def _of_values(self) -> set[Name]:
        """Results of the operations that values need."""
        return {o.name for o in self.translation.used(self.values)}

    @cached_property
    def _pieces(self) -> list[list[Operation]]:
        """Operations in an order in which they can be done: a call alone, others in pieces; those of values first."""
        depth, groups = dict[Name, int](), dict[tuple[bool, int, bool], list[Operation]]()
        for o in self.by_level[STEP]:
            call = _function(o) is not None
            depth[o.name] = max((depth.get(x, 0) for x in _names(o)), default=0) + call
            groups.setdefault((o.name not in self._of_values, depth[o.name], not call), []).append(
                o
            )
        pieces = []
        for (_, _, plain), some in sorted(groups.items()):
            size = _MOST if plain else 1
            pieces += [some[k : k + size] for k in range(0, len(some), size)]
        return pieces

    @cached_property
    def _stored(self) -> list[Name]:
        """Numbers of a step that are needed elsewhere than in their own piece."""
        piece_of = {o.name: k for k, piece in enumerate(self._pieces) for o in piece}
        stored = dict.fromkeys(self.uniform)
        for k, piece in enumerate(self._pieces):
            if _function(piece[0]):
                stored |= dict.fromkeys([*_names(piece[0]), piece[0].name])
            stored |= dict.fromkeys(x for o in piece for x in _names(o) if piece_of.get(x, k) != k)
        return [x for x in stored if x in piece_of]

    def uniform_fields(self) -> list[str]:
        """Lines of the type Uniform."""
        fields = [f"{c_type(x.kind)} {x.text}" for x in [*self.same, *self._stored]]
        return [f"    _Alignas(64) {x}[STEPS];" for x in (f"Real at[{len(self.inputs)}]", *fields)]

    def _read(self, x: Name) -> str:
        """How a number of system `t` reads."""
        return self.inputs.get(x, f"u->{x.text}[t]")

    def prepare_uniform(self, arguments: str = "Uniform *restrict u") -> str:
        """Functions that compute what directions have in common, of values and for derivatives, and one,
        `load_parameters`, for what steps have, too.
        """
        texts, functions = [], dict[str, list[str]]()
        of_values, of_tangents = list[str](), list[str]()
        for k, piece in enumerate(self._pieces):
            calls = of_values if piece[0].name in self._of_values else of_tangents
            if (function := _function(piece[0])) is None:
                calls.append(f"prepare_{k}(u);")
                texts.append(self._piece(k, piece, arguments))
                continue
            names = [piece[0].name, *_names(piece[0])]
            functions[function] = [c_type(x.kind) for x in names]
            columns = [self._read(x).removesuffix("[t]") for x in names]
            calls.append(f"{function}_each({', '.join(columns)});")
        stores = [f"u->{x.text}[t] = {x.text};" for x in self.same]
        return f"""
{join([_each_text(x, functions[x]) for x in sorted(functions)], 0)}
static void load_parameters(const Real *constant, int32_t t, Uniform *u) {{
{self.parameter_lines()}
{join(stores, 4)}
}}
{join(texts, 0)}
static void prepare_uniform({arguments}) {{
{join(of_values, 4)}
}}
static void prepare_tangents({arguments}) {{
    (void)u;
{join(of_tangents, 4)}
}}
"""

    def _piece(self, k: int, piece: Sequence[Operation], arguments: str) -> str:
        """The function of a piece."""
        results, stored = [o.name for o in piece], set(self._stored)
        inputs = dict.fromkeys(x for o in piece for x in _names(o) if x not in results)
        lines = [f"const {c_type(x.kind)} {x.text} = {self._read(x)};" for x in inputs]
        lines += map(line_of, piece)
        lines += [f"u->{x.text}[t] = {x.text};" for x in results if x in stored]
        return f"""
static NOINLINE void prepare_{k}({arguments}) {{
    for (int32_t t = 0; t < STEPS; t++) {{
{join(lines, 8)}
    }}
}}"""


def _names(operation: Operation) -> list[Name]:
    """Operands that are not known."""
    return [x for x in operation.operands if isinstance(x, Name)]


def _function(operation: Operation) -> str | None:
    """The function, dearer than a call of it, that an operation is; None of others."""
    call = _CALL.match(operation.template)
    return call[1] if call and len(_names(operation)) == len(operation.operands) else None


def _each_text(function: str, types: Sequence[str]) -> str:
    """A function of columns written to the first of all; types of their numbers."""
    columns = [f"x{k}" for k in range(len(types) - 1)]
    arguments = "".join(
        f", const {a} *restrict {x}" for a, x in zip(types[1:], columns, strict=True)
    )
    values = ", ".join(f"{x}[t]" for x in columns)
    return f"""
static NOINLINE void {function}_each({types[0]} *restrict y{arguments}) {{
    for (int t = 0; t < STEPS; t++) y[t] = {function}({values});
}}"""
