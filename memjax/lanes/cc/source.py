"""The text in C of a program under a driver: generated functions of its step, and then the driver's loop."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from ...core.result import HOPELESS, HOPELESS_IN_PASSING, RUNAWAY, Result
from ...runtime.compile_cache import cached_text
from ...solver.rosenbrock import DERIVATIVE_ERROR, DERIVATIVE_FLOOR
from ..drivers import Adaptive, Driver, Exchange, Fixed, Interval, Table
from ..program import StepProgram, Tangents
from .program import Constants, Program, join, name_arrays, trace
from .rows import as_rows
from .side_by_side import SideBySide
from .translation import (
    FLOATS,
    LANE,
    STEP,
    Atom,
    Constant,
    UntranslatableError,
    kind_of,
    text_of,
)

_FOLDER = Path(__file__).parent

_STEPS = 256
"""Steps of a block of lanes before the next one's turn: what all lanes share is computed once for so many."""

_SIDE_BY_SIDE = 8
"""Lanes whose adaptive steps are computed together."""

_MOST = 64
"""Directions at the most."""

_VECTOR = """
#ifdef __AVX512F__
enum { WIDTH = 8 };
#else
enum { WIDTH = 4 };
#endif
"""
"""Directions along which derivatives are computed together."""

_NONE = "#error "
"""What stands, before the reason, in the place of a kept text where there is none."""


class Source(NamedTuple):
    """A kernel's text in C, numbers that it is given behind those that lanes share, and its kind of numbers."""

    text: str
    constants: tuple[float, ...]
    real: str


def source_of(program: StepProgram, driver: Driver) -> Source:
    """The text of a program under a driver, from disk where its key is known: tracing may take half a second.

    Raises
    ------
    UntranslatableError
        The equations hold what has no translation.
    """
    kinds = [kind_of(x.dtype) for x in jax.tree.leaves(program.carry)]
    constants = Constants(next((x for x in kinds if x in FLOATS), "f"))
    writers: dict[type, Callable] = {Adaptive: _adaptive, Fixed: _fixed, Exchange: _exchange}

    def write() -> str:
        try:
            text = writers[type(driver)](program, driver, constants)
        except UntranslatableError as e:
            return _NONE + str(e)
        lost = program.key is not None and constants.values  # a text that is kept tells no numbers
        return _NONE + "arrays that are no parameters" if lost else text

    keyed = program.key is not None
    text = cached_text("lanes", (program.key, driver), write) if keyed else write()
    if text.startswith(_NONE):
        raise UntranslatableError(text.removeprefix(_NONE))
    return Source(text, tuple(constants.values), constants.real)


def _atoms(tree: Any) -> list[Atom]:
    """All numbers of a tree of arrays."""
    return [x for array in jax.tree.leaves(tree) for x in array.reshape(-1)]


def _in_blocks(
    program: StepProgram, moment: Any, names: Any, constants: Constants
) -> tuple[Any, list, Any]:
    """Operations of a step of lanes that advance in blocks: options of its `Program`, carry and outputs."""
    if any(kind_of(x.dtype) != constants.real for x in jax.tree.leaves(program.shared)):
        raise UntranslatableError("parameters that are whole numbers")
    shared = jax.tree.map(lambda x: constants.names(x.shape), program.shared)
    parameters, owns = name_arrays(program.parameters, "own", LANE)
    carry, states = name_arrays(program.carry, "in", STEP | LANE)
    described = (program.parameters, program.carry, program.shared, moment)
    t, (end, outputs) = trace(
        program.step, described, (parameters, carry, shared, names), constants
    )
    return dict(translation=t, owns=owns, states=states), _atoms(end), outputs


_ELEMENT = "(({{type}} *){}[{{k}}]->data)[lane + {}]"
"""A number of a lane in arrays of many lanes."""


def _blocks_text(program: Program, head: str, functions: Sequence[str], constants: int, file: str):
    """The text of lanes in blocks: what both drivers of them are given, and what one of them has alone."""
    buffers, part = "XLA_FFI_Buffer *", "int64_t lane, int64_t n"
    # Those beyond the last lane are like it.
    texts = (_ELEMENT.format(x, "(j < n ? j : n - 1)") for x in ("own", "carry"))
    return "\n".join(
        [
            program.prelude(),
            (_FOLDER / "call.c").read_text(),
            f"enum {{ OWNS = {len(program.owns)}, CARRIES = {len(program.states)}, CONSTANTS = {constants} }};",
            head,
            program.types(),
            program.prepare_uniform("XLA_FFI_Buffer **places, int64_t s, int32_t first"),
            program.load_block(f"{buffers} *own, {buffers} *carry, {part}", *texts),
            program.store_states(f"{buffers} *rets, {part}", _ELEMENT.format("rets", "j"), "n"),
            *functions,
            (_FOLDER / file).read_text(),
        ]
    )


_NUMBER = "first + (int32_t)(s + t)"
"""The number of a step."""


