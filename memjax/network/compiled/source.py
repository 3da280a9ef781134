"""The text of a kernel in C: what is generated of a neuron's equations, between the fixed parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

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

_NUMBER = Name("i", "number", STEP)
"""Of the step."""


@dataclass(frozen=True)
class Table:
    """Connections whose spikes the kernel delivers: the receptor they belong to, and the sign of their weights."""

    receptor: int
    sign: float


@dataclass(frozen=True)
class Source:
    """A kernel's text, and the numbers that it is given beside states and tables.

    Parameters
    ----------
    text : str
        In C; equal for neurons that differ in parameters only.
    constants : Float[np.ndarray, " constants"]
        Parameters of the equations.
    """

    text: str
    constants: np.ndarray


@dataclass(frozen=True)
class Shape:
    """What a kernel is made for, beside the equations.

    Parameters
    ----------
    steps, block : int
        Steps of an exchange interval; lanes of a block of arrivals.
    halves : bool
        Whether a word holds the numbers of two spikes, see `memjax.network.delivery.push_spike`.
    dense : tuple of bool
        Of each receptor, whether its arrivals are an array over all steps.
    tables : tuple of Table
        Connections to the other receptors.
    """

    steps: int
    block: int
    halves: bool
    dense: tuple[bool, ...]
    tables: tuple[Table, ...]


def kernel_source(lane: Callable, own: Any, carry: Any, shape: Shape) -> Source:
    """The kernel of a lane's equations.

    Parameters
    ----------
    lane : callable
        ``lane(own, carry, number, arrivals)`` gives the carry after the step of this number; whether the neuron
        fires; and numbers that are finite where all is well.
    own, carry : PyTree
        Constants and states of one lane: scalars, or descriptions of them.
    shape : Shape
        See there.

    Raises
    ------
    UntranslatableError
        The equations hold what has no translation.
    """
    avals = [jax.ShapeDtypeStruct((), x.dtype) for x in jax.tree.leaves((own, carry))]
    arrivals = [jax.ShapeDtypeStruct((), np.float32)] * len(shape.dense)
    number = jax.ShapeDtypeStruct((), np.int32)
    tree = jax.tree.structure((own, carry))
    count = len(jax.tree.leaves(own))

    def flat(leaves, number, arrivals):
        own, carry = jax.tree.unflatten(tree, leaves)
        carry, fires, end = lane(own, carry, number, arrivals)
        return [*jax.tree.leaves(carry), fires, sum(jax.tree.leaves(end))]

    closed = jax.make_jaxpr(flat)(avals, number, arrivals)
    kinds = [kind_of(x.dtype) for x in avals]
    owns = [Name(k, f"own{i}", LANE) for i, k in enumerate(kinds[:count])]
    states = [Name(k, f"in{i}", STEP | LANE) for i, k in enumerate(kinds[count:])]
    arriving = [Name("f", f"arrives{r}", STEP | LANE) for r in range(len(arrivals))]
    inputs: list[Atom] = [*owns, *states, _NUMBER, *arriving]
    constants, numbers = _constants(closed.consts)
    t = Translation()
    results = translate(t, closed, [_scalar(x) for x in inputs], constants)
    text = _text(t, [x.item() for x in results], owns, states, arriving, shape)
    return Source(text, np.asarray(numbers or [0.0], np.float32))


def _scalar(x: Atom) -> np.ndarray:
    array = np.empty((), object)
    array[()] = x
    return array


def _constants(values: Sequence[Any]) -> tuple[list[np.ndarray], list[float]]:
    """Atoms of the parameters of the equations, and the numbers that kernels are given for them."""
    atoms, numbers = [], []
    for value in values:
        array = literal(value)
        for place in np.ndindex(array.shape):
            x: Any = array[place]
            # 0 and 1 leave operations out; all others are given, so that other parameters need no other kernel.
            if x.kind == "f" and x.value not in (0.0, 1.0):
                array[place] = Name("f", f"k{len(numbers)}", 0)
                numbers.append(x.value)
        atoms.append(array)
    return atoms, numbers


def _text(
    t: Translation, results: list, owns: list, states: list, arriving: list, shape: Shape
) -> str:
    """All of the kernel."""
    *ends, fires, total = results
    operations = t.used(results)
    by_level = {k: [x for x in operations if x.name.level == k] for k in range(4)}
    # What a lane needs in each step of numbers that were computed before: once a call, once a step, once a lane.
    needed = {x for o in by_level[STEP | LANE] for x in o.operands if isinstance(x, Name)}
    needed |= {x for x in results if isinstance(x, Name)}
    uniform = [x for x in (_NUMBER, *(o.name for o in by_level[STEP])) if x in needed]
    same = sorted((x for x in needed if x.level == 0), key=lambda x: x.text)
    fixed = [o.name for o in by_level[LANE] if o.name in needed]
    parts = [
        (_FOLDER / "prelude.c").read_text(),
        _declarations(owns, fixed, states, (same, uniform), shape),
        _prepare_uniform(by_level, same, uniform),
        _load_block(by_level, owns, fixed, states),
        _store_block(states),
        _advance_block(
            by_level, (owns, fixed, states), (same, uniform), arriving, (ends, fires, total)
        ),
        (_FOLDER / "kernel.c").read_text(),
    ]
    return "\n".join(parts)


def _fields(names: Sequence[Name]) -> str:
    fields = [f"    _Alignas(64) {c_type(x.kind)} {x.text}[LANES];" for x in names]
    return "\n".join(fields or ["    int nothing;"])


def _declarations(owns, fixed, states, uniforms, shape: Shape) -> str:
    """Constants and types."""
    tables = shape.tables or (Table(-1, 0.0),)
    same, uniform = uniforms
    uniform_fields = [f"    {c_type(x.kind)} {x.text};" for x in same]
    uniform_fields += [f"    {c_type(x.kind)} {x.text}[STEPS];" for x in uniform]
    uniform_fields = uniform_fields or ["    int nothing;"]
    return f"""
