"""States from which a simulation starts, where they are given."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..circuit import Circuit
from ..core.result import FinalState
from ..core.scaling import Scaled
from ..errors import BoundsError, ModelError
from ..runtime.copies import copied
from ..runtime.flags import is_text


class Start(eqx.Module):
    """Given states, by member.

    Parameters
    ----------
    state : dict of str to Float[Array, "members ..."]
        States [SI], as a trace shows them.
    drive : Float[Array, "..."] or None
        Value of the source at which they are meant; that at the start of each sweep where it is None.
    """

    state: dict[str, Float[Array, "members ..."]]
    drive: Any

    def vectors(self, scaled_of, grid) -> Float[Array, "members sweeps n"]:
        """Scaled states of every lane of a grid; ``scaled_of(values)`` is the system of a lane."""

        def lane(values, state, stimulus):
            zero = jnp.zeros((), jnp.result_type(float))
            drive = stimulus(zero) if self.drive is None else self.drive
            return _vector(scaled_of(values), state, drive)

        per_sweep = jax.vmap(lane, in_axes=(0, None, 0))
        return jax.vmap(per_sweep, in_axes=(0, 0, None))(grid.values, self.state, grid.stimuli)


def _vector(scaled: Scaled, states: Mapping[str, Any], drive) -> Float[Array, " n"]:
    """Scaled state out of states that are given and of those at rest."""
    system: Any = scaled.system
    resting_state, states = system.initial(scaled.env), dict(states)
    if not isinstance(system, Circuit):
        return scaled.pack(system.project(resting_state | states))
    return scaled.pack(
        system.project(
            system.internal_state(system.visible_state(resting_state, drive) | states, drive)
        )
    )


def model_text(model: Any) -> str:
    """Name the model that states belong to, or the devices of a circuit."""
    if isinstance(model, Circuit):
        parts = [f"{n} ({model_text(d)})" for n, d in model.devices.items()]
        return f"a circuit of {', '.join(parts) or 'no device'}"
    return getattr(model, "name", type(model).__name__)


def checked_start(
    scaled: Scaled, initial: Mapping[str, Any], members: int, *, model: Any = None
) -> Start:
    """States to start from, one for each member.

    Parameters
    ----------
    scaled : Scaled
        The system.
    model : AbstractDevice, Circuit or other AbstractSystem, optional
        What is simulated: a `FinalState` has to be of the same.
    initial : mapping of str to float or Float[Array, "members ..."]
        See `memjax.simulate`.
    members : int
        How many.

    Raises
    ------
    ModelError, BoundsError
        For a name that is no state, a wrong shape, or a value outside the bounds of its state.
    """
    specs = {s.name: s for s in scaled.system.specs}
    if isinstance(initial, FinalState) and model is not None:
        _check_same_model(initial, model_text(model), specs)
    if not isinstance(initial, Mapping):
        raise ModelError(
            f"a {type(initial).__name__} in place of states",
            where="initial",
            allowed=", ".join(specs),
        )
    unknown = sorted(set(initial) - set(specs))
    if unknown:
        raise ModelError(
            f"no states {', '.join(unknown)}", where="initial", allowed=", ".join(specs)
        )
    start = {}
    for name in initial:
        if is_text(initial[name]):
            raise ModelError(f"{name} = {initial[name]!r:.60}, which is text", where="initial")
        x, spec = jnp.asarray(copied(initial[name]), jnp.result_type(float)), specs[name]
        shape = (spec.size,) if spec.size > 1 else ()
        if x.shape not in (shape, (1, *shape), (members, *shape)):
            raise ModelError(
                f"{name} of shape {x.shape}",
                where="initial",
                allowed=f"{shape}, or {(members, *shape)}: one for each member",
            )
        if not isinstance(x, jax.core.Tracer):
            _check_bounds(name, spec, np.asarray(x))
        start[name] = jnp.broadcast_to(x, (members, *shape))
    return Start(start, initial.drive if isinstance(initial, FinalState) else None)


def _check_same_model(initial: FinalState, wanted: str, specs: Mapping[str, Any]) -> None:
    """Refuse the end of a simulation of something else, of which a state of equal name means something else."""
    if initial.model in ("", wanted):
        return
    states = ", ".join(f"{n} [{s.unit}]" for n, s in specs.items())
    raise ModelError(
        f"the final state of {initial.model} ({', '.join(initial)})",
        where=f"initial of a simulation of {wanted}",
        allowed=f"its states {states}, and no others",
        fix="where they mean the same, give them by name: mj.Conditions(initial={...})",
    )


def _check_bounds(name: str, spec, x: np.ndarray) -> None:
    """Refuse values of a state that it cannot have."""
    low, high = spec.bounds
    slack = 1e-6 * spec.scale  # of a state that a single-precision solve left at its bound
    if not np.all(np.isfinite(x) & (x >= low - slack) & (x <= high + slack)):
        raise BoundsError(
            f"{name} = {x} {spec.unit}",
            where="initial",
            allowed=f"{low:g} to {high:g} {spec.unit}",
        )
