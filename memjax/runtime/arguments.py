"""What a caller gives: one number where one belongs, and whole numbers of any kind."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ..errors import BoundsError, MemjaxError
from .copies import copied

ENSEMBLE = (
    "an ensemble is written mj.simulate(..., members=N, conditions=mj.Conditions(values={name: array})), "
    "and drives that differ are a sequence of stimuli"
)
"""How many devices are simulated together: a module describes one."""

MEMBERS = 2**32
"""Members that the counters of the noise, of 32 bits, tell apart."""

_KEY = "memjax number"

_LARGEST = 2**1023
"""Integers from here on are no floats."""


def is_traced(x: Any) -> bool:
    """Whether a number or array is known only inside a transformation of JAX."""
    return isinstance(x, jax.core.Tracer)


def is_real(x: Any) -> bool:
    """Whether this is a real number that floats hold, or an array of them: neither a truth value nor text."""
    if isinstance(x, int | float):
        return isinstance(x, float) or (not isinstance(x, bool) and abs(x) < _LARGEST)
    if not isinstance(x, np.ndarray | np.generic | jax.Array):
        return False
    # Of NumPy's own kinds the letter tells, in a tenth of the time.
    is_plain = isinstance(x.dtype, np.dtype) and x.dtype.kind in "biufc"
    return x.dtype.kind in "iuf" if is_plain else jnp.issubdtype(x.dtype, jnp.floating)


def shown(x: Any) -> str:
    """Something as a message shows it; Python writes no integer of thousands of digits."""
    is_huge = isinstance(x, int) and abs(x) >= _LARGEST
    return f"an integer of {x.bit_length()} bits" if is_huge else f"{x!r:.60}"


def holds(condition: Callable[..., Any], *numbers: Any) -> bool:
    """Whether a condition holds for numbers, each known or None; those that are traced are taken to satisfy it."""
    if any(x is None or is_traced(x) for x in numbers):
        return True
    # Integers of Python that are longer than those of NumPy have no ufuncs.
    floats = (float(x) if isinstance(x, int) else np.asarray(x) for x in numbers)
    return bool(np.all(condition(*floats)))


@dataclasses.dataclass(frozen=True)
class NumberSpec:
    """Requirements on a field of one number.

    Parameters
    ----------
    unit : str
        Unit, for messages.
    error : type
        Of the error.
    where : str
        Class of the field, where it is known.
    sign : {"", ">", ">="}
        Whether it has to be above 0, or not below.
    infinite : bool
        Whether it may be infinite.
    """

    unit: str
    error: type[MemjaxError] = BoundsError
    where: str = ""
    sign: str = ""
    infinite: bool = False

    @property
    def _allowed(self) -> str:
        kind = "a number" if self.infinite else "a finite number"
        unit = "" if self.unit == "1" else self.unit
        bound = f"{self.sign} 0 {unit}" if self.sign else unit and f"[{unit}]"
        return f"{kind} {bound}".strip()

    def _fits(self, x: float | np.ndarray) -> Any:
        """Whether numbers are what is asked for."""
        finite = ~np.isnan(x) if self.infinite else np.isfinite(x)
        if not self.sign:
            return finite
        return finite & ((x >= 0) if self.sign == ">=" else (x > 0))

    def check_single(self, name: str, x: Any, where: str = "") -> None:
        """Raise unless this is one real number, which may be traced."""
        where = where or self.where
        if not is_real(x):
            raise self.error(f"{name} = {shown(x)}", where=where, allowed=f"a number [{self.unit}]")
        if np.ndim(x):
            allowed = f"one number [{self.unit}]"
            raise self.error(
                f"{name} of shape {np.shape(x)}", where=where, allowed=allowed, fix=ENSEMBLE
            )

    def check_known(self, name: str, x: Any, where: str = "") -> None:
        """Raise where a known number, or one of many, is NaN, infinite or of a sign that it must not have."""
        if x is None or is_traced(x):
            return
        numbers = float(x) if np.ndim(x) == 0 else np.asarray(x)
        if not np.all(self._fits(numbers)):
            value = f"{numbers:g}" if isinstance(numbers, float) else f"{numbers!s:.60}"
            unit = "" if self.unit == "1" else f" {self.unit}"
            raise self.error(
                f"{name} = {value}{unit}", where=where or self.where, allowed=self._allowed
            )

    def as_static(self, name: str, x: Any) -> float:
        """One number as a float of Python, which decides on the program: it cannot be traced."""
        if is_traced(x):
            raise self.error(
                f"{name} that is traced", where=self.where, allowed=f"{self._allowed} that is known"
            )
        self.check_known(name, x)
        return float(x)


def number(
    *,
    unit: str,
    where: str,
    error: type[MemjaxError] = BoundsError,
    sign: str = "",
    infinite: bool = False,
    optional: bool = False,
    convert: Callable[[Any], Any] = copied,
    **options: Any,
) -> Any:
    """Declare a field of a module that holds one number: see `NumberSpec`.

    Parameters
    ----------
    unit, where, error, sign, infinite
        See `NumberSpec`.
    optional : bool
        Whether None stands for none.
    convert : callable
        Makes of the number what is stored.
    **options
        Of `equinox.field`; a static field holds a float.

    Notes
    -----
    The shape is checked where the class is called, never where JAX makes an instance of leaves: inside of `jax.vmap`
    it is that of one member, and what `jax.vmap` returns may be batched. `check_known` sees batched numbers too.
    """
    spec = NumberSpec(unit, error, where, sign, infinite)

    def store(value):
        if optional and value is None:
            return None
        spec.check_single(field.name, value)
        return spec.as_static(field.name, value) if options.get("static") else convert(value)

    field = eqx.field(converter=store, metadata={_KEY: spec}, **options)
    return field


def check_known(module: Any) -> None:
    """Raise where a known number of a module is NaN, infinite or of a sign that its declaration excludes."""
    for f in dataclasses.fields(module):
        if _KEY in f.metadata:
            f.metadata[_KEY].check_known(f.name, getattr(module, f.name))


def check_modules(tree: Any) -> None:
    """Raise where what is given to a simulation has many numbers in the place of one, or one that is NaN or infinite.

    Parameters
    ----------
    tree : PyTree
        Modules: devices, branches, circuits, benches, stimuli, surroundings.

    Notes
    -----
    An instance may come out of `jax.vmap` or `equinox.tree_at`, which call no constructor. Numbers in fields that
    declare nothing, those of a stimulus of one's own for example, must not be NaN.
    """
    for node in _nodes(tree):
        if not isinstance(node, eqx.Module):
            continue
        where = type(node).__name__
        for name, spec in _numbers_of(type(node)):
            x = getattr(node, name, None)
            if spec is None:
                _check_field(name, x, where)
            elif x is not None:
                spec.check_single(name, x, where)
                spec.check_known(name, x, where)


def _check_field(name: str, x: Any, where: str) -> None:
    """Check the modules in a field that declares no number, and raise where another leaf in it is NaN."""
    check_modules(x)
    leaves = [y for y in _nodes(x) if is_real(y)]
    if not all(holds(lambda a: ~np.isnan(a), y) for y in leaves):
        raise BoundsError(f"{name} holds NaN", where=where, allowed="numbers")


@functools.cache
def _numbers_of(kind: type) -> tuple[tuple[str, NumberSpec | None], ...]:
    """Names of the fields of a module that are no static ones, and what they ask for where they are numbers."""
    fields = [f for f in dataclasses.fields(kind) if not f.metadata.get("static", False)]
    return tuple((f.name, f.metadata.get(_KEY) or _of_parameter(f)) for f in fields)


def _of_parameter(field: dataclasses.Field) -> NumberSpec | None:
    """Return the requirements of a declared parameter, see `memjax.core.fields.param`; None for other fields."""
    spec = field.metadata.get("memjax")
    return None if spec is None else NumberSpec(spec["unit"], infinite=math.inf in spec["bounds"])


def _nodes(tree: Any) -> list[Any]:
    """The outermost modules of a tree, and its leaves outside of them."""
    if isinstance(tree, eqx.Module):
        return [tree]
    return jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, eqx.Module))


def as_integer(
    name: str,
    x: Any,
    *,
    where: str,
    error: type[MemjaxError] = BoundsError,
    lowest: int | None = None,
    highest: int | None = None,
) -> int:
    """An integer of any kind (of Python, NumPy or JAX, an array without axes too) as one of Python.

    Raises
    ------
    MemjaxError
        Of the class `error`, for anything else, and for one that is out of range.
    """
    fine = is_real(x) and not is_traced(x) and np.ndim(x) == 0 and np.asarray(x).dtype.kind in "iuO"
    value = int(x) if fine else 0
    low, high = (value if end is None else end for end in (lowest, highest))
    if not (fine and low <= value <= high):
        least = "" if lowest is None else f" >= {lowest}"
        most = "" if highest is None else f"{' and' if least else ''} <= {highest}"
        raise error(f"{name} = {shown(x)}", where=where, allowed=f"an integer{least}{most}")
    return value


def as_seed(
    seed: Any, *, where: str, error: type[MemjaxError] = BoundsError, lowest: int | None = None
) -> Any:
    """A seed as an integer of Python; one that is traced as it is.

    Parameters
    ----------
    seed : int
        Of any kind.
    where, error
        Of the message.
    lowest : int, optional
        0 for a generator of NumPy, which takes no other.

    Raises
    ------
    MemjaxError
        Of the class `error`, for anything but an integer, and for one that JAX would take for another: it counts with
        64 bits, with 32 where x64 is off.
    """
    if is_traced(seed) and np.ndim(seed) == 0 and jnp.issubdtype(seed.dtype, jnp.integer):
        return seed
    ends = jnp.iinfo(jnp.result_type(int))
    if jnp.issubdtype(getattr(seed, "dtype", np.dtype(int)), jax.dtypes.prng_key):
        raise error(
            "a key in place of a seed", where=where, allowed="an integer, which may be traced",
            fix="keys are made from seed, member and sweep",
        )  # fmt: skip
    lowest = ends.min if lowest is None else lowest
    return as_integer("seed", seed, where=where, error=error, lowest=lowest, highest=ends.max)


def as_members(members: Any, *, where: str) -> int | np.ndarray:
    """A count of members as an integer of Python, or the number of each as an array of integers.

    Raises
    ------
    BoundsError
        For anything else, and for a number that the noise does not tell from a smaller one.
    """
    if is_traced(members):
        raise BoundsError(
            "members that are traced",
            where=where,
            allowed="a number of members that is known, since it decides shapes",
        )
    try:
        numbers = np.array(members)
    except (TypeError, ValueError):  # lists of unequal length
        numbers = np.zeros(0)
    lowest = 0 if numbers.ndim else 1
    fine = numbers.dtype.kind in "iu" and numbers.ndim < 2 and numbers.size > 0
    if not fine or np.any(numbers < lowest) or np.any(numbers >= MEMBERS):
        raise BoundsError(
            f"members = {members!r:.60}",
            where=where,
            allowed=f"an integer >= 1, or a sequence of one or more integers >= 0 and < {MEMBERS}",
        )
    return numbers.astype(np.int64) if numbers.ndim else int(numbers)
