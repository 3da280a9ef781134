"""Signals of a system by name: what is seen at its terminals, its states, the power of its elements."""

import re
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..circuit import BenchedDevice, Circuit, StackedCircuit
from ..circuit.power import bench_powers, element_powers
from ..core.scaling import Scaled
from ..core.system import AbstractSystem, Environment
from ..errors import ModelError
from .solution import value_before

TERMINALS = ("v", "i", "v_device", "i_device", "power")

_COMPONENT = re.compile(r"(.+)\[(\d+)\]")
_POWER = "power:"


def outputs_and_states(system: AbstractSystem, t, state, stimulus: Callable, env: Environment):
    """Outputs of a system just before a time [s], displacement current included, and its states as a trace shows them.

    `stimulus` gives what drives at a time [s], as an `AbstractStimulus` does.
    """
    if not isinstance(system, Circuit | StackedCircuit):
        return system.outputs(t, state, value_before(stimulus, t), env), state
    # At a corner of the drive a row has the outputs before it.
    t_before = jnp.nextafter(t, jnp.asarray(-jnp.inf, t.dtype))
    u, slope = _drive(stimulus, t_before)
    return system.outputs(t, state, u, env, slope), system.visible_state(state, u)


def terminal_values(out: Mapping[str, Float[Array, ""]]) -> dict[str, Float[Array, ""]]:
    """Voltage [V] and current [A] at the instrument and at the device, out of a system's outputs."""
    device = {f"{k}_device": out.get(f"{k}_device", out[k]) for k in ("v", "i")}
    return {"v": out["v"], "i": out["i"]} | device


def _drive(stimulus: Callable, t) -> tuple[Array, Array]:
    """Value of a stimulus at a time, and its slope."""
    return jax.jvp(stimulus, (t,), (jnp.ones_like(t),))


def check_signals(system: AbstractSystem, names: Sequence[str]) -> None:
    """Refuse signals that a system does not have.

    Raises
    ------
    ModelError
        It lists those that there are.
    """
    sizes = {s.name: s.size for s in system.specs}
    nodes = [f"{n}.v" for n in system.topology.names[1:]] if isinstance(system, Circuit) else []
    elements = _elements(system)
    for name in names:
        component = _COMPONENT.fullmatch(name)
        is_signal = name in TERMINALS or name in nodes or sizes.get(name) == 1
        is_signal |= name.startswith(_POWER) and name.removeprefix(_POWER) in elements
        if component is not None:
            is_signal |= int(component[2]) < sizes.get(component[1], 0)
        if not is_signal:
            states = [n if k == 1 else f"{n}[0] to {n}[{k - 1}]" for n, k in sizes.items()]
            powers = [f"{_POWER}{n}" for n in elements]
            raise ModelError(
                f"no signal {name!r}",
                where=type(system).__name__,
                allowed=", ".join(dict.fromkeys([*TERMINALS, *states, *nodes, *powers])),
            )


def _elements(system: AbstractSystem) -> tuple[str, ...]:
    """Names of the elements whose power is a signal."""
    if isinstance(system, Circuit):
        return system.names
    if isinstance(system, BenchedDevice):
        return ("device", "series_resistance", "parallel_resistance", "parallel_capacitance")
    return ()


def signal_values(
    scaled: Scaled, stimulus: Callable, names: Sequence[str], t, z: Float[Array, " n"]
) -> dict[str, Float[Array, ""]]:
    """Signals at a time [s] and scaled state, with the drive as it is at that very time.

    Parameters
    ----------
    scaled : Scaled
        The system.
    stimulus : callable
        What drives it.
    names : sequence of str
        Signals, see `memjax.Event`.
    t : Float[Array, ""]
        Time [s].
    z : Float[Array, "n"]
        Scaled state.

    Returns
    -------
    dict of str to Float[Array, ""]
        In SI.
    """
    system, env, state = scaled.system, scaled.env, scaled.unpack(z)
    u, slope = _drive(stimulus, t)
    visible, terminals, powers, nodes = state, {}, {}, {}
    if isinstance(system, Circuit):
        visible = system.visible_state(state, u)
        if any(n.startswith(_POWER) for n in names):
            powers = element_powers(system, t, state, u, slope, env)
        nodes = dict(zip((f"{n}.v" for n in system.topology.names), system.node_voltages(state, u)))
    elif isinstance(system, BenchedDevice) and any(n.startswith(_POWER) for n in names):
        powers = bench_powers(system, t, state, u, env)
    if any(n in TERMINALS for n in names):
        extra = (slope,) if isinstance(system, Circuit) else ()
        out = system.outputs(t, state, u, env, *extra)
        terminals = terminal_values(out) | {"power": out["v"] * out["i"]}

    def value(name: str):
        if name.startswith(_POWER):
            return powers[name.removeprefix(_POWER)]
        component = _COMPONENT.fullmatch(name)
        if component is not None:
            return visible[component[1]][int(component[2])]
        return {**nodes, **visible, **terminals}[name]

    return {n: jnp.asarray(value(n), z.dtype) for n in names}
