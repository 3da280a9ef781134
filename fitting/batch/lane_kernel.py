"""Steps of many devices side by side, with their tangents, by a kernel in C, out of the equations of one device.

Where no compiler of C is at hand, or the equations hold what has no translation, the program of XLA does the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from memjax.compiled.library import build, register
from memjax.compiled.program import Constants, Program, join, names_of, scalar, trace
from memjax.compiled.translation import (
    LANE,
    STEP,
    Name,
    UntranslatableError,
    kind_of,
    text_of,
)

from .step_grid import Grid

_FOLDER = Path(__file__).parent

_BLOCK = 8
"""Lanes that advance together: a vector of the widest processors, so that few wait for another."""


@dataclass(frozen=True)
class LaneKernel:
    """All steps of some lanes, as a call by XLA.

    Parameters
    ----------
    target : str
        Name of the call.
    seen : int
        How many numbers are seen in each step.
    path : bool
        Whether states after all steps are given, and not at the rows alone.
    """

    target: str
    seen: int
    path: bool

    def __call__(self, own: Sequence[Any], start: Any, grid: Grid) -> tuple:
        """States and tangents at the rows, what is seen in each step, and states after all steps.

        Parameters
        ----------
        own : sequence of Float[Array, "lanes ..."]
            What each lane has in all steps.
        start : Float[Array, "components lanes"]
            States and tangents at the start.
        grid : Grid
            Of lanes, one waveform each: leaves have the shapes (lanes, steps) and (lanes, rows).

        Returns
        -------
        rows : Float[Array, "components lanes rows"]
        *seen : Float[Array, "steps lanes"]
            The first ones are errors of the steps over their tolerances.
        path : Float[Array, "components lanes steps+1"]
            Only with `path`.
        """
        lanes, steps = grid.t.shape
        places = [x.T for x in (grid.t, grid.h, grid.u, grid.slope)]
        numbers = [x for leaf in own for x in jnp.reshape(leaf, (lanes, -1)).T]
        count, dtype = len(start), start.dtype
        shapes = [(count, lanes, grid.at.shape[1]), *[(steps, lanes)] * self.seen]
        shapes += [(count, lanes, steps + 1)] * self.path
        results = [jax.ShapeDtypeStruct(s, dtype) for s in shapes]
        arguments = [jnp.reshape(grid.rtol, 1), grid.at.astype(jnp.int32), *places]
        return tuple(jax.ffi.ffi_call(self.target, results)(*arguments, *numbers, *start))


def lane_kernel(
    step: Callable[..., list],
    own: Sequence[Any],
    count: int,
    states: int,
    *,
    seen: int,
    path: bool,
) -> LaneKernel | str:
    """The kernel of a step of one lane; why there is none, where there is none.

    Parameters
    ----------
    step : callable
        ``step(own, components, (t, h, u, slope), rtol)`` gives the components after a step, first the states, its error
        over its tolerance, and what else is seen in it, all in one list.
    own : sequence of ShapeDtypeStruct
        What each lane has in all steps.
    count, states : int
        Number of components, and of states among them.
    seen : int
        How many numbers are seen in each step, its error among them.
    path : bool
        Whether states after all steps are asked for.
    """
    return build(
        lambda: _text(step, own, count, states, seen, path),
        lambda text, compiler: LaneKernel(register(text, compiler, "d"), seen, path),
    )


def _text(
    step: Callable, own: Sequence[Any], count: int, n_states: int, n_seen: int, path: bool
) -> str:
    """All of the kernel."""
    if any(kind_of(x.dtype) != "d" for x in own):
        raise UntranslatableError("parameters that are no float64")
    number, constants = jax.ShapeDtypeStruct((), np.float64), Constants("d")
    names = _arrays(own, "own", LANE)
    owns = [x for array in names for x in array.ravel()]
    states = names_of([number] * count, "in", STEP | LANE)
    places = names_of([number] * 4, "place", STEP | LANE)
    inputs = [*names, *map(scalar, states), *map(scalar, places), scalar(constants.name())]

    avals = (list(own), [number] * count, [number] * 4, number)
    t, results = trace(step, avals, inputs, constants)
    if constants.values:
        raise UntranslatableError("arrays that are no parameters")
    reads = {x: f"places->of[{k}][j]" for k, x in enumerate(places)}
    program = Program(
        translation=t, owns=owns, states=states, places={}, inputs=reads, results=results
    )
    # Of the states alone: where tangents are none their grid is as good as it was.
    sound = " & ".join(f"is_finite({text_of(x)})" for x in [*results[:n_states], results[count]])
    seen = results[count:]
    finish = [f"places->seen[{k}][j] = {text_of(x)};" for k, x in enumerate(seen)]
    finish.append(f"c->broken[j] |= !({sound});")
    stores = [f"to[{k} * apart] = c->{x.text}[j];" for k, x in enumerate(states)]
    sizes = dict(STEPS=1, OWNS=len(owns), CARRIES=count, SEEN=n_seen, PATH=int(path), CONSTANTS=1)
    parts = [
        f"#define BLOCK {_BLOCK}",
        program.prelude(),
        f"enum {{ {', '.join(f'{n} = {x}' for n, x in sizes.items())} }};",
        "typedef struct { Real of[4][LANES], seen[SEEN][LANES]; } Places;",
        "typedef struct { int64_t lanes, steps, rows; } Shape;",
        program.types(),
        program.prepare_uniform("int32_t first"),
        program.load_block(),
        f"static void store_states(Real *to, int64_t apart, int64_t j, const Carry *c) {{\n{join(stores, 4)}\n}}",
        program.advance_block(
            "inline void advance_block(const Uniform *u, Places *restrict places, int32_t t, const Own *o,"
            " Carry *restrict c)",
            finish,
            "",
            "",
        ),
        (_FOLDER / "lane_kernel.c").read_text(),
    ]
    return "\n".join(parts)


def _arrays(avals: Sequence[Any], prefix: str, level: int) -> list[np.ndarray]:
    """Arrays of names, for arrays of numbers."""
    out, k = [], 0
    for x in avals:
        array = np.empty(x.shape, object)
        for place in np.ndindex(x.shape):
            array[place] = Name("d", f"{prefix}{k}", level)
            k += 1
        out.append(array)
    return out
