"""Declaration of parameters and states: unit, bounds, symbol and text travel with the field."""

import abc
import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ..errors import BoundsError, ModelError, allowed_text as allowed_text
from ..runtime.arguments import NumberSpec, is_real, shown
from ..runtime.copies import copied
from ..runtime.flags import check_flags


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParameterSpec:
    """Declaration of a parameter.

    Parameters
    ----------
    name : str
        Field name, the name in files and on the command line.
    default : float or None
        Value used where none is given; None where the parameter follows `follows`.
    unit : str
        SI unit, "1" for a ratio.
    bounds : tuple of float
        Closed range in which the value has a meaning.
    symbol, doc : str
        LaTeX symbol and one sentence.
    noise : bool
        Whether the parameter only sets the strength of noise.
    follows : str or None
        Name of the parameter whose value stands in where this one is None.
    declared : tuple of float, optional
        The range of the model, where `bounds` are narrower ones of a search, see `memjax.params.with_bounds`;
        `bounds` by default.
    """

    name: str
    default: float | None
    unit: str
    bounds: tuple[float, float]
    symbol: str
    doc: str
    noise: bool = False
    follows: str | None = None
    declared: tuple[float, float] = (math.nan, math.nan)

    def __post_init__(self):
        if math.isnan(self.declared[0]):
            object.__setattr__(self, "declared", self.bounds)

    @property
    def narrowed(self) -> bool:
        """Whether a search keeps within narrower bounds than the model's own."""
        return self.bounds != self.declared


@dataclasses.dataclass(frozen=True, kw_only=True)
class SettingSpec:
    """Declaration of a setting: an integer or a word that decides the form of the equations.

    Parameters
    ----------
    name : str
        Field name, the name in files and on the command line.
    default : int or str
        Value used where none is given.
    allowed : tuple of int or str
        All values that it can have.
    symbol, doc : str
        LaTeX symbol and one sentence.
    """

    name: str
    default: int | str
    allowed: tuple[int, ...] | tuple[str, ...]
    symbol: str
    doc: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class StateSpec:
    """Declaration of a state.

    Parameters
    ----------
    name, unit, doc : str
        Name in files, SI unit and one sentence.
    scale : float
        Size that the state has when it matters [unit]: solvers see state / scale.
    bounds : tuple of float
        Closed range of the state [unit].
    size : int
        Number of components.
    linear : bool
        Whether its rate of change is linear in it given the other states, as that of a node behind
        resistors is.
    """

    name: str
    unit: str
    scale: float
    bounds: tuple[float, float]
    doc: str = ""
    size: int = 1
    linear: bool = False


class AbstractComposite(eqx.Module):
    """A model made of named parts that have parameters: each parameter is known as ``part.parameter``.

    Those of the part whose name is empty are known by their own names.
    """

    @property
    @abc.abstractmethod
    def parts(self) -> Mapping[str, Any]:
        """The parts by name, in order."""


def owner(device: Any, name: str) -> tuple[Any, str]:
    """The device or part of which a parameter or setting is a field, and the name of that field."""
    if isinstance(device, AbstractComposite):
        part, _, field = name.rpartition(".")
        return device.parts[part], field
    return device, name


def stored(device: Any, name: str) -> Any:
    """Return the value in the field of a parameter or setting: None if it follows another one."""
    return getattr(*owner(device, name))


def as_known(value: Any) -> jax.Array:
    """A number as an array of JAX's default floating type, whose value is known under transformations too.

    Notes
    -----
    What `jit` makes of a number is a tracer, and a noise parameter of unknown value counts as noise.
    """
    dtype = jnp.result_type(float)
    if not isinstance(value, int | float | np.number | np.ndarray):
        return jnp.asarray(value, dtype=dtype)
    with jax.ensure_compile_time_eval():
        return jnp.asarray(copied(value), dtype=dtype)


def check_parameter(name: str, unit: str, value: Any, *, where: str = "") -> None:
    """Raise unless the value of a parameter is one number, which may be traced.

    Raises
    ------
    ModelError
        For what is no number.
    BoundsError
        For an array of several.
    """
    if not is_real(value):
        raise ModelError(
            f"{name} = {shown(value)} in place of a parameter",
            where=where,
            allowed="a number in SI",
            fix="units are not read from text: 1 kohm is 1e3",
        )
    NumberSpec(unit, where=where).check_single(name, value)


