"""Unconstrained coordinates for bounded parameters: log and logit, chosen from the bounds."""

import abc
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .fields import ParameterSpec

_DECADES_FOR_LOG = 100.0


class AbstractTransform(eqx.Module):
    """A smooth one-to-one map between a bounded value and the real line."""

    @abc.abstractmethod
    def forward(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """Coordinate of a value."""

    @abc.abstractmethod
    def inverse(self, z: Float[Array, "..."]) -> Float[Array, "..."]:
        """Value at a coordinate."""


class Identity(AbstractTransform):
    """The value itself, for an unbounded parameter."""

    def forward(self, value):
        """See `AbstractTransform`."""
        return value

    def inverse(self, z):
        """See `AbstractTransform`."""
        return z


class Log(AbstractTransform):
    """Natural logarithm of the distance from a lower bound, for a parameter without an upper one near."""

    lower: float = eqx.field(static=True, default=0.0)

    def forward(self, value):
        """See `AbstractTransform`."""
        return jnp.log(value - self.lower)

    def inverse(self, z):
        """See `AbstractTransform`."""
        return self.lower + jnp.exp(z)


class Logit(AbstractTransform):
    r"""Logit between two bounds, scaled so that dz = d(value) in the middle of the range.

    Notes
    -----
    With :math:`p = (x - a)/(b - a)`, :math:`z = \frac{b - a}{4}\,\ln\frac{p}{1 - p}`.
    """

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)

    def forward(self, value):
        """See `AbstractTransform`."""
        p = (value - self.lower) / (self.upper - self.lower)
        return (self.upper - self.lower) / 4 * (jnp.log(p) - jnp.log1p(-p))

    def inverse(self, z):
        """See `AbstractTransform`."""
        width = self.upper - self.lower
        return self.lower + width * jax.nn.sigmoid(4 * z / width)


class LogLogit(AbstractTransform):
    """`Logit` of the logarithm: a change of z is a relative change in the middle of the range."""

    inner: Logit

    def __init__(self, lower: float, upper: float):
        """Take bounds [unit of the parameter], both positive."""
        import math

        self.inner = Logit(math.log(lower), math.log(upper))

    def forward(self, value):
        """See `AbstractTransform`."""
        return self.inner.forward(jnp.log(value))

    def inverse(self, z):
        """See `AbstractTransform`."""
        return jnp.exp(self.inner.inverse(z))


@functools.cache
def from_spec(spec: ParameterSpec) -> AbstractTransform:
    """The transform that suits a parameter's bounds.

    Parameters
    ----------
    spec : ParameterSpec
        Declares the bounds.

    Returns
    -------
    AbstractTransform
        `LogLogit` where positive bounds span a factor of 100 or more, `Log` for a lower bound from
        0 on with a finite or infinite upper one far away, `Logit` for other finite bounds, else
        `Identity`.
    """
    lower, upper = spec.bounds
    if lower > 0 and upper / lower >= _DECADES_FOR_LOG and upper != float("inf"):
        return LogLogit(lower, upper)
    if lower >= 0 and upper >= _DECADES_FOR_LOG * max(lower, 1.0):
        return Log(lower)
    if float("-inf") < lower and upper < float("inf"):
        return Logit(lower, upper)
    return Identity()
