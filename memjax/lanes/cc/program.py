"""Operations of a step by what they depend on, and the parts of a kernel's text that follow from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ...core.jaxprs import mapped
from .loops import translate_loop
from .translation import (
    LANE,
    STEP,
    Atom,
    Constant,
    Name,
    Operation,
    Translation,
    c_type,
    kind_of,
    line_of,
    literal,
    text_of,
    translate,
)

_FOLDER = Path(__file__).parent


def head(real: str) -> str:
    """Return the text with which every kernel of a kind of numbers begins."""
    files = ("prelude.c", "float.c" if real == "f" else "double.c", "functions.c")
    return "\n".join((_FOLDER / x).read_text() for x in files)


def whole_text(real: str, block: int, file: Path) -> str:
    """Return the text of a kernel that a file has whole, with so many numbers in a block."""
    call = (_FOLDER / "call.c").read_text()
    return "\n".join((f"#define BLOCK {block}", head(real), call, file.read_text()))


class Constants:
    """Numbers that a kernel is given with each call and that are the same in all its steps and lanes."""

    def __init__(self, real: str):
        self.real = real
        self.values: list[float] = []
        self.count = 0

    def name(self) -> Name:
        """The next one, whose value is not known yet."""
        self.count += 1
        return Name(self.real, f"k{self.count - 1}", 0)

    def names(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array of them."""
        return mapped(lambda _: self.name(), np.empty(shape))

    def atoms(self, value: Any) -> np.ndarray:
        """Atoms of a parameter of the equations: 0 and 1 leave operations out, all others are given.

        Other parameters need no other kernel.
        """

        def of_call(x: Constant) -> Atom:
            if x.kind != self.real or x.value in (0.0, 1.0):
                return x
            self.values.append(float(x.value))
            return self.name()

        return mapped(of_call, literal(value))


def name_arrays(tree: Any, prefix: str, level: int) -> tuple[Any, list[Name]]:
    """A name for each number that is described: a tree of arrays of them, and all in order."""
    names: list[Name] = []

    def name(x) -> Name:
        names.append(Name(kind_of(x.dtype), f"{prefix}{len(names)}", level))
        return names[-1]

    return jax.tree.map(lambda x: mapped(lambda _: name(x), np.empty(x.shape)), tree), names


def trace(
    step: Callable,
    described: Sequence[Any],
    inputs: Any,
    constants: Constants,
    *,
    loops: bool = False,
) -> tuple[Translation, Any]:
    """Translation of a function of one lane, and its results: a tree of arrays of atoms, as the inputs are.

    `loops` says whether there may be such in it, see `Translation`.
    """
    closed, shapes = jax.make_jaxpr(step, return_shape=True)(*described)
    t = Translation(constants.real, translate_loop if loops else None)
    known = [constants.atoms(x) for x in closed.consts]
    results = translate(t, closed, jax.tree.leaves(inputs), known)
    return t, jax.tree.unflatten(jax.tree.structure(shapes), results)


def join(lines: Sequence[str], indent: int) -> str:
    """Lines of a block."""
    return "\n".join(" " * indent + x for x in lines)


def reads(names: Sequence[Name], text: str) -> list[str]:
    """Statements that read numbers, each by its name in the place of ``{}``."""
    return [f"const {c_type(x.kind)} {x.text} = {text.format(x.text)};" for x in names]


def _fields(names: Sequence[Name]) -> str:
    fields = [f"    _Alignas(64) {c_type(x.kind)} {x.text}[LANES];" for x in names]
    return "\n".join(fields or ["    int nothing;"])


def _stored(x: Name) -> str:
    """Type of a number in JAX's arrays."""
    return "uint8_t" if x.kind == "b" else c_type(x.kind)


