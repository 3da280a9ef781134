"""The pure step of one lane, which drivers repeat and backends compile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class StepProgram:
    """A step of one lane, and descriptions of what it takes.

    Parameters
    ----------
    step : callable
        ``step(parameters, carry, shared, moment)`` gives the carry after the step, and what else the driver asks for,
        see `memjax.lanes.drivers`. It is pure, and a driver gives the moment.
    parameters, carry : PyTree of jax.ShapeDtypeStruct
        What a lane has in all steps, and what it hands from step to step.
    shared : PyTree of jax.ShapeDtypeStruct
        Arrays that all lanes have in all steps.
    key : PyTree, optional
        What the step follows from: by its signature the translated text is kept on disk, which spares tracing.
    """

    step: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
    parameters: Any
    carry: Any
    shared: Any = ()
    key: Any = None


class Tangents(NamedTuple):
    """Numbers and their derivatives along one direction."""

    value: Any
    tangent: Any


def with_tangents(program: StepProgram, moving: tuple[int, ...]) -> StepProgram:
    """The program that carries derivatives beside the numbers: parameters, carry and results are `Tangents`.

    Parameters
    ----------
    program : StepProgram
        Its parameters are one vector.
    moving : tuple of int
        Which of the parameters have derivatives; the others have none.
    """
    number = jax.ShapeDtypeStruct((), program.parameters.dtype)

    def step(parameters, carry, shared, moment):
        zero = jnp.zeros(())
        count = len(parameters.value)
        moves = [parameters.tangent[moving.index(k)] if k in moving else zero for k in range(count)]
        point, along = (parameters.value, carry.value), (jnp.stack(moves), carry.tangent)
        values, tangents = jax.jvp(lambda p, y: program.step(p, y, shared, moment), point, along)
        (end, outputs), (d_end, d_outputs) = values, tangents
        return Tangents(end, d_end), Tangents(outputs, d_outputs)

    parameters = Tangents(program.parameters, [number] * len(moving))
    carry = Tangents(program.carry, program.carry)
    key = None if program.key is None else (program.key, moving)
    return StepProgram(step, parameters, carry, program.shared, key)