def _fixed(program: StepProgram, driver: Fixed, constants: Constants) -> str:
    """See `source_of`."""
    moment, (number, *numbers) = name_arrays(driver.moment, "place", STEP)
    look_at = driver.look or (lambda *_: ())

    def step_and_look(*arguments: Any) -> tuple:
        end, outputs = program.step(*arguments)
        return end, (outputs, look_at(*arguments))

    both = replace(program, step=step_and_look)
    options, end, (outputs, rates) = _in_blocks(both, driver.moment, moment, constants)
    if jax.tree.leaves(outputs.converged):
        raise UntranslatableError("steps that may not converge")
    options["places"] = {number: _NUMBER} | {
        x: f"((const Real *)places[{k}]->data)[s + t]" for k, x in enumerate(numbers)
    }
    checked, stiffness = _atoms(outputs.checked), _atoms(rates)
    states = options["states"]
    step = Program(**options, inputs={}, results=[*end, *checked])
    look = Program(**options, inputs={}, results=[*states, *stiffness])
    # What is no number stays so from step to step, and is seen in the rows, but for bounds, which hide it. Of a sum,
    # which is no number where one of its terms is none.
    sum_of = " + ".join(map(text_of, checked))
    finish = [f"const Real sum = {sum_of};", "c->broken[j] = is_nan(sum) ? sum : c->broken[j];"]
    finish = [] if checked == end else finish
    sizes = [f"ABS(c->{x.text}[j])" for x in states]
    largest = functools.reduce(lambda a, b: f"greater({b}, {a})", sizes)
    head = f"""
enum {{ STEPS = {_STEPS}, PLACES = {len(numbers)}, NOT_FINITE = {Result.not_finite}, RUNAWAY = {Result.runaway} }};
static const Real LARGEST = {RUNAWAY!r};
INLINE int32_t is_too_long(Real decay, Real slope) {{
    return (decay > (Real){HOPELESS}) | (slope > (Real){HOPELESS_IN_PASSING});
}}"""
    arguments = "const Uniform *u, int32_t t, const Own *o, Carry *restrict c"
    watch = ", int32_t *restrict result, Real (*restrict stiffness)[LANES]"
    functions = [
        f"INLINE Real largest_state(Carry *restrict c, int64_t j) {{ return {largest}; }}",
        step.advance_block(f"inline void advance_block({arguments})", finish),
        look.advance_block(
            f"NOINLINE void watch_block({arguments}{watch})",
            _watch_of(stiffness),
            "(void)c, (void)result, (void)stiffness;",
        ),
    ]
    whole = Program(**options, inputs={}, results=[*end, *checked, *stiffness])
    return _blocks_text(whole, head, functions, constants.count, "fixed.c")


def _watch_of(stiffness: list) -> list[str]:
    """Statements that keep the largest of each measure of stiffness, where there are any."""
    # What is met after a failure, or a step that was too long, is no rate of the device.
    ends = "(result[j] != 0) | is_too_long(stiffness[0][j], stiffness[1][j])"
    watch = [f"const int32_t ends = {ends};"] * bool(stiffness)
    return watch + [
        f"stiffness[{k}][j] = most(ends ? 0 : {text_of(x)}, stiffness[{k}][j]);"
        for k, x in enumerate(stiffness)
    ]


def _exchange(program: StepProgram, driver: Exchange, constants: Constants) -> str:
    """See `source_of`."""
    if constants.real != "f":
        raise UntranslatableError("spikes that arrive in float64")
    number = jax.ShapeDtypeStruct((), np.int32)
    arrivals = [jax.ShapeDtypeStruct((), np.float32)] * len(driver.dense)
    name, names = name_arrays(number, "number", STEP)
    arriving_names, arriving = name_arrays(arrivals, "arrives", STEP | LANE)
    options, end, outputs = _in_blocks(
        program, (number, arrivals), (name, arriving_names), constants
    )
    checked, (fires,) = _atoms(outputs.checked), _atoms(outputs.fires)
    inputs = {x: f"arriving[{r}][j]" for r, x in enumerate(arriving)}
    step = Program(
        **options, places={names[0]: _NUMBER}, inputs=inputs, results=[*end, fires, *checked]
    )
    finish = [f"fires[j] = {text_of(fires)};", "any |= fires[j];"]
    if checked:
        # 0 times what is not finite is no number: one instruction.
        finish.append(f"c->broken[j] = FMA({' + '.join(map(text_of, checked))}, 0, c->broken[j]);")
    arguments = """inline int advance_block(const Uniform *u, int32_t t, const Own *o, Carry *restrict c,
                                float (*arriving)[LANES], int32_t *restrict fires)"""
    functions = [
        step.advance_block(arguments, finish, "(void)arriving; int any = 0;", "return any;")
    ]
    return _blocks_text(step, _tables(driver), functions, constants.count, "exchange.c")