enum {{
    STEPS = {shape.steps}, BLOCK = {shape.block}, HALVES = {int(shape.halves)},
    OWNS = {len(owns)}, CARRIES = {len(states)},
    RECEPTORS = {len(shape.dense)}, DENSES = {sum(shape.dense)}, TABLES = {len(shape.tables)}
}};
static const int IS_DENSE[] = {{{", ".join(map(str, map(int, shape.dense))) or "0"}}};
static const int RECEPTOR_OF_TABLE[] = {{{", ".join(str(x.receptor) for x in tables)}}};
static const float SIGN_OF_TABLE[] = {{{", ".join(f"{x.sign:.1f}f" for x in tables)}}};
typedef struct {{ /* of each lane, in all steps */
{_fields([*owns, *fixed])}
}} Own;
typedef struct {{ /* of each lane, from step to step */
{_fields(states)}
    _Alignas(64) int32_t broken[LANES]; /* whether a state has not been finite */
}} Carry;
typedef struct {{ /* of all lanes, some of each step */
{chr(10).join(uniform_fields)}
}} Uniform;
"""


def _lines(operations: Sequence[Operation], indent: int) -> str:
    return "\n".join(" " * indent + line_of(o) for o in operations)


def _level_0(by_level) -> str:
    """What depends on parameters only."""
    used = {x for level in by_level.values() for o in level for x in o.operands}
    given = sorted(
        {x for x in used if isinstance(x, Name) and x.text[0] == "k"}, key=lambda x: x.text
    )
    lines = [f"    const float {x.text} = constant[{x.text[1:]}];" for x in given]
    return "\n".join([*lines, "    (void)constant;", _lines(by_level[0], 4)])


def _prepare_uniform(by_level, same, uniform) -> str:
    """What is the same in all lanes."""
    stores = "\n".join(f"        u->{x.text}[t] = {x.text};" for x in uniform)
    return f"""
