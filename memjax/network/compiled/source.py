"""The text of a kernel in C: what is generated of a neuron's equations, between the fixed parts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ...lanes.cc.program import Constants, Program, join, names_of, scalar, trace
from ...lanes.cc.translation import LANE, STEP, Name, text_of

_FOLDER = Path(__file__).parent

_NUMBER = Name("i", "number", STEP)
"""Of the step."""


@dataclass(frozen=True)
class Table:
    """Connections whose spikes the kernel delivers.

    Parameters
    ----------
    receptor : int
        That they belong to.
    sign : float
        Of their weights.
    later : int
        Steps by which delays are longer.
    latest, earliest : int
        Of how many exchange intervals ago spikes may arrive, at most and at least.
    aligned : bool
        Whether delays are whole exchange intervals.
    """

    receptor: int
    sign: float
    later: int
    latest: int
    earliest: int
    aligned: bool


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
    """Dimensions that a kernel is made for, beside the equations.

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


def kernel_source(lane: Callable, lane_constants: Any, carry: Any, shape: Shape) -> Source:
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
    avals = [jax.ShapeDtypeStruct((), x.dtype) for x in jax.tree.leaves((lane_constants, carry))]
    arrivals = [jax.ShapeDtypeStruct((), np.float32)] * len(shape.dense)
    number = jax.ShapeDtypeStruct((), np.int32)
    tree = jax.tree.structure((lane_constants, carry))
    count = len(jax.tree.leaves(lane_constants))

    def flat(leaves, number, arrivals):
        lane_constants, carry = jax.tree.unflatten(tree, leaves)
        carry, fires, end = lane(lane_constants, carry, number, arrivals)
        return [*jax.tree.leaves(carry), fires, sum(jax.tree.leaves(end))]

    owns, states = (
        names_of(avals[:count], "own", LANE),
        names_of(avals[count:], "in", STEP | LANE),
    )
    arriving = names_of(arrivals, "arrives", STEP | LANE)
    constants = Constants("f")
    inputs = [scalar(x) for x in (*owns, *states, _NUMBER, *arriving)]
    t, results = trace(flat, (avals, number, arrivals), inputs, constants)
    program = Program(
        translation=t,
        owns=owns,
        states=states,
        places={_NUMBER: "first + t"},
        inputs={x: f"arriving[{r}][j]" for r, x in enumerate(arriving)},
        results=results,
    )
    return Source(_text(program, shape), np.asarray(constants.values or [0.0], np.float32))


def _text(program: Program, shape: Shape) -> str:
    """All of the kernel."""
    parts = [
        program.prelude(),
        _declarations(program, shape),
        program.prepare_uniform("int32_t first"),
        program.load_block(),
        _store_block(program),
        _advance_block(program),
        (_FOLDER / "kernel.c").read_text(),
    ]
    return "\n".join(parts)


def _declarations(program: Program, shape: Shape) -> str:
    """Constants and types."""
    tables = shape.tables or (Table(-1, 0.0, 0, 0, 0, aligned=True),)
    unordered = {x.receptor for x in tables if not x.aligned}
    is_unordered = [int(r in unordered) for r in range(len(shape.dense))] or [0]

    def list_of(field: str) -> str:
        return ", ".join(str(getattr(x, field)) for x in tables)

    return f"""
enum {{
    STEPS = {shape.steps}, BLOCK = {shape.block}, HALVES = {int(shape.halves)},
    OWNS = {len(program.owns)}, CARRIES = {len(program.states)},
    RECEPTORS = {len(shape.dense)}, DENSES = {sum(shape.dense)}, TABLES = {len(shape.tables)}
}};
static const int IS_DENSE[] = {{{", ".join(map(str, map(int, shape.dense))) or "0"}}};
static const int RECEPTOR_OF_TABLE[] = {{{list_of("receptor")}}};
static const float SIGN_OF_TABLE[] = {{{", ".join(f"{x.sign:.1f}f" for x in tables)}}};
static const int LATER_OF_TABLE[] = {{{list_of("later")}}};
static const int LATEST_OF_TABLE[] = {{{list_of("latest")}}};
static const int EARLIEST_OF_TABLE[] = {{{list_of("earliest")}}};
static const int IS_UNORDERED[] = {{{", ".join(map(str, is_unordered))}}}; /* of receptors: delays of any steps */
{program.types()}"""


def _store_block(program: Program) -> str:
    stores = program.store_states("rets[{}]->data")
    return f"""
static void store_block(XLA_FFI_Buffer **rets, int64_t lane, int64_t n, const Carry *c) {{
    for (int64_t j = 0; j < n; j++) {{
{join(stores, 8)}
        if (c->broken[j]) ((uint32_t *)rets[0]->data)[lane + j] = 0x7FC00000u; /* no number */
    }}
}}
"""


def _advance_block(program: Program) -> str:
    """One step of some lanes."""
    fires, total = map(text_of, program.results[len(program.states) :])
    finish = [
        f"fires[j] = {fires};",
        "any |= fires[j];",
        f"c->broken[j] |= !is_finite({total});",
    ]
    arguments = """inline int advance_block(const Uniform *u, int32_t t, const Own *o, Carry *restrict c,
                                float (*arriving)[LANES], int32_t *restrict fires)"""
    return program.advance_block(arguments, finish, "(void)arriving; int any = 0;", "return any;")