@dataclass(frozen=True)
class Program:
    """A step of one lane.

    Parameters
    ----------
    translation : Translation
        Its operations.
    owns, states : list of Name
        What each lane has in all steps, and from step to step.
    places : dict of Name to str
        What each step has, and how it reads in C.
    inputs : dict of Name to str
        What each lane has in each step beside its states, and how it reads in C.
    results : list of Atom
        All that is needed: the states after the step first.
    """

    translation: Translation
    owns: Sequence[Name]
    states: Sequence[Name]
    places: dict[Name, str]
    inputs: dict[Name, str]
    results: Sequence[Atom]

    index = ""
    """Which of the numbers of all steps belongs to step `t`."""

    lanes = "int j = 0; j < LANES; j++"
    """Lanes that are advanced together."""

    @cached_property
    def by_level(self) -> dict[int, list[Operation]]:
        """Operations that are needed, in order, by what they depend on."""
        used = self.translation.used(self.results)
        return {k: [x for x in used if x.name.level == k] for k in range(4)}

    @cached_property
    def needed(self) -> set[Name]:
        """Numbers that a lane needs in each step and that were computed before: once a call, a step or a lane."""
        operands = {
            x for o in self.by_level[STEP | LANE] for x in o.operands if isinstance(x, Name)
        }
        return operands | {x for x in self.results if isinstance(x, Name)}

    @cached_property
    def same(self) -> list[Name]:
        """Numbers that are the same in all steps and lanes."""
        return sorted((x for x in self.needed if x.level == 0), key=lambda x: x.text)

    @cached_property
    def uniform(self) -> list[Name]:
        """Numbers of each step."""
        names = [*self.places, *(o.name for o in self.by_level[STEP])]
        return [x for x in names if x in self.needed]

    @cached_property
    def fixed(self) -> list[Name]:
        """Numbers of each lane that are computed once."""
        return [o.name for o in self.by_level[LANE] if o.name in self.needed]

    def prelude(self) -> str:
        """Return the text before the operations of a program, with the loops that it calls."""
        called = " ".join(o.template for level in self.by_level.values() for o in level)
        loops: list[str] = []
        # What a loop calls stands before it, as it was translated.
        for name, text in reversed(self.translation.loops.items()):
            if name in called:
                loops, called = [text, *loops], called + text
        return "\n".join([head(self.translation.real), *loops])

    def types(self) -> str:
        """Own, Carry and Uniform: what each lane has in all steps, from step to step, and what each step has."""
        uniform = self.uniform_fields()
        return f"""
typedef struct {{ /* of each lane, in all steps */
{_fields([*self.owns, *self.fixed])}
}} Own;
typedef struct {{ /* of each lane, from step to step */
{_fields(self.states)}
    _Alignas(64) Real broken[LANES]; /* 0, or NaN where something has been no number */
}} Carry;
typedef struct {{ /* of all lanes, some of each step */
{chr(10).join(uniform or ["    int nothing;"])}
}} Uniform;
"""

    def uniform_fields(self) -> list[str]:
        """Lines of the type Uniform."""
        fields = [f"    {c_type(x.kind)} {x.text};" for x in self.same]
        return fields + [f"    {c_type(x.kind)} {x.text}[STEPS];" for x in self.uniform]

    def parameter_lines(self) -> str:
        """Return the lines that depend on parameters only."""
        used = {x for level in self.by_level.values() for o in level for x in o.operands}
        used |= set(self.results)
        constants = [x for x in used if isinstance(x, Name) and x.level == 0 and x.text[0] == "k"]
        lines = [
            f"const Real {x.text} = constant[{x.text[1:]}];"
            for x in sorted(constants, key=lambda x: x.text)
        ]
        return join([*lines, "(void)constant;", *map(line_of, self.by_level[0])], 4)

    def prepare_uniform(self, arguments: str) -> str:
        """A function that computes what is the same in all lanes, for `count` steps from step number `first` on."""
        places = [read for x, text in self.places.items() for read in reads([x], text)]
        places += [f"(void){x.text};" for x in self.places]
        stores = [f"u->{x.text}[t] = {x.text};" for x in self.uniform]
        return f"""
static void prepare_uniform(const Real *constant, {arguments}, int32_t count, Uniform *u) {{
{self.parameter_lines()}
{join([f"u->{x.text} = {x.text};" for x in self.same], 4)}
    for (int32_t t = 0; t < count; t++) {{
        (void)u;
{join([*places, *map(line_of, self.by_level[STEP]), *stores], 8)}
    }}
}}
"""

    def load_block(self, arguments: str, lane_text: str, state_text: str) -> str:
        """A function that reads some lanes, number `k` of each as the texts say, and computes what is theirs."""
        loads = [
            f"{struct}->{x.text}[j] = {text.format(k=k, type=_stored(x))};"
            for struct, names, text in (("o", self.owns, lane_text), ("c", self.states, state_text))
            for k, x in enumerate(names)
        ]
        stores = [f"o->{x.text}[j] = {x.text};" for x in self.fixed]
        lane = [*reads(self.owns, "o->{}[j]"), *map(line_of, self.by_level[LANE]), *stores]
        return f"""
static void load_block(const Real *constant, {arguments}, Own *o, Carry *c) {{
    (void)own;
    for (int64_t j = 0; j < LANES; j++) {{
{join([*loads, "c->broken[j] = 0;"], 8)}
    }}
{self.parameter_lines()}
    for (int j = 0; j < LANES; j++) {{
{join(lane, 8)}
    }}
}}
"""

    def advance_block(
        self, arguments: str, finish: Sequence[str], before: str = "", after: str = ""
    ) -> str:
        """A function that advances some lanes by a step; `finish` is done in each of them at its end."""
        names = reads([*self.owns, *self.fixed], "o->{}[j]") + reads(self.states, "c->{}[j]")
        names += [read for x, text in self.inputs.items() for read in reads([x], text)]
        shared = reads(self.same, "u->{}" + self.index) + reads(self.uniform, "u->{}[t]")
        stores = [
            f"c->{x.text}[j] = {text_of(end)};"
            for x, end in zip(self.states, self.results, strict=False)
            if end != x or isinstance(end, Constant)
        ]
        body = [*names, *map(line_of, self.by_level[STEP | LANE]), *stores, *finish]
        return f"""
static {arguments} {{
    (void)u, (void)t, (void)o;
    {before}
{join(shared, 4)}
WHOLE_VECTORS
    for ({self.lanes}) {{
{join(body, 8)}
    }}
    {after}
}}
"""

    def store_states(self, arguments: str, place: str, lanes: str) -> str:
        """A function that writes the states of some lanes, number `k` to where the text says."""
        stores = [
            f"{place.format(k=k, type=_stored(x))} = c->{x.text}[j];"
            for k, x in enumerate(self.states)
        ]
        return f"""
static void store_states({arguments}, const Carry *c) {{
    for (int64_t j = 0; j < {lanes}; j++) {{
{join(stores, 8)}
    }}
}}
"""
