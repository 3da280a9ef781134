"""Parameters by name: select, replace, put in an ensemble, write to and read from TOML or JSON."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import BoundsError, ModelError
from ..runtime.documents import is_finite_number, load_json, load_toml
from ..runtime.files import writing
from ..runtime.flags import check_flags, is_text
from .fields import (
    AbstractComposite,
    as_known,
    as_setting,
    check_bounds,
    check_parameter,
    narrow_bounds,
    owner,
    parameter_specs,
    setting_specs,
    stored,
    with_values,
)
from .transforms import from_spec, within

D = TypeVar("D")


def known(device: Any, names: Iterable[str], *, where: str = "") -> list[str]:
    """The names, if each is a parameter of the device.

    Raises
    ------
    ModelError
        If a name is unknown; it lists the names that exist.
    """
    specs = parameter_specs(device)
    names = list(names)
    unknown = [n for n in names if n not in specs]
    if unknown:
        kind = device if isinstance(device, type) else type(device)
        raise ModelError(
            f"unknown parameter {', '.join(map(repr, unknown))}",
            where=where or kind.__name__,
            allowed=", ".join([*specs, *setting_specs(device)]),
        )
    return names


def get(device: Any, name: str) -> Float[Array | np.ndarray, ""]:
    """Value of a parameter; of the one that it follows where it has none of its own."""
    follows = parameter_specs(device)[known(device, [name])[0]].follows
    if follows is not None and stored(device, name) is None:
        return get(device, follows)
    return stored(device, name)


def scale(
    device: Any, factors: Mapping[str, Array], values: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Parameters times factors of any shape, such as those of `memjax.noise.cycle_factors`, kept within bounds.

    The parameters are those in `values` where it has them, else those of the device.
    """
    specs, base = parameter_specs(device), values or {}
    return {
        n: jnp.clip(base.get(n, get(device, n)) * x, *specs[n].bounds) for n, x in factors.items()
    }


def replace(
    device: D,
    values: Mapping[str, Any],
    *,
    where: str = "",
    check: bool = True,
    numpy: bool = False,
) -> D:
    """A device with other parameter values.

    Parameters
    ----------
    device : AbstractDevice
        The device to start from; it is not changed.
    values : mapping of str to float, Array or str
        New values [SI], of parameters and settings.
    where : str
        Named in errors (a file, an option).
    check : bool
        Whether each value has to be one number, and concrete ones are compared with the bounds.
    numpy : bool
        Whether new values are arrays of numpy, which are made in a hundredth of the time: for many devices that no
        equation is asked of before they are stacked.

    Raises
    ------
    ModelError, BoundsError
        For an unknown name, a value that is no number, or one out of bounds.
    """
    check_flags({"check": check, "numpy": numpy}, where="params.replace")
    _check_replaceable(device, values, where)
    settings = {n: s for n, s in setting_specs(device).items() if n in values}
    names = known(device, [n for n in values if n not in settings], where=where)
    if settings:
        device = _with_settings(device, settings, values, where)
    if not names:
        return device
    if text := [n for n in names if is_text(values[n])]:
        raise ModelError(
            f"{text[0]} = {values[text[0]]!r:.60}, which is text",
            where=where or "params.replace",
            allowed="numbers [SI]",
        )
    if check:
        specs = parameter_specs(device)
        for name in names:
            check_parameter(name, specs[name].unit, values[name], where=where)
    try:
        new = [values[n] for n in names]
        dtype = jnp.result_type(float)
        arrays = [np.array(x, dtype) for x in new] if numpy else _as_arrays(new)
    except (TypeError, ValueError) as error:
        raise ModelError(f"a parameter is no number: {error}", where=where) from error

    def pick(d):
        return [stored(d, n) for n in names]

    if isinstance(device, AbstractComposite):
        result = eqx.tree_at(pick, device, arrays, is_leaf=lambda x: x is None)
    else:
        result = with_values(device, dict(zip(names, arrays, strict=True)))
    if check:
        check_bounds(result)
    return result


def _check_replaceable(device: Any, values: Any, where: str) -> None:
    """Raise `ModelError` for a class, or anything but a mapping of values."""
    if isinstance(device, type):
        raise ModelError(
            f"the class {device.__name__} in place of a device",
            where=where or "params.replace",
            allowed="an instance",
            fix=f"make one: {device.__name__}()",
        )
    if not isinstance(values, Mapping):
        fix = "of a preset, mj.presets.load(name)[1] has the values"
        raise ModelError(
            f"a {type(values).__name__} in place of values",
            where=where or "params.replace",
            allowed="a dict of parameter names and numbers [SI]",
            fix=fix if isinstance(values, str | tuple) else "",
        )