def _tables(driver: Exchange) -> str:
    """Numbers of tables of connections and of receptors."""
    tables = driver.tables or (Table(-1, 0.0, 0, 0, 0, aligned=True),)
    unordered = {x.receptor for x in tables if not x.aligned}
    fields = ("receptor", "later", "latest", "earliest")
    lists = {f"{x.upper()}_OF_TABLE": [getattr(t, x) for t in tables] for x in fields}
    lists["IS_DENSE"] = [int(x) for x in driver.dense] or [0]
    # Of receptors: delays of any number of steps.
    lists["IS_UNORDERED"] = [int(r in unordered) for r in range(len(driver.dense))] or [0]
    lines = [
        f"static const int {name}[] = {{{', '.join(map(str, x))}}};" for name, x in lists.items()
    ]
    most = sum(x.latest - x.earliest + 1 for x in driver.tables)
    return f"""
enum {{ STEPS = {driver.steps}, BLOCK = {driver.block}, HALVES = {int(driver.halves)} }};
enum {{ RECEPTORS = {len(driver.dense)}, DENSES = {sum(driver.dense)}, TABLES = {len(driver.tables)}, LISTS = {most} }};
static const float SIGN_OF_TABLE[] = {{{", ".join(f"{x.sign:.1f}f" for x in tables)}}};
{join(lines, 0)}"""


def _adaptive(program: StepProgram, driver: Adaptive, constants: Constants) -> str:
    """See `source_of`: numbers and states are those of a lane, their derivatives stand side by side as lanes do."""
    if driver.directions > _MOST:
        raise UntranslatableError(f"derivatives along {driver.directions} directions")
    number = jax.ShapeDtypeStruct((), np.float64)
    described = Interval(*[number] * len(Interval._fields))
    numbers = constants.names(program.parameters.value.shape)
    tangents, owns = name_arrays(program.parameters.tangent, "own", LANE)
    (moment, y), places = name_arrays((described, program.carry.value), "place", STEP)
    dy, states = name_arrays(program.carry.tangent, "in", STEP | LANE)
    t, (end, outputs) = trace(
        program.step,
        (program.parameters, program.carry, program.shared, described),
        (Tangents(numbers, tangents), Tangents(y, dy), (), moment),
        constants,
        loops=True,
    )
    slopes = outputs.tangent
    along = _atoms([end.tangent, slopes.remainder, slopes.start, slopes.end])
    along = as_rows(t, along, driver.directions)
    value = outputs.value
    values = _atoms([end.value, value.start, value.end, value.error])
    options: dict[str, Any] = dict(
        translation=t, owns=owns, states=states, places={}, values=values
    )
    options["inputs"] = {x: f"u->at[{k}][t]" for k, x in enumerate(places)}
    both = SideBySide(**options, results=[*along, *values])
    plain = SideBySide(**options, results=[*along[: 2 * len(states)], *values])
    sizes = f"STATES = {len(states)}, OWNS = {len(owns)}, NUMBERS = {numbers.size}, DIGITS = {driver.digits}"
    head = [
        f"#define BLOCK {driver.directions}",
        f"#define DERIVATIVE_ERROR {DERIVATIVE_ERROR}\n#define DERIVATIVE_FLOOR {DERIVATIVE_FLOOR}",
        both.prelude(),
        (_FOLDER / "call.c").read_text(),
        f"enum {{ STEPS = {_SIDE_BY_SIDE}, {sizes} }};\n{_VECTOR}",
    ]
    parts = [*head, *_adaptive_parts(both, plain), (_FOLDER / "adaptive.c").read_text()]
    return "\n".join(parts)


def _adaptive_parts(program: SideBySide, plain: SideBySide) -> list[str]:
    """Return the generated parts of a text; in the results the derivatives come first: of state, its remainder, and
    slopes.
    """
    n = len(program.states)
    remainder, slopes = (
        [f"{name}[{k}][j] = {text_of(x)};" for k, x in enumerate(program.results[a:b])]
        for name, a, b in (("remainder", n, 2 * n), ("slopes", 2 * n, 4 * n))
    )

    def value(x: Atom) -> str:
        return text_of(x) if isinstance(x, Constant) else program.inputs.get(x, f"u->{x.text}[t]")

    values = [f"out[{k}] = {value(x)};" for k, x in enumerate(program.results[4 * n :])]
    tangents, along = "const Real *own, const Real *carry", "{}[{{k}} * LANES + j]"
    arguments = "const Uniform *u, int32_t t, const Own *o, Carry *restrict c, int32_t first"
    arguments += ", Real (*restrict remainder)[LANES]"
    wide = f"NOINLINE void advance_some_and_slopes({arguments}, Real (*restrict slopes)[LANES])"
    return [
        program.types(),
        program.prepare_uniform(),
        program.advance_block(wide, remainder + slopes),
        plain.advance_block(f"NOINLINE void advance_some({arguments})", remainder),
        f"""
static void results_of(const Uniform *u, int t, Real *out) {{
{join(values, 4)}
}}
""",
        program.load_block(tangents, along.format("own"), along.format("carry")),
        program.store_states("Real *end", along.format("end"), "LANES"),
    ]
