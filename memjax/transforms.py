"""Unconstrained coordinates for bounded parameters: log and logit, chosen from the bounds."""

import abc
import functools
import math
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.special import expit

from .fields import ParameterSpec

A = TypeVar("A", bound=Array | np.ndarray)

_DECADES_FOR_LOG = 100.0


def _math(x: Any) -> Any:
    """Functions of an array's kind: numpy's own cost no dispatch of JAX."""
    return np if isinstance(x, np.ndarray | np.generic | float | int) else jnp


class AbstractTransform(abc.ABC):
    """A smooth one-to-one map between a bounded value and the real line, of arrays of JAX and numpy alike."""

    @abc.abstractmethod
    def forward(self, value: A) -> A:
        """Coordinate of a value."""

    @abc.abstractmethod
    def inverse(self, z: A) -> A:
        """Value at a coordinate."""


@dataclass(frozen=True)
class Identity(AbstractTransform):
    """The value itself, for an unbounded parameter."""

    def forward(self, value):
        """See `AbstractTransform`."""
        return value

    def inverse(self, z):
        """See `AbstractTransform`."""
        return z


@dataclass(frozen=True)
class Log(AbstractTransform):
    """Natural logarithm of the distance from a lower bound, for a parameter without an upper one near."""

    lower: float = 0.0

    def forward(self, value):
        """See `AbstractTransform`."""
        return _math(value).log(value - self.lower)

    def inverse(self, z):
        """See `AbstractTransform`."""
        return self.lower + _math(z).exp(z)


@dataclass(frozen=True)
class Logit(AbstractTransform):
    r"""Logit between two bounds, scaled so that dz = d(value) in the middle of the range.

    Notes
    -----
    With :math:`p = (x - a)/(b - a)`, :math:`z = \frac{b - a}{4}\,\ln\frac{p}{1 - p}`.
    """

    lower: float
    upper: float

    def forward(self, value):
        """See `AbstractTransform`."""
        p = (value - self.lower) / (self.upper - self.lower)
        return (self.upper - self.lower) / 4 * (_math(p).log(p) - _math(p).log1p(-p))

    def inverse(self, z):
        """See `AbstractTransform`."""
        width = self.upper - self.lower
        sigmoid = expit if _math(z) is np else jax.nn.sigmoid
        return self.lower + width * sigmoid(4 * z / width)


@dataclass(frozen=True)
class LogLogit(AbstractTransform):
    """`Logit` of the logarithm: a change of z is a relative change in the middle of the range."""

    lower: float
    upper: float

    @functools.cached_property
    def inner(self) -> Logit:
        """That of the logarithm."""
        return Logit(math.log(self.lower), math.log(self.upper))

    def forward(self, value):
        """See `AbstractTransform`."""
        return self.inner.forward(_math(value).log(value))

    def inverse(self, z):
        """See `AbstractTransform`."""
        return _math(z).exp(self.inner.inverse(z))


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
