"""Unconstrained coordinates for bounded parameters: log and logit, chosen from the bounds."""

import abc
import functools
import math
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .fields import ParameterSpec

A = TypeVar("A", bound=Array | np.ndarray)

_DECADES_FOR_LOG = 100.0


def _math(x: Any) -> Any:
    """Functions of an array's kind: numpy's own cost no dispatch of JAX."""
    return np if isinstance(x, np.ndarray | np.generic | float | int) else jnp


def _sigmoid(z: Any) -> Any:
    """Logistic function, which overflows for no z."""
    if _math(z) is jnp:
        return jax.nn.sigmoid(z)
    # Here: scipy.special takes 0.1 s, and not every process that imports memjax needs it.
    from scipy.special import expit

    return expit(z)


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
        return value

    def inverse(self, z):
        return z


@dataclass(frozen=True)
class Log(AbstractTransform):
    """Natural logarithm of the distance from a lower bound, for a parameter without an upper one near.

    Parameters
    ----------
    lower : float
        The bound.
    sign : float
        -1 where it is an upper bound, and there is no lower one near.
    """

    lower: float = 0.0
    sign: float = 1.0

    def forward(self, value):
        return self.sign * _math(value).log(self.sign * (value - self.lower))

    def inverse(self, z):
        return self.lower + self.sign * _math(z).exp(self.sign * z)


@dataclass(frozen=True)
class Logit(AbstractTransform):
    r"""Logit between two bounds, scaled so that dz = d(value) in the middle of the range.

    Parameters
    ----------
    lower, upper : float
        The bounds.
    scale : float, optional
        Another scale than a quarter of the range.

    Notes
    -----
    With :math:`p = (x - a)/(b - a)`, :math:`z = \frac{b - a}{4}\,\ln\frac{p}{1 - p}`.
    """

    lower: float
    upper: float
    scale: float | None = None

    @property
    def unit(self) -> float:
        """Change of z by which the odds p / (1 - p) change by a factor of e."""
        return (self.upper - self.lower) / 4 if self.scale is None else self.scale

    def forward(self, value):
        p = (value - self.lower) / (self.upper - self.lower)
        # log1p keeps the digits of 1 - p near the lower bound, where p is small.
        return self.unit * (_math(p).log(p) - _math(p).log1p(-p))

    def inverse(self, z):
        return self.lower + (self.upper - self.lower) * _sigmoid(z / self.unit)


@dataclass(frozen=True)
class LogLogit(AbstractTransform):
    """`Logit` of the logarithm: a change of z is a relative change in the middle of the range.

    Parameters
    ----------
    lower, upper, scale
        See `Logit`.
    """

    lower: float
    upper: float
    scale: float | None = None

    @functools.cached_property
    def inner(self) -> Logit:
        """That of the logarithm."""
        return Logit(math.log(self.lower), math.log(self.upper), self.scale)

    def forward(self, value):
        return self.inner.forward(_math(value).log(value))

    def inverse(self, z):
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
        `Identity`. Narrower bounds of a search hold on both sides, see `_between`.

    Notes
    -----
    The coordinate of a `Logit` is the logarithm of the odds whatever the unit of the parameter: beside a bound it
    changes as the logarithm of the distance does, so that priors and longest moves mean what they mean for a `Log`.
    Of a share between 0 and 1, and of a range with 0 inside, dz = d(value) in the middle.
    """
    lower, upper = spec.bounds
    if spec.narrowed:
        plain = from_spec(replace(spec, bounds=spec.declared))
        return _between_bounds(lower, upper, logarithmic=isinstance(plain, Log | LogLogit))
    if lower > 0 and upper / lower >= _DECADES_FOR_LOG and upper != float("inf"):
        return LogLogit(lower, upper)
    if lower >= 0 and upper >= _DECADES_FOR_LOG * max(lower, 1.0):
        return Log(lower)
    if float("-inf") < lower and upper < float("inf"):
        return Logit(lower, upper, None if lower < 0 < upper or (lower, upper) == (0, 1) else 1.0)
    return Identity()


def _between_bounds(lower: float, upper: float, *, logarithmic: bool) -> AbstractTransform:
    """The transform of narrower bounds; its unit is that of the odds, so that wide priors are flat between them.

    A range of more than a factor of e^4 that is logarithmic keeps the unit of the logarithm.
    """
    if upper == float("inf") or lower == float("-inf"):
        return Log(lower) if upper == float("inf") else Log(upper, -1.0)
    if logarithmic and lower > 0:
        return LogLogit(lower, upper, max(math.log(upper / lower) / 4, 1.0))
    return Logit(lower, upper, 1.0)


def within(spec: ParameterSpec, value: float) -> float:
    """The value, moved inside the bounds of a parameter where it is not, by a twentieth of a finite range.

    Parameters
    ----------
    spec : ParameterSpec
        Declares the bounds.
    value : float
        Any number [unit].
    """
    lower, upper = spec.bounds
    if lower < value < upper:
        return value
    return edges(spec)[0 if value <= lower else 1]


def edges(spec: ParameterSpec) -> tuple[float, float]:
    """Lowest and highest value a little inside the bounds, see `within`."""
    transform = from_spec(spec)
    base = transform.inner if isinstance(transform, LogLogit) else transform
    if isinstance(base, Logit):
        offset = np.asarray(base.unit * math.log(19.0))  # odds of 1 to 19
        return float(transform.inverse(-offset)), float(transform.inverse(offset))
    low, high = ((x, 0.0 if math.isinf(x) else 0.05 * (abs(x) or 1.0)) for x in spec.bounds)
    return low[0] + low[1], high[0] - high[1]