def param(
    default: float | None,
    *,
    unit: str,
    bounds: tuple[float, float],
    doc: str,
    symbol: str = "",
    noise: bool = False,
    follows: str | None = None,
) -> Any:
    """Declare a parameter of a device as a field.

    Parameters
    ----------
    default : float or None
        Value where none is given; None together with `follows`.
    unit, bounds, doc, symbol, noise, follows
        See `ParameterSpec`.

    Returns
    -------
    Any
        An `equinox` field.

    Raises
    ------
    ModelError
        If the bounds are not a range or the default lies outside.
    """
    check_flags({"noise": noise}, where="param")
    numbers = [*bounds] if default is None else [*bounds, default]
    if len(bounds) != 2 or not all(isinstance(x, int | float) for x in numbers):
        raise ModelError(
            f"default {default!r} with bounds {bounds!r}", where="param", allowed="numbers [SI]"
        )
    lower, upper = bounds
    if not lower < upper or (default is not None and not lower <= default <= upper):
        raise ModelError(
            f"default {default} with bounds {bounds}", allowed="lower <= default <= upper"
        )
    spec = dict(
        default=default,
        unit=unit,
        bounds=bounds,
        symbol=symbol,
        doc=doc,
        noise=noise,
        follows=follows,
    )

    def convert(value):
        if value is None:
            return None
        check_parameter(field.name, unit, value)
        return value if isinstance(value, jax.Array) else as_known(value)

    field = eqx.field(converter=convert, default=default, metadata={"memjax": spec})
    return field


def setting(
    default: int | str, *, allowed: Sequence[int] | Sequence[str], doc: str, symbol: str = ""
) -> Any:
    """Declare a setting of a device as a field: see `SettingSpec`.

    Settings are no leaves: they are not fitted, differentiated or batched, and each value has a
    program of its own.

    Raises
    ------
    ModelError
        If the default is not allowed.
    """
    values: tuple = tuple(allowed)
    spec = dict(default=default, allowed=values, symbol=symbol, doc=doc)
    if default not in values:
        raise ModelError(f"default {default!r}", allowed=allowed_text(values))
    return eqx.field(static=True, default=default, metadata={"memjax setting": spec})


def state(
    name: str,
    *,
    unit: str,
    scale: float,
    bounds: tuple[float, float],
    doc: str = "",
    size: int = 1,
    linear: bool = False,
) -> StateSpec:
    """Declare a state of a device: see `StateSpec`.

    Raises
    ------
    ModelError
        For a vector that is declared linear.
    """
    check_flags({"linear": linear}, where="state")
    if linear and size > 1:
        raise ModelError(f"linear state {name!r} of {size} components", allowed="linear scalars")
    return StateSpec(
        name=name, unit=unit, scale=scale, bounds=bounds, doc=doc, size=size, linear=linear
    )


def parameter_specs(device: Any) -> dict[str, ParameterSpec]:
    """Specifications of all parameters of a device or device class, by name, in order."""
    return _specs(device, "memjax", ParameterSpec)


def setting_specs(device: Any) -> dict[str, SettingSpec]:
    """Specifications of all settings of a device or device class, by name, in order."""
    return _specs(device, "memjax setting", SettingSpec)


def _specs(device: Any, key: str, kind: Callable[..., Any]) -> dict[str, Any]:
    """Return the specifications under a key of the metadata of a device's fields, or of the parts of a composite."""
    device_class = device if isinstance(device, type) else type(device)
    if _is_plain(device_class):
        return dict(_own_specs(device_class, key, kind))
    if not dataclasses.is_dataclass(device):
        name = device.__name__ if isinstance(device, type) else f"{device!r:.60}"
        raise ModelError(
            f"{name} in place of a device",
            allowed="a device, its class, or a circuit",
            fix=f"write mj.model({device!r})" if isinstance(device, str) else "",
        )
    specs = {}
    for part, element in cast(AbstractComposite, device).parts.items():
        for spec in _specs(element, key, kind).values():
            follows = getattr(spec, "follows", None)
            prefix = f"{part}." if part else ""
            longer = {"name": prefix + spec.name}
            longer |= {} if follows is None else {"follows": prefix + follows}
            specs[longer["name"]] = dataclasses.replace(spec, **longer)
    return specs


@functools.cache
def _is_plain(kind: type) -> bool:
    """Whether a class is one of devices or elements, with parameters of their own."""
    return dataclasses.is_dataclass(kind) and not issubclass(kind, AbstractComposite)


@functools.cache
def _own_specs(device: type, key: str, kind: Callable[..., Any]) -> dict[str, Any]:
    """Return the specifications under a key of the metadata of a device class's fields."""
    fields = [f for f in dataclasses.fields(device) if key in f.metadata]
    specs = {f.name: kind(name=f.name, **f.metadata[key]) for f in fields}
    narrower = {n: b for n, b in getattr(device, "narrower", ()) if n in specs}
    return specs | {n: dataclasses.replace(specs[n], bounds=b) for n, b in narrower.items()}