def _as_arrays(values: list) -> list[jax.Array]:
    """Numbers as arrays of JAX; those that are none yet all at once."""
    dtype = jnp.result_type(float)
    if any(isinstance(x, jax.Array) for x in values):
        return [jnp.asarray(x, dtype) if isinstance(x, jax.Array) else as_known(x) for x in values]
    with jax.ensure_compile_time_eval():  # see `as_known`
        return jax.device_put([np.array(x, dtype=dtype) for x in values])


def _with_settings(device: D, settings: Mapping[str, Any], values: Mapping, where: str) -> D:
    """A device, or a composite, with other settings."""
    for name, spec in settings.items():
        part, field = owner(device, name)
        change = {field: as_setting(spec, values[name], where=where)}
        new_part = dataclasses.replace(part, **change)
        device = new_part if part is device else eqx.tree_at(_part(name), device, new_part)
    return device


def _part(name: str):
    """The part of a composite that has a parameter."""
    return lambda d: owner(d, name)[0]


def with_bounds(device: D, bounds: Mapping[str, tuple[float, float]], *, where: str = "") -> D:
    """A device whose named parameters a search keeps within narrower bounds.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        The device; a value of its own outside of the bounds is moved a twentieth of the range inside.
    bounds : mapping of str to (float, float)
        Lower and upper ends [SI].
    where : str
        Named in errors (a file, an option).

    Returns
    -------
    AbstractDevice or Circuit
        Of the same equations and values: coordinates, fits, profiles, draws and tables have these bounds; values beyond
        them, but within those of the model, can still be set and simulated.

    Raises
    ------
    ModelError, BoundsError
        For an unknown name, and bounds that are no range within those of the model.
    """
    specs = parameter_specs(device)
    for name in known(device, bounds, where=where):
        (low, high), (lowest, highest) = bounds[name], specs[name].declared
        if not lowest <= low < high <= highest:
            raise BoundsError(
                f"{name} between {low:g} and {high:g} {specs[name].unit}",
                where=where,
                allowed=f"LOW < HIGH, both from {lowest:g} to {highest:g} {specs[name].unit}",
            )
        part, field = owner(device, name)
        new_part = narrow_bounds(part, {field: (float(low), float(high))})
        device = new_part if part is device else eqx.tree_at(_part(name), device, new_part)
    specs = parameter_specs(device)
    values = {n: float(stored(device, n)) for n in bounds if stored(device, n) is not None}
    return replace(device, {n: within(specs[n], x) for n, x in values.items()})


def ensemble(device: D, values: Mapping[str, Float[Array, " members"]]) -> tuple[D, D]:
    """Many devices in one, and which of its leaves are batched.

    Parameters
    ----------
    device : AbstractDevice
        The common device.
    values : mapping of str to Float[Array, "members"]
        Parameters that differ between members [SI].

    Returns
    -------
    batched : AbstractDevice
        Device whose named leaves have a leading axis.
    axes : AbstractDevice
        The same tree with 0 at batched leaves and None elsewhere: `in_axes` of `jax.vmap`.
    """
    batched = replace(device, values, check=False)
    check_bounds(batched)
    axes = jax.tree.map(lambda _: None, device)

    def pick(d):
        return [stored(d, n) for n in values]

    axes = (
        eqx.tree_at(pick, axes, [0] * len(values), is_leaf=lambda x: x is None) if values else axes
    )
    return batched, axes


def unconstrain(device: Any, names: Iterable[str]) -> Float[Array, " free"]:
    """Unconstrained coordinates of the named parameters, in the order of the names."""
    return jnp.asarray(coordinates(device, names))


def coordinates(device: Any, names: Iterable[str]) -> Float[Array | np.ndarray, " free"]:
    """Return the coordinates of `unconstrain`, as an array of numpy if nothing is traced."""
    specs = parameter_specs(device)
    values = {n: get(device, n) for n in known(device, names)}
    if not any(isinstance(x, jax.core.Tracer) for x in values.values()):
        values = {n: np.asarray(x) for n, x in values.items()}
    with np.errstate(divide="ignore", invalid="ignore"):  # infinite at a bound, as JAX has it
        z = [from_spec(specs[n]).forward(x) for n, x in values.items()]
    return jnp.stack(z) if any(isinstance(x, jax.Array) for x in z) else np.array(z)


