"""A stimulus: a function of time that knows its corners."""

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import StimulusError

if TYPE_CHECKING:
    from .algebra import Product, Sum


Number = float | int | Float[Array, ""]
"""A number, or one that is traced."""


def is_traced(x: object) -> bool:
    """Whether a number or array is known only inside a transformation of JAX."""
    return isinstance(x, jax.core.Tracer)


def check_numbers(where: str, **named: object) -> None:
    """Raise `StimulusError` for anything but a number, or one that is traced or in an array."""
    for name, x in named.items():
        if not isinstance(x, int | float | np.number | np.ndarray | jax.Array):
            raise StimulusError(f"{name} = {x!r:.40}", where=where, allowed="a number in SI")


def latest(durations: Sequence[Number]) -> Number:
    """The longest of several durations [s]."""
    if any(map(is_traced, durations)):
        return jnp.max(jnp.stack([jnp.asarray(d, jnp.result_type(float)) for d in durations]))
    return max(durations)


def ascending(times: Sequence[np.ndarray | Array]) -> np.ndarray | Float[Array, " corners"]:
    """Times of several lists in order; each of them once where they are known."""
    if any(map(is_traced, times)):
        return jnp.sort(jnp.concatenate([jnp.asarray(t, jnp.result_type(float)) for t in times]))
    return np.unique(np.concatenate([np.asarray(t) for t in times]))


class AbstractStimulus(eqx.Module):
    """Value of a source as a function of time.

    Notes
    -----
    `quantity` is "voltage" [V] or "current" [A]. Stimuli of one quantity add; a number scales them.
    """

    if TYPE_CHECKING:

        @property
        def quantity(
            self,
        ) -> str:  # a subclass places the field, which an AbstractVar would do here
            """See above."""
            ...
    else:
        quantity: eqx.AbstractVar[str]

    @abc.abstractmethod
    def __call__(self, t: Float[Array, ""]) -> Float[Array, ""]:
        """Value at time `t` [s]; at a jump the value after it."""

    @abc.abstractmethod
    def breakpoints(self) -> np.ndarray | Float[Array, " corners"]:
        """Times [s], ascending, at which value or slope jump; step control lands on them."""

    @property
    @abc.abstractmethod
    def duration(self) -> Number:
        """Time [s] after which nothing new happens."""

    def __add__(self, other: "AbstractStimulus") -> "Sum":
        from .algebra import Sum

        return Sum((self, other))

    def __mul__(self, factor: Number) -> "Product":
        from .algebra import Product

        return Product(self, factor)

    __rmul__ = __mul__
