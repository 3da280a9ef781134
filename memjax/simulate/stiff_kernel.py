"""Adaptive solves without noise, and their derivatives along several directions, by a kernel in C.

It is generated from the equations of a step of `memjax.solver.rosenbrock.rodas3_interval`, and takes the steps of
`solve_stiff` but for rounding. Steps of several lanes are computed side by side, in whole vectors, each at its own
time; derivatives of a lane are vectors over the directions, and refused steps have none. Where no compiler of C is at
hand, on other devices than the CPU, or where the equations hold what has no translation, `solve_stiff` does the same.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from ..core.scaling import Scaled
from ..lanes.cc.library import build, register
from ..lanes.cc.program import Constants, join, scalar, threaded, trace
from ..lanes.cc.side_by_side import SideBySide
from ..lanes.cc.translation import (
    LANE,
    STEP,
    Atom,
    Constant,
    Name,
    UntranslatableError,
    kind_of,
    line_of,
    text_of,
)
from ..runtime.compile_cache import cached_text, is_array
from ..runtime.cores import usable_cores
from ..solver.linear import dependent_results
from ..solver.rosenbrock import DERIVATIVE_ERROR, rodas3_interval
from ..stimulus import Sampled
from .adaptive import DIGITS, FIRST, SHORTEST
from .policy import Stiff

_FOLDER = Path(__file__).parent

_WIDTH = 8
"""Directions come in multiples of this many: whole vectors of any processor."""

_SIDE_BY_SIDE = 8
"""Lanes whose steps are computed together."""

_VECTOR = """
#ifdef __AVX512F__
enum { WIDTH = 8 };
#else
enum { WIDTH = 4 };
#endif
"""
"""Directions along which derivatives are computed together."""

_MOST = 64
"""Directions at the most."""

_FLOOR = 1e-2
"""Error that the derivative of a scaled state may always have: what sets in from 0 on grows by any factor in a step."""

_NONE = "#error "
"""What stands, before the reason, in the place of a text where there is none."""


class StiffLanes(NamedTuple):
    """Solves of a batch of lanes; the last axis of derivatives are directions, those beyond the ones asked for are 0.

    Parameters
    ----------
    y : Float[Array, "lanes rows n"]
        Scaled states at the rows.
    dy : Float[Array, "lanes rows n directions"]
        Their derivatives.
    step_t, step_y : Float[Array, "lanes steps"], Float[Array, "lanes steps n"]
        Start and end of every accepted step; times are infinite beyond the last, states there mean nothing.
    step_dy : Float[Array, "lanes steps n directions"]
        Their derivatives.
    last : Float[Array, "lanes 1+n"]
        Time and state at which the solve ended.
    counts : Int[Array, "lanes 3"]
        Accepted and refused steps, and a `Result` (0, or that of too many steps).
    """

    y: Float[Array, "lanes rows n"]
    dy: Float[Array, "lanes rows n directions"]
    step_t: Float[Array, "lanes steps"]
    step_y: Float[Array, "lanes steps n"]
    step_dy: Float[Array, "lanes steps n directions"]
    last: Float[Array, "lanes states"]
    counts: Int[Array, "lanes 3"]


@dataclass(frozen=True)
class StiffKernel:
    """Adaptive solves of lanes as a call by XLA.

    Parameters
    ----------
    target : str
        Name of the call.
    moving : tuple of int
        Which of the numbers of a system have derivatives.
    directions : int
        Along which there are derivatives, a multiple of eight.
    """

    target: str
    moving: tuple[int, ...]
    directions: int

    def __call__(
        self,
        numbers: Float[Array | np.ndarray, "lanes numbers"],
        y0: Float[Array | np.ndarray, "lanes n"],
        derivatives: tuple[Array | np.ndarray, Array | np.ndarray] | None,
        *,
        stimuli: Sampled,
        zeros: Float[Array | np.ndarray, "sweeps zeros"],
        rows: Float[Array | np.ndarray, "sweeps rows"],
        policy: Stiff,
        steps: bool = True,
        threads: int | None = None,
    ) -> StiffLanes:
        """Solve; lane k is of sweep k modulo their number.

        Parameters
        ----------
        numbers, y0
            Numbers of the system of each lane, see `numbers_of`, and its scaled state at the start.
        derivatives : tuple of Float[Array, "lanes moving any"], Float[Array, "lanes n any"], or None
            Derivatives of those numbers that move, and of the state at the start; None where none are asked for.
        stimuli, zeros, rows
            Drives of the sweeps, stacked, where they change sign, ascending, and times of output, ascending [s].
        policy : Stiff
            Tolerances and number of steps.
        steps : bool
            Whether all steps are given, and not the first one alone: they are many numbers.
        threads : int, optional
            Threads that share the lanes, by default one for each core.
        """
        parts = numbers, y0, derivatives, stimuli, zeros, rows, policy
        return self._solve(np, *parts, keeps=steps, threads=threads or usable_cores())

    def in_program(
        self,
        numbers: Float[Array, "lanes numbers"],
        y0: Float[Array, "lanes n"],
        derivatives: tuple[Array, Array],
        *,
        stimuli: Sampled,
        zeros: Float[Array, "sweeps zeros"],
        rows: Float[Array, "sweeps rows"],
        policy: Stiff,
    ) -> StiffLanes:
        """As a call, inside of a program of JAX, in one thread; it is not differentiated: `dy` are the derivatives."""
        parts = numbers, y0, derivatives, stimuli, zeros, rows, policy
        return self._solve(jnp, *parts, keeps=True, threads=1)

    def _solve(
        self,
        xp: Any,
        numbers,
        y0,
        derivatives,
        stimuli,
        zeros,
        rows,
        policy,
        *,
        keeps: bool,
        threads: int,
    ) -> StiffLanes:
        """Solve, with arrays of numpy or, inside of a program, of JAX: `xp` is the module of these."""
        lanes, n = y0.shape
        wide = self.directions if derivatives is not None else 0
        none = np.zeros((lanes, len(self.moving), 0)), np.zeros((lanes, n, 0))
        along = [_widened(xp, x, wide) for x in derivatives or none]
        # Behind the last row by some roundings, as in `solve_stiff`.
        last = xp.max(xp.asarray(rows))
        end = last * (1 + 4 * np.finfo(float).eps)
        shortest = SHORTEST * np.finfo(float).eps * last
        parts = [*policy.tolerances(noisy=False), end, end * FIRST, last, shortest]
        control = xp.stack([xp.asarray(x, float) for x in parts])
        whole = [policy.max_steps, threads, stimuli.kind == "linear", wide > 0, keeps]
        steps, points = policy.max_steps + 1 if keeps else 1, rows.shape[1]
        shapes = [(lanes, points, n), (lanes, points, n, wide), (lanes, steps), (lanes, steps, n)]
        shapes += [(lanes, steps, n, wide), (lanes, 1 + n)]
        arguments = [control, np.array(whole, np.int32), stimuli.times, stimuli.values, zeros, rows]
        arguments += [numbers, y0, *along]
        return StiffLanes(*_call_of(self.target, tuple(shapes))(*arguments))


@functools.cache
def _call_of(target: str, shapes: tuple) -> Callable:
    """A compiled call of a kernel."""
    results = [jax.ShapeDtypeStruct(x, np.float64) for x in shapes]
    results.append(jax.ShapeDtypeStruct((shapes[0][0], 3), np.int32))
    return jax.jit(jax.ffi.ffi_call(target, results))


def _widened(xp: Any, x: Any, wide: int) -> Any:
    """Derivatives along more directions, the further ones 0."""
    x = xp.asarray(x)
    return xp.pad(x, [(0, 0), (0, 0), (0, wide - x.shape[-1])])


def numbers_of(scaled: Scaled) -> Float[Array, " numbers"]:
    """All numbers in the arrays of a system, one after the other."""
    leaves = jax.tree.leaves(eqx.filter(scaled, is_array))
    return jnp.concatenate([jnp.ravel(x) for x in leaves])


def moving_numbers(system_at: Callable[[Any], Scaled], z: Float[Array, "..."]) -> tuple[int, ...]:
    """Places of those numbers (see `numbers_of`) of a system that depend on coordinates."""
    leaves = lambda x: jax.tree.leaves(eqx.filter(system_at(x), is_array))  # noqa: E731
    closed = jax.make_jaxpr(leaves)(z)
    sizes = [int(np.prod(x.shape)) for x in closed.out_avals]
    return tuple(np.flatnonzero(np.repeat(dependent_results(closed.jaxpr), sizes)).tolist())


def stiff_kernel_of(scaled: Scaled, moving: Sequence[int], directions: int) -> StiffKernel | str:
    """Return the kernel of systems like this one, whose numbers do not matter, or the reason as text if there is none.

    Parameters
    ----------
    scaled : Scaled
        The system.
    moving : sequence of int
        Which of its numbers (see `numbers_of`) have derivatives.
    directions : int
        Along how many directions.
    """
    wide, moving = max(-(-directions // _WIDTH) * _WIDTH, _WIDTH), tuple(moving)
    return build(
        lambda: _cached_text(scaled, moving, wide),
        lambda text, compiler: StiffKernel(register(text, compiler, "d"), moving, wide),
    )


def _cached_text(scaled: Scaled, moving: tuple[int, ...], wide: int) -> str:
    """`_text`, from disk where it is there: to trace and translate a step takes half a second, whatever comes of it."""

    def make() -> str:
        try:
            return _text(scaled, moving, wide)
        except UntranslatableError as e:
            return _NONE + str(e)

    text = cached_text("stiff_kernel", (scaled, moving, wide), make)
    if text.startswith(_NONE):
        raise UntranslatableError(text.removeprefix(_NONE))
    return text


def _text(scaled: Scaled, moving: tuple[int, ...], wide: int) -> str:
    """All of the kernel."""
    arrays, static = eqx.partition(scaled, is_array)
    leaves, tree = jax.tree.flatten(arrays)
    n = len(scaled.scale)
    if wide > _MOST:
        raise UntranslatableError(f"derivatives along {wide} directions")
    if any(kind_of(x.dtype) != "d" for x in leaves):
        raise UntranslatableError("parameters that are no float64")
    sizes = [int(np.size(x)) for x in leaves]
    ends, total = np.cumsum(sizes), sum(sizes)

    def step(numbers, y, at):
        cuts = zip(leaves, sizes, ends, strict=True)
        parts = [numbers[b - k : b].reshape(np.shape(x)) for x, k, b in cuts]
        system = eqx.combine(jax.tree.unflatten(tree, parts), static)
        t0, t1, u, t_u, slope, last, corner, h = at

        # Steps land on the corners of the drive: within one it is a straight line, held from the last row on.
        def field(t, z):
            beyond = lax.stop_gradient(jnp.maximum(t - last, 0.0))
            return system.drift(t, z, u + slope * (jnp.minimum(t - beyond, corner) - t_u))

        y1, error, slopes, remainder = rodas3_interval(field, system.project, t0, t1, y, h=h)
        return y1, *slopes, error, remainder

    def lane(numbers, directions, y, dy, at):
        zero = jnp.zeros(())
        moves = [directions[moving.index(k)] if k in moving else zero for k in range(total)]
        point, along = (numbers, y), (jnp.stack(moves), dy)
        values, tangents = jax.jvp(lambda a, b: step(a, b, at), point, along)
        along = tangents[0], tangents[4], *tangents[1:3]
        return [*jnp.concatenate(along), *jnp.concatenate(values[:4])]

    describe = lambda *shape: jax.ShapeDtypeStruct(shape, np.float64)  # noqa: E731
    avals = describe(total), [describe()] * len(moving), describe(n), describe(n), describe(8)
    constants = Constants("d")
    numbers = constants.names((total,))
    owns = [Name("d", f"own{k}", LANE) for k in range(len(moving))]
    states = [Name("d", f"in{k}", STEP | LANE) for k in range(n)]
    places = [Name("d", f"place{k}", STEP) for k in range(8 + n)]
    inputs = [numbers, *map(scalar, owns)]
    inputs += [np.array(x, object) for x in (places[8:], states, places[:8])]
    t, results = trace(lane, avals, inputs, constants, loops=True)
    if constants.values:
        raise UntranslatableError("arrays that are no parameters")
    options: dict[str, Any] = dict(translation=t, owns=owns, states=states, places={})
    options["inputs"] = {x: f"u->at[{k}][t]" for k, x in enumerate(places)}
    program = SideBySide(**options, results=results)
    plain = SideBySide(**options, results=[*results[: 2 * n], *results[4 * n :]])
    sizes = f"STATES = {n}, OWNS = {len(owns)}, NUMBERS = {total}, DIGITS = {DIGITS}"
    head = [
        f"#define BLOCK {wide}",
        f"#define DERIVATIVE_ERROR {DERIVATIVE_ERROR}\n#define DERIVATIVE_FLOOR {_FLOOR}",
        program.prelude(),
        f"enum {{ STEPS = {_SIDE_BY_SIDE}, {sizes} }};\n{_VECTOR}",
    ]
    return "\n".join(head + _parts(program, plain, n) + [threaded(_FOLDER / "stiff_kernel.c")])


def _parts(program: SideBySide, plain: SideBySide, n: int) -> list[str]:
    """Return the generated parts of a text; in the results the derivatives come first: of state, its remainder, and
    slopes.
    """
    remainder, slopes = (
        [f"{name}[{k}][j] = {text_of(x)};" for k, x in enumerate(program.results[a:b])]
        for name, a, b in (("remainder", n, 2 * n), ("slopes", 2 * n, 4 * n))
    )

    def value(x: Atom) -> str:
        return text_of(x) if isinstance(x, Constant) else program.inputs.get(x, f"u->{x.text}[t]")

    values = [f"out[{k}] = {value(x)};" for k, x in enumerate(program.results[4 * n :])]
    loads = [f"o->{x.text}[j] = own[{k} * LANES + j];" for k, x in enumerate(program.owns)]
    loads += [f"c->{x.text}[j] = start[{k} * LANES + j];" for k, x in enumerate(program.states)]
    names = [f"const Real {x.text} = o->{x.text}[j];" for x in program.owns]
    stores = [f"o->{x.text}[j] = {x.text};" for x in program.fixed]
    fixed = [*names, *map(line_of, program.by_level[LANE]), *stores]
    ends = [f"end[{k} * LANES + j] = c->{x.text}[j];" for k, x in enumerate(program.states)]
    arguments = "const Uniform *u, int32_t t, const Own *o, Carry *restrict c, int32_t first"
    arguments += ", Real (*restrict remainder)[LANES]"
    wide = f"NOINLINE void advance_some_and_slopes({arguments}, Real (*restrict slopes)[LANES])"
    return [
        program.types(),
        program.prepare_uniform(),
        program.advance_block(wide, remainder + slopes, "", ""),
        plain.advance_block(f"NOINLINE void advance_some({arguments})", remainder, "", ""),
        f"""
static void results_of(const Uniform *u, int t, Real *out) {{
{join(values, 4)}
}}

static void load_tangents(const Real *constant, const Real *own, const Real *start, Own *o, Carry *c) {{
{program.parameter_lines()}
    (void)own;
    for (int j = 0; j < LANES; j++) {{
{join(loads, 8)}
    }}
    for (int j = 0; j < LANES; j++) {{
{join(fixed, 8)}
    }}
}}

static void store_tangents(const Carry *c, Real *end) {{
    for (int j = 0; j < LANES; j++) {{
{join(ends, 8)}
    }}
}}
""",
    ]