def constrain(
    device: D,
    names: Iterable[str],
    z: Float[Array | np.ndarray, " free"] | Sequence[Float[Array, ""]],
    *,
    numpy: bool = False,
) -> D:
    """The device whose named parameters have the given unconstrained coordinates; `numpy` as for `replace`."""
    check_flags({"numpy": numpy}, where="params.constrain")
    specs = parameter_specs(device)
    values = {n: from_spec(specs[n]).inverse(z[k]) for k, n in enumerate(known(device, names))}
    return replace(device, values, check=False, numpy=numpy)


def to_dict(device: Any) -> dict[str, Any]:
    """Parameters that have a value, by name [SI], and settings."""
    pairs = ((n, stored(device, n)) for n in parameter_specs(device))
    values = {n: np.asarray(v).tolist() for n, v in pairs if v is not None}
    return values | {n: stored(device, n) for n in setting_specs(device)}


def load(path: str | Path, *, words: Iterable[str] = ()) -> dict[str, Any]:
    """Read ``name = value`` pairs from a TOML or JSON file.

    Parameters
    ----------
    path : str or Path
        ``.json`` is JSON, everything else TOML. Values are SI.
    words : iterable of str
        Names whose value may be a word: a device's settings.

    Returns
    -------
    dict
        Values by name: numbers, and words of settings.

    Raises
    ------
    ModelError
        If the file cannot be read or holds anything but numbers, and words where they may be.
    """
    path = Path(path)
    load_values = load_json if path.suffix.lower() == ".json" else load_toml
    values = load_values(
        path,
        ModelError,
        what="parameters cannot be read",
        allowed="TOML or JSON, name = value in SI",
    )
    if not isinstance(values, dict):
        raise ModelError("no table of parameters", where=str(path), allowed="name = value in SI")
    values = flat(values)
    # A table that holds nothing is no table of further names: the value of its name is missing.
    if empty := [n for n, v in values.items() if isinstance(v, dict)]:
        raise ModelError(
            f"{', '.join(empty)}: an empty table in place of a number",
            where=str(path),
            allowed="name = value in SI",
        )
    text = {n for n in words if isinstance(values.get(n), str)}

    def number(v):
        return isinstance(v, float) or is_finite_number(v)

    bad = [n for n, v in values.items() if n not in text and not number(v)]
    if bad:
        raise ModelError(
            f"{', '.join(bad)}: no number", where=str(path), allowed="name = value in SI"
        )
    return {n: v if n in text else float(v) for n, v in values.items()}


def flat(table: Mapping[str, Any], *, leaf: str = "", prefix: str = "") -> dict[str, Any]:
    """Values of nested tables, under names joined by dots; a table that is empty or has the key `leaf` is a value."""
    values = {}
    for name, value in table.items():
        name = prefix + name
        is_table = isinstance(value, dict) and value and not (leaf and leaf in value)
        values |= flat(value, leaf=leaf, prefix=name + ".") if is_table else {name: value}
    return values


def dump(device: Any, path: str | Path) -> None:
    """Write a device's parameters as TOML (or JSON for ``.json``), with units as comments in TOML."""
    path, values = Path(path), to_dict(device)
    if path.suffix.lower() == ".json":
        content = json.dumps(values, indent=1)
    else:
        specs, settings = parameter_specs(device), setting_specs(device)
        says = {n: f"{s.unit}: {s.doc}" for n, s in specs.items()}
        says |= {n: s.doc for n, s in settings.items()}
        text = {n: json.dumps(v) if isinstance(v, str) else repr(v) for n, v in values.items()}
        content = "\n".join(f"{n} = {v}  # {says[n]}" for n, v in text.items())
    with writing(path) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def quiet(device: D) -> D:
    """The device with None in place of each noise parameter that is 0: the equations then do without it.

    A noise parameter other than 0, or traced, stays: it may act on the drift too.
    """
    names = [
        n for n, s in parameter_specs(device).items() if s.noise and _is_zero(stored(device, n))
    ]
    if not names:
        return device
    return eqx.tree_at(lambda d: [stored(d, n) for n in names], device, replace=[None] * len(names))


def is_none(value: Any) -> bool:
    """Whether a strength is known to be 0, or is not there at all."""
    return value is None or _is_zero(value)


def _is_zero(value: Any) -> bool:
    """Whether a value is known to be 0."""
    return (
        isinstance(value, jax.Array | np.ndarray)
        and not isinstance(value, jax.core.Tracer)
        and not np.any(np.asarray(value))
    )
