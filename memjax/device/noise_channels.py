"""Whether the noise of a device has the form that solvers read: a dict of channels, each a dict of states."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core.fields import parameter_specs, stored
from ..core.system import AbstractNoiseStructure, Environment, NoNoise
from ..errors import ModelError
from . import AbstractDevice

_FORM = '{"thermal": {"x": amplitude}}: a dict of channels, each a dict of states and amplitudes [unit/s^0.5]'


def check_noise_form(device: AbstractDevice, env: Environment, voltages: tuple[float, ...]) -> None:
    """Raise `ModelError` with the first thing that is wrong with the form of a device's noise.

    Parameters
    ----------
    device : AbstractDevice
        The device.
    env : Environment
        Where it stands.
    voltages : tuple of float
        Voltages [V] at which it is evaluated at rest, besides 0 V.
    """
    for v in (0.0, *voltages):
        channels = _call(device, "noise", env, v)
        if not isinstance(channels, Mapping):
            raise _failure(device, f"noise gives a {type(channels).__name__}", _FORM)
        for name, on in channels.items():
            _check_channel(device, name, on, v)
        _check_marker(device, list(channels))
    _check_without_strengths(device, env, voltages)


def _failure(device: AbstractDevice, what: str, allowed: str = "", fix: str = "") -> ModelError:
    """An error that names the device."""
    return ModelError(what, where=type(device).__name__, allowed=allowed, fix=fix)


def _call(device: Any, name: str, env: Environment, v: float) -> Any:
    """Drift or noise at rest."""
    volts = jnp.asarray(v)
    try:
        return getattr(device, name)(jnp.zeros_like(volts), device.initial(env), volts, env)
    except Exception as error:  # the user's own equations may fail in any way
        first = str(error).splitlines()[0] if str(error) else ""
        raise _failure(
            device,
            f"{name} at rest and {v:g} V raises {type(error).__name__}: {first}",
            f"a method {name}(t, state, v, env)",
        ) from error


def _check_channel(device: AbstractDevice, name: Any, on: Any, v: float) -> None:
    """One channel: states that exist, amplitudes of their shape that are numbers."""
    sizes = {s.name: () if s.size == 1 else (s.size,) for s in device.states}
    if not isinstance(name, str):
        raise _failure(device, f"a noise channel with the name {name!r}", "names that are words")
    if not isinstance(on, Mapping):
        message = f"noise channel {name!r} is a {type(on).__name__}"
        raise _failure(device, message, _FORM)
    for state, amplitude in on.items():
        label = f"noise channel {name!r}"
        if state not in sizes:
            raise _failure(device, f"{label} acts on {state!r}", f"states: {', '.join(sizes)}")
        array = _as_number(amplitude)
        if array is None:
            kind = f"{type(amplitude).__name__} {amplitude!r:.40}"
            raise _failure(
                device, f"{label} on {state!r} has the amplitude {kind}", "a real number"
            )
        if array.shape != sizes[state]:
            message = f"{label} on {state!r} has an amplitude of shape {array.shape}"
            raise _failure(device, message, f"{sizes[state]}, that of the state")
        if not np.all(np.isfinite(np.asarray(array))):
            raise _failure(
                device,
                f"{label} on {state!r} is {amplitude} at rest and {v:g} V",
                "a finite number",
                "guard roots, powers and quotients at 0",
            )


def _as_number(x: Any) -> Any:
    """An array of real numbers, None for anything else."""
    if not isinstance(x, float | np.ndarray | np.floating | jax.Array):
        return None
    array = jnp.asarray(x)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else None


def _check_marker(device: AbstractDevice, channels: list[str]) -> None:
    """A marker class that goes with whether there are channels."""
    marker = device.noise_structure
    markers = "Additive, Partitioned, Diagonal, Commutative or General of memjax.core.system"
    if not (isinstance(marker, type) and issubclass(marker, AbstractNoiseStructure)):
        message = f"noise_structure is {marker!r:.60}, which is no marker class"
        raise _failure(device, message, f"NoNoise, {markers}")
    if channels and issubclass(marker, NoNoise):
        raise _failure(
            device,
            f"NoNoise with channels {sorted(channels)}",
            markers,
            "declare noise_structure: General always holds, and a stronger marker allows better methods",
        )


def _check_without_strengths(device: Any, env: Environment, voltages: tuple[float, ...]) -> None:
    """A strength that is 0 is None in what is solved: drift works without them all, noise without each."""
    strengths = [n for n, s in parameter_specs(device).items() if s.noise]
    strengths = [n for n in strengths if stored(device, n) is not None]
    groups = [(strengths, "drift")] if strengths else []
    groups += [([n], "noise") for n in strengths] if len(strengths) > 1 else []
    for names, method in groups:

        def pick(d, names=names):
            return [getattr(d, n) for n in names]

        quiet = eqx.tree_at(pick, device, [None] * len(names))
        try:
            _call(quiet, method, env, voltages[0] if voltages else 0.0)
        except ModelError as error:
            first = names[0]
            raise _failure(
                device,
                f"{method} does not work without {', '.join(names)}, which are None where they are 0",
                "equations that do without the noise that does not act",
                f"write 0.0 if self.{first} is None else self.{first}",
            ) from error
