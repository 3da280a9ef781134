"""Derivatives that a solve cannot give: in place of an error of JAX, one sentence says what to write instead."""

from typing import Any, TypeVar

import jax
import jax.core
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ..errors import PolicyError

T = TypeVar("T")


def _refuse_reverse(*_: Any) -> Any:
    """The transpose of `forward_only`."""
    raise PolicyError(
        "a reverse derivative (jax.grad, jax.vjp, jax.jacrev) through adaptive steps whose adjoint is forward",
        where="Stiff",
        allowed="jax.jvp, jax.jacfwd",
        fix="write policy=mj.Stiff(adjoint=diffrax.RecursiveCheckpointAdjoint()), or take jax.jacfwd",
    )


def _refuse_forward(*_: Any, **__: Any) -> Any:
    """The value of a tangent that came through `reverse_only`."""
    raise PolicyError(
        "a forward derivative (jax.jvp, jax.jacfwd) through adaptive steps whose adjoint is for reverse",
        where="Stiff",
        allowed="jax.grad, jax.vjp, jax.jacrev",
        fix="leave adjoint out of mj.Stiff(...), or take jax.grad",
    )


def _identity(name: str) -> Primitive:
    """A JAX primitive that returns its argument, on single arrays and on batches."""
    operation = Primitive(name)
    operation.def_impl(lambda x: x)
    operation.def_abstract_eval(lambda x: x)
    batching.defvectorized(operation)
    # What JAX says of the types of rules is narrower than what it calls.
    mlir.register_lowering(operation, lambda _, x: [x])  # pyright: ignore[reportArgumentType]
    return operation


def _set_derivative(operation: Primitive, on_tangent: Primitive) -> None:
    """Let the derivative of an operation be another one on the tangent."""

    def rule(primals, tangents):
        (x,), (tangent,) = primals, tangents
        zero = isinstance(tangent, ad.Zero)
        return operation.bind(x), tangent if zero else on_tangent.bind(tangent)

    ad.primitive_jvps[operation] = rule


_forward_p, _reverse_p = _identity("memjax_forward_only"), _identity("memjax_reverse_only")
_tangent_p = _identity("memjax_tangent_in_reverse_only")
_set_derivative(_forward_p, _forward_p)
ad.primitive_transposes[_forward_p] = _refuse_reverse
# A tangent that is only ever transposed is never evaluated: evaluation means forward mode.
_set_derivative(_reverse_p, _tangent_p)
_tangent_p.def_impl(_refuse_forward)
mlir.register_lowering(_tangent_p, _refuse_forward)
ad.primitive_transposes[_tangent_p] = lambda cotangent, _: [cotangent]
_set_derivative(_tangent_p, _tangent_p)


def _mark(operation: Primitive, tree: T) -> T:
    """A tree whose traced arrays went through an operation."""

    def mark_tracer(x):
        return operation.bind(x) if isinstance(x, jax.core.Tracer) else x

    return jax.tree.map(mark_tracer, tree)


def forward_only(tree: T) -> T:
    """The tree itself, whose derivative in reverse mode is refused in one sentence.

    Parameters
    ----------
    tree : pytree
        What comes out of an adaptive solve with a forward adjoint. Arrays that are not traced pass
        untouched and cost nothing.
    """
    return _mark(_forward_p, tree)


def reverse_only(tree: T) -> T:
    """The tree itself, whose derivative in forward mode is refused in one sentence.

    Parameters
    ----------
    tree : pytree
        What goes into an adaptive solve with an adjoint for reverse mode.
    """
    return _mark(_reverse_p, tree)
