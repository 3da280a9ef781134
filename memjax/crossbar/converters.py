"""Converters at the ends of an array: levels of inputs and outputs, and the noise of a read."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Key

from ..errors import BoundsError
from ..runtime.arguments import NumberSpec, as_integer

_WHERE = "Converters"
_MOST_BITS = 32


def positive(name: str, x: object, unit: str, where: str) -> float:
    """A number above 0 that is known."""
    spec = NumberSpec(unit, where=where, sign=">")
    spec.check_single(name, x)
    return spec.as_static(name, x)


def _levels(x: Float[Array, "..."], bits: int | None, span: float | None) -> Float[Array, "..."]:
    """Nearest of 2^bits - 1 levels between -span and span, 0 among them; derivatives inside of the span are 1."""
    if bits is None or span is None:
        return x
    step = span / max(2 ** (bits - 1) - 1, 1)
    inside = jnp.clip(x, -span, span)
    return inside + lax.stop_gradient(step * jnp.round(inside / step) - inside)


class Converters(eqx.Module):
    r"""Digital inputs, read noise, and digital outputs of an array, in this order.

    Parameters
    ----------
    input_bits, output_bits : int, optional
        Bits of the voltages and of the currents, the sign among them; as many as the numbers have by default.
    input_range, output_range : float, optional
        Largest modulus of a voltage [V] and of a current [A], needed with bits; what lies beyond is cut.
    read_noise : float
        Standard deviation of each current in a read that has a key [A].

    Notes
    -----
    With b bits there are :math:`2^b - 1` levels, evenly spaced, 0 among them; one bit leaves the sign and 0.
    The derivative of the rounding is taken as 1 inside of the range (straight through), and is 0 beyond it.
    """

    input_bits: int | None = eqx.field(static=True)
    input_range: float | None = eqx.field(static=True)
    output_bits: int | None = eqx.field(static=True)
    output_range: float | None = eqx.field(static=True)
    read_noise: float = eqx.field(static=True)

    def __init__(
        self,
        *,
        input_bits: int | None = None,
        input_range: float | None = None,
        output_bits: int | None = None,
        output_range: float | None = None,
        read_noise: float = 0.0,
    ):
        self.input_bits, self.input_range = _pair("input", input_bits, input_range, "V")
        self.output_bits, self.output_range = _pair("output", output_bits, output_range, "A")
        spec = NumberSpec("A", where=_WHERE, sign=">=")
        spec.check_single("read_noise", read_noise)
        self.read_noise = spec.as_static("read_noise", read_noise)

    def inputs(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        """Voltages [V] as the drivers give them."""
        return _levels(v, self.input_bits, self.input_range)

    def outputs(self, i: Float[Array, "..."], key: Key[Array, ""] | None) -> Float[Array, "..."]:
        """Currents [A] as they are read."""
        if key is not None and self.read_noise:
            i = i + self.read_noise * jax.random.normal(key, i.shape, i.dtype)
        return _levels(i, self.output_bits, self.output_range)


def _pair(name: str, bits: object, span: object, unit: str) -> tuple[int | None, float | None]:
    """Bits and range of one side, which come together."""
    if (bits is None) != (span is None):
        known, missing = (
            (f"{name}_bits", f"{name}_range") if span is None else (f"{name}_range", f"{name}_bits")
        )
        raise BoundsError(f"{known} without {missing}", where=_WHERE, allowed="both, or neither")
    if bits is None:
        return None, None
    count = as_integer(f"{name}_bits", bits, where=_WHERE, lowest=1, highest=_MOST_BITS)
    return count, positive(f"{name}_range", span, unit, _WHERE)
