"""A stimulus: a function of time that knows its corners. Sums and multiples of stimuli are stimuli."""

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import StimulusError
from ..runtime.arguments import check_known, is_real, is_traced, number

Number = float | int | Float[Array, ""]
"""A number, or one that is traced."""

QUANTITIES = ("voltage", "current")
"""What a source can impose."""


def _as_quantity(x: Any) -> str:
    """Converter of `quantity`."""
    if not isinstance(x, str) or x not in QUANTITIES:
        raise StimulusError(f"quantity = {x!r:.40}", allowed=", ".join(QUANTITIES))
    return x


def quantity_field() -> Any:
    """Declare what a stimulus imposes: "voltage" by default, or "current"."""
    return eqx.field(static=True, default="voltage", converter=_as_quantity)


def latest(durations: Sequence[Number]) -> Number:
    """The longest of several durations [s]."""
    if any(map(is_traced, durations)):
        return jnp.max(jnp.stack([jnp.asarray(d, jnp.result_type(float)) for d in durations]))
    return max(durations)


def ascending(times: Sequence[np.ndarray | Array]) -> np.ndarray | Float[Array, " corners"]:
    """Merge several lists of times in ascending order; without repetition where the times are known."""
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

    def nodes(self) -> np.ndarray | Float[Array, " nodes"]:
        """Times [s] between which the value runs straight, or nearly so: the corners, unless it is curved."""
        return self.breakpoints()

    def zeros(self) -> Float[Array, " crossings"]:
        """Times [s] of a change of sign between corners, as if the value ran straight there; infinite for none.

        Equations hold the modulus of the voltage, and a device that is on only above its hold voltage releases in a
        window around 0 that a long step passes without a trace: step control lands in it.
        """
        corners = jnp.asarray(self.breakpoints(), jnp.result_type(float))
        if corners.shape[0] < 2:
            return jnp.zeros(0)
        begin, end = corners[:-1], corners[1:]
        # A source may jump at a corner: what runs up to it is what was there just before.
        before = end - 1e-6 * (end - begin)
        first, last = (
            jax.vmap(lambda t: jnp.asarray(self(t), t.dtype))(t) for t in (begin, before)
        )
        crosses = (first * last < 0) & (end > begin)
        share = first / jnp.where(crosses, first - last, 1.0)
        return jnp.where(crosses, begin + share * (before - begin), jnp.inf)

    @property
    @abc.abstractmethod
    def duration(self) -> Number:
        """Time [s] after which nothing new happens."""

    def __add__(self, other: "AbstractStimulus") -> "Sum":
        return Sum((self, other))

    def __mul__(self, factor: Number) -> "Product":
        return Product(self, factor)

    __rmul__ = __mul__


class Sum(AbstractStimulus):
    """Sum of stimuli of one quantity."""

    parts: tuple[AbstractStimulus, ...]
    quantity: str = eqx.field(static=True)

    def __init__(self, parts: tuple[AbstractStimulus, ...]):
        """Take the stimuli to add."""
        wrong = [p for p in parts if not isinstance(p, AbstractStimulus)]
        if wrong:
            raise StimulusError(
                f"a sum of a stimulus and a {type(wrong[0]).__name__}",
                allowed="stimuli of one quantity",
                fix="a constant is mj.Sampled(np.array([0.0, T]), np.full(2, value))",
            )
        kinds = {p.quantity for p in parts}
        if len(kinds) != 1:
            raise StimulusError(
                f"a sum of {' and '.join(sorted(kinds)) or 'nothing'}",
                allowed="stimuli of one quantity",
            )
        self.parts, self.quantity = parts, kinds.pop()

    def __call__(self, t):
        return sum(p(t) for p in self.parts)

    def breakpoints(self):
        return ascending([p.breakpoints() for p in self.parts])

    def nodes(self):
        return ascending([p.nodes() for p in self.parts])

    @property
    def duration(self):
        return latest([p.duration for p in self.parts])


class Product(AbstractStimulus):
    """A stimulus times a number."""

    part: AbstractStimulus
    quantity: str = eqx.field(static=True)
    factor: Number = number(unit="1", where="a product of a stimulus", error=StimulusError)

    def __init__(self, part: AbstractStimulus, factor: Number):
        """Take the stimulus and its factor."""
        if not is_real(factor):
            raise StimulusError(
                f"a stimulus times a {type(factor).__name__}",
                allowed="a number, which may be traced",
            )
        self.part, self.factor, self.quantity = part, factor, part.quantity

    def __check_init__(self):
        check_known(self)

    def __call__(self, t):
        return self.factor * self.part(t)

    def breakpoints(self):
        return self.part.breakpoints()

    def nodes(self):
        return self.part.nodes()

    def zeros(self):
        return self.part.zeros()

    @property
    def duration(self):
        return self.part.duration