static void prepare_uniform(const float *constant, int32_t first, Uniform *u) {{
{_level_0(by_level)}
{chr(10).join(f"    u->{x.text} = {x.text};" for x in same)}
    for (int32_t t = 0; t < STEPS; t++) {{
        const int32_t number = first + t;
        (void)number, (void)u;
{_lines(by_level[STEP], 8)}
{stores}
    }}
}}
"""


def _load_block(by_level, owns, fixed, states) -> str:
    """Constants and states of some lanes, those beyond the last one like it; and what depends on the former only."""
    copies = [("own", k, "o", x) for k, x in enumerate(owns)]
    copies += [("carry", k, "c", x) for k, x in enumerate(states)]
    loads = "\n".join(
        f"        {struct}->{x.text}[j] = ((const {_stored(x)} *){where}[{k}]->data)[lane + (j < n ? j : n - 1)];"
        for where, k, struct, x in copies
    )
    names = "\n".join(f"        const {c_type(x.kind)} {x.text} = o->{x.text}[j];" for x in owns)
    stores = "\n".join(f"        o->{x.text}[j] = {x.text};" for x in fixed)
    return f"""
static void load_block(const float *constant, XLA_FFI_Buffer **own, XLA_FFI_Buffer **carry, int64_t lane, int64_t n,
                       Own *o, Carry *c) {{
    (void)own;
    for (int64_t j = 0; j < LANES; j++) {{
{loads}
        c->broken[j] = 0;
    }}
{_level_0(by_level)}
    for (int j = 0; j < LANES; j++) {{
{names}
{_lines(by_level[LANE], 8)}
{stores}
    }}
}}
"""


def _stored(x: Name) -> str:
    """Type of a number in JAX's arrays."""
    return "uint8_t" if x.kind == "b" else c_type(x.kind)


def _store_block(states) -> str:
    stores = "\n".join(
        f"        (({_stored(x)} *)rets[{k}]->data)[lane + j] = c->{x.text}[j];"
        for k, x in enumerate(states)
    )
    return f"""
static void store_block(XLA_FFI_Buffer **rets, int64_t lane, int64_t n, const Carry *c) {{
    for (int64_t j = 0; j < n; j++) {{
{stores}
        if (c->broken[j]) ((uint32_t *)rets[0]->data)[lane + j] = 0x7FC00000u; /* no number */
    }}
}}
"""


def _advance_block(by_level, of_lanes, uniforms, arriving, results) -> str:
    """One step of some lanes."""
    ends, fires, total = results
    (owns, fixed, states), (same, uniform) = of_lanes, uniforms
    names = [f"const {c_type(x.kind)} {x.text} = o->{x.text}[j];" for x in [*owns, *fixed]]
    names += [f"const {c_type(x.kind)} {x.text} = c->{x.text}[j];" for x in states]
    names += [f"const float {x.text} = arriving[{r}][j];" for r, x in enumerate(arriving)]
    shared = [f"const {c_type(x.kind)} {x.text} = u->{x.text};" for x in same]
    shared += [f"const {c_type(x.kind)} {x.text} = u->{x.text}[t];" for x in uniform]
    stores = [
        f"c->{x.text}[j] = {text_of(end)};"
        for x, end in zip(states, ends, strict=True)
        if end != x or isinstance(end, Constant)
    ]

    def join(lines, indent):
        return "\n".join(" " * indent + x for x in lines)

    return f"""
static inline int advance_block(const Uniform *u, int32_t t, const Own *o, Carry *restrict c,
                                float (*arriving)[LANES], int32_t *restrict fires) {{
    (void)u, (void)t, (void)o, (void)arriving;
    int any = 0;
{join(shared, 4)}
WHOLE_VECTORS
    for (int j = 0; j < LANES; j++) {{
{join(names, 8)}
{_lines(by_level[STEP | LANE], 8)}
{join(stores, 8)}
        fires[j] = {text_of(fires)};
        any |= fires[j];
        c->broken[j] |= !is_finite({text_of(total)});
    }}
    return any;
}}
"""