def narrow_bounds(device: Any, bounds: Mapping[str, tuple[float, float]]) -> Any:
    """A device or element, no composite, of the same equations, whose parameters have narrower bounds in a search.

    They stand in its class, as those that are declared do: whatever compiled program depends on them is one of its own.
    """
    kind = model_class(device)
    all_bounds, specs = dict(getattr(device, "narrower", ())) | dict(bounds), parameter_specs(kind)
    narrower = tuple((n, b) for n, b in sorted(all_bounds.items()) if b != specs[n].bounds)
    return with_values(device, {}, _narrower(kind, narrower) if narrower else kind)


def with_values(device: Any, values: Mapping[str, Any], kind: type | None = None) -> Any:
    """A copy of a device or element, no composite, with other values of fields, which are not checked.

    Nothing is flattened: `equinox.tree_at` takes ten times as long.
    """
    copy = object.__new__(kind or type(device))
    for name, value in (vars(device) | dict(values)).items():
        object.__setattr__(copy, name, value)
    return copy


def model_class(device: Any) -> type:
    """The class of a device's model, whatever bounds a search has."""
    return type(device).__mro__[1] if hasattr(device, "narrower") else type(device)


@functools.cache
def _narrower(kind: type, bounds: tuple[tuple[str, tuple[float, float]], ...]) -> type:
    """The class of devices of a kind with narrower bounds; the name says them, since programs are kept by names."""

    def reduce(self):
        return _rebuild, (kind, bounds, {f.name: getattr(self, f.name) for f in own_fields})

    own_fields = dataclasses.fields(kind)
    words = ", ".join(f"{n} {low!r} to {high!r}" for n, (low, high) in bounds)
    namespace = {"__module__": kind.__module__, "__doc__": kind.__doc__, "narrower": bounds}
    return type(kind)(f"{kind.__name__}[{words}]", (kind,), namespace | {"__reduce__": reduce})


def _rebuild(kind: type, bounds: tuple, values: Mapping[str, Any]) -> Any:
    """A device with narrower bounds, out of a pickle."""
    return narrow_bounds(kind(**values), dict(bounds))


def as_setting(spec: SettingSpec, value: Any, *, where: str = "") -> int | str:
    """The value as the setting's kind.

    Raises
    ------
    BoundsError
        If it is not allowed.
    """
    is_whole = isinstance(value, float) and value.is_integer()
    number = round(value) if is_whole and isinstance(spec.default, int) else value
    if isinstance(number, bool) or not isinstance(number, int | str) or number not in spec.allowed:
        raise BoundsError(
            f"{spec.name} = {value!r}", where=where, allowed=allowed_text(spec.allowed)
        )
    return number


def check_bounds(device: Any) -> None:
    """Raise `BoundsError` where a setting or a concrete parameter lies outside its bounds or is no number."""
    for setting_spec in setting_specs(device).values():
        as_setting(setting_spec, stored(device, setting_spec.name), where=type(device).__name__)
    for spec in parameter_specs(device).values():
        value = stored(device, spec.name)
        if isinstance(value, jax.core.Tracer) or not isinstance(value, jax.Array | np.ndarray):
            continue
        array = np.asarray(value)
        lower, upper = (np.asarray(b, array.dtype) for b in spec.declared)
        if not np.all((array >= lower) & (array <= upper)):
            raise BoundsError(
                f"{spec.name} = {array} {spec.unit}",
                where=type(device).__name__,
                allowed=f"{spec.declared[0]:g} to {spec.declared[1]:g} {spec.unit}",
                fix="correct the value or its unit (all values are SI)",
            )


def describe(device: Any) -> list[dict]:
    """One row per parameter and setting: name, value, unit, bounds, symbol, doc, allowed.

    Parameters
    ----------
    device : AbstractDevice
        A device, or its class for the defaults.

    Returns
    -------
    list of dict
        Values are floats, None where the parameter follows another one; integers or words of
        settings, whose `allowed` lists them all (None for a parameter).
    """

    def pick(spec: Any) -> Any:
        return spec.default if isinstance(device, type) else stored(device, spec.name)

    rows = []
    for spec in parameter_specs(device).values():
        value = pick(spec)
        value = None if value is None else np.asarray(value).tolist()
        row = dataclasses.asdict(spec) | {"value": value, "bounds": list(spec.bounds)}
        del row["declared"]
        rows.append(row | {"allowed": None})
    blank = {"unit": "1", "bounds": None, "noise": False, "follows": None}
    for spec in setting_specs(device).values():
        row = dataclasses.asdict(spec) | blank | {"value": pick(spec)}
        rows.append(row | {"allowed": list(spec.allowed)})
    return rows
