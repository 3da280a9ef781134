"""What a caller gives: one number where one belongs, and whole numbers of any kind."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .copies import copied
from .errors import BoundsError, MemjaxError

ENSEMBLE = (
    "an ensemble is written mj.simulate(..., members=N, values={name: array}), "
    "and drives that differ are a sequence of stimuli"
)
"""How many devices are simulated together: a module describes one."""

MEMBERS = 2**32
"""Members that the counters of the noise, of 32 bits, tell apart."""

_KEY = "memjax number"


def is_traced(x: Any) -> bool:
    """Whether a number or array is known only inside a transformation of JAX."""
    return isinstance(x, jax.core.Tracer)


def is_real(x: Any) -> bool:
    """Whether this is a real number, or an array of them: neither a truth value nor text."""
    if isinstance(x, np.ndarray | np.generic | jax.Array):
        return jnp.issubdtype(x.dtype, jnp.integer) or jnp.issubdtype(x.dtype, jnp.floating)
    return isinstance(x, int | float) and not isinstance(x, bool)


def holds(condition: Callable[..., Any], *numbers: Any) -> bool:
    """Whether a condition holds for numbers, each known or None; those that are traced are taken to satisfy it."""
    if any(x is None or is_traced(x) for x in numbers):
        return True
    return bool(np.all(condition(*map(np.asarray, numbers))))


@dataclasses.dataclass(frozen=True)
class NumberSpec:
    """What a field of one number asks for.

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

    def _fits(self, x: np.ndarray) -> Any:
        """Whether numbers are what is asked for."""
        finite = ~np.isnan(x) if self.infinite else np.isfinite(x)
        return finite & ((x >= 0) if self.sign == ">=" else (x > 0) if self.sign else True)

    def check_single(self, name: str, x: Any, where: str = "") -> None:
        """Raise unless this is one real number, which may be traced."""
        where = where or self.where
        if not is_real(x):
            raise self.error(f"{name} = {x!r:.60}", where=where, allowed=f"a number [{self.unit}]")
        if np.ndim(x):
            allowed = f"one number [{self.unit}]"
            raise self.error(
                f"{name} of shape {np.shape(x)}", where=where, allowed=allowed, fix=ENSEMBLE
            )

    def check_known(self, name: str, x: Any, where: str = "") -> None:
        """Raise where a known number, or one of many, is NaN, infinite or of a sign that it must not have."""
        if not holds(self._fits, x):
            value = f"{float(x):g}" if np.ndim(x) == 0 else f"{np.asarray(x)!s:.60}"
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
    for module, f, x in _fields_of(tree):
        where, spec = type(module).__name__, f.metadata.get(_KEY) or _of_parameter(f)
        if x is None:
            continue
        if spec is not None:
            spec.check_single(f.name, x, where)
            spec.check_known(f.name, x, where)
        elif not all(holds(lambda a: ~np.isnan(a), y) for y in _plain_leaves(x)):
            raise BoundsError(f"{f.name} holds NaN", where=where, allowed="numbers")


def _of_parameter(field: dataclasses.Field) -> NumberSpec | None:
    """What the field of a declared parameter asks for, see `memjax.fields.param`; None for other fields."""
    spec = field.metadata.get("memjax")
    return None if spec is None else NumberSpec(spec["unit"], infinite=math.inf in spec["bounds"])


def _fields_of(tree: Any) -> Iterator[tuple[Any, dataclasses.Field, Any]]:
    """Fields that are no static ones, and what they hold, of all modules in a tree."""
    for node in jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, eqx.Module)):
        if isinstance(node, eqx.Module):
            for f in dataclasses.fields(node):
                if not f.metadata.get("static", False):
                    x = getattr(node, f.name, None)
                    yield node, f, x
                    yield from _fields_of(x)


def _plain_leaves(x: Any) -> Iterator[Any]:
    """Leaves of real numbers that belong to no module within."""
    leaves = jax.tree.leaves(x, is_leaf=lambda y: isinstance(y, eqx.Module))
    return (y for y in leaves if is_real(y) and not isinstance(y, eqx.Module))


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
        raise error(f"{name} = {x!r:.60}", where=where, allowed=f"an integer{least}{most}")
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
