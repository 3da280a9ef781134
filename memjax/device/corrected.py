"""Any model with learned corrections of its conduction and of its pace: physics leads, and data teach the rest."""

import copy
import dataclasses
import functools
import inspect
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import model_class, param
from ..core.system import Jump
from ..errors import ModelError
from ..runtime.model_names import CORRECTED
from .base import AbstractDevice
from .hybrid import node_names, node_position
from .laws import bound
from .laws.splines import extrapolated

FUNCTIONS = {
    "level": "Logarithm of what the current is multiplied by",
    "contrast": "Logarithm of what distances of the logarithm of the conductance from g_ref are multiplied by",
    "pace": "Logarithm of what the rates of all states are multiplied by",
}
"""The learned corrections by the names of their parameters, in order: functions of the voltage."""

_LIMIT = 100.0
"""Size of a node that no device needs: within a tenth of it a coordinate of a search is the value itself."""

_FACTOR = 20.0
"""Largest logarithm of a correction: 5e8 is more than a model that describes anything is off by."""

CONTRAST = 3.0
"""Largest logarithm of a contrast: twenty decades for one."""

_DISTANCE = 40.0
"""Distance from the reference beyond which the logarithm of a conductance counts as no farther."""

_SMALL = 1e-9
"""Voltage below which the conductance is that at this voltage [V]: 0 V over 0 A says nothing of it."""


def _corrections() -> dict[str, tuple[Any, Any]]:
    """Parameters of the corrections: annotation and field by name."""
    rows: dict[str, Any] = {}
    for function, text in FUNCTIONS.items():
        for k, name in enumerate(node_names(function)):
            symbol, doc = rf"{function[0]}_{{{k}}}", f"{text}, node {k}."
            rows[name] = param(0.0, unit="1", bounds=(-_LIMIT, _LIMIT), symbol=symbol, doc=doc)
    rows["v_low"] = param(
        -1.5, unit="V", bounds=(-1e3, 0.0), symbol="V_l", doc="Lowest voltage of the nodes."
    )
    rows["v_high"] = param(
        1.5, unit="V", bounds=(1e-3, 1e3), symbol="V_h", doc="Highest voltage of the nodes."
    )
    rows["g_ref"] = param(
        1e-5, unit="S", bounds=(1e-18, 1e3), symbol="G_r", doc="Conductance that contrast leaves as it is."
    )  # fmt: skip
    return {n: (Float[Array, ""], x) for n, x in rows.items()}


class AbstractCorrectedDevice(AbstractDevice):
    r"""A model whose current and rates are multiplied by learned functions of the voltage.

    Notes
    -----
    With :math:`I_0` the current of the model and :math:`G_0 = I_0/V`,

    .. math::

        I &= I_0\,e^{L(V) + (e^{C(V)} - 1)\ln(G_0/G_r)} \\
        dx &= e^{P(V)}\,f_0(x, V)\,dt + e^{P(V)/2}\,g_0(x, V)\;dW

    L, C and P are cubic B-splines of the voltage on equally spaced nodes between `v_low` and `v_high`, and stay as they
    are at the ends beyond. All states keep their paths and take them at another pace: bounds, volatility and the sign
    of each rate are those of the model, whatever the parameters. A model that is pinched, passive and rises with its
    state stays so. With all nodes 0 the device is the model, to rounding. Heat and whatever else the rates of a model
    make of its current is that of the uncorrected one.
    """

    physics: ClassVar[type[AbstractDevice]]
    """The class of the model that is corrected."""
    functions: ClassVar = {f: node_names(f) for f in FUNCTIONS}
    v_low: eqx.AbstractVar[Float[Array, ""]]
    v_high: eqx.AbstractVar[Float[Array, ""]]
    g_ref: eqx.AbstractVar[Float[Array, ""]]

    @property
    def base(self) -> AbstractDevice:
        """The model without corrections."""
        # Values are checked already, or traced.
        device = object.__new__(self.physics)
        for field in dataclasses.fields(self.physics):
            object.__setattr__(device, field.name, getattr(self, field.name))
        return device

    def corrections(self, v: Float[Array, ""]) -> Float[Array, "functions"]:
        """Level, contrast and pace at a voltage."""
        rows = [jnp.stack([getattr(self, n) for n in nodes]) for nodes in self.functions.values()]
        return extrapolated(jnp.stack(rows), node_position(v, self.v_low, self.v_high))[0]

    def initial(self, env):
        return self.base.initial(env)

    def drift(self, t, state, v, env):
        pace = jnp.exp(self._log_pace(v))
        return {n: pace * x for n, x in self.base.drift(t, state, v, env).items()}

    def noise(self, t, state, v, env):
        """See `AbstractDevice`: a walk at another pace has its variance by that pace."""
        channels = self.base.noise(t, state, v, env)
        root = jnp.exp(0.5 * self._log_pace(v)) if channels else 1.0
        return {c: {n: root * x for n, x in row.items()} for c, row in channels.items()}

    def jumps(self, t, state, v, env):
        jumps = self.base.jumps(t, state, v, env)
        if not jumps:
            return jumps
        pace = jnp.exp(self._log_pace(v))
        # Splines of nodes lie between the least and the largest of these.
        nodes = jnp.stack([getattr(self, n) for n in self.functions["pace"]])
        fastest = jnp.exp(bound(jnp.max(nodes), -_FACTOR, _FACTOR))
        return {n: Jump(pace * j.intensity, fastest * j.bound, j.after) for n, j in jumps.items()}

    def current(self, t, state, v, env):
        level, contrast, _ = self.corrections(v)
        u = jnp.where(jnp.abs(v) < _SMALL, jnp.where(v < 0, -_SMALL, _SMALL), v)
        i = self.base.current(t, state, u, env)
        size = jnp.abs(i) / jnp.abs(u)
        conducts = size > 1e-30
        distance = jnp.log(jnp.where(conducts, size, 1e-30)) - jnp.log(self.g_ref)
        distance = bound(distance, -_DISTANCE, _DISTANCE)
        stretch = jnp.expm1(bound(contrast, -CONTRAST, CONTRAST))
        factor = jnp.exp(bound(level + stretch * distance, -2 * _FACTOR, _FACTOR))
        return i * (v / u) * factor

    def project(self, state):
        return self.base.project(state)

    def _log_pace(self, v: Float[Array, ""]) -> Float[Array, ""]:
        """Logarithm of what rates are multiplied by."""
        return bound(self.corrections(v)[2], -_FACTOR, _FACTOR)


_ALIKE = (
    "volatile",
    "sets_at",
    "resets_at",
    "has_sides",
    "rectifies",
    "is_one_way",
    "states",
    "noise_structure",
    "references",
)
"""What a corrected device says of itself as its model does."""


@functools.cache
def corrected_class(physics: type[AbstractDevice]) -> type[AbstractDevice]:
    """The class of devices of a model with learned corrections: its parameters, and those of the corrections.

    Raises
    ------
    ModelError
        For a model that has learned functions itself, or parameters of the names of the corrections.
    """
    fields = {f.name: (f.type, copy.copy(f)) for f in dataclasses.fields(physics)}
    corrections = _corrections()
    if physics.functions or fields.keys() & corrections.keys():
        names = ", ".join(sorted(fields.keys() & corrections.keys()))
        raise ModelError(
            f"{physics.name}{CORRECTED}: the model has learned functions"
            + f", or parameters of the same names: {names}" * bool(names),
            allowed="models of physics",
        )
    fields |= corrections
    # It has an address, for what is saved: the registry makes a class of such a name, see its `__getattr__`.
    name = physics.name + CORRECTED
    namespace: dict[str, Any] = {
        "__module__": "memjax.device.registry",
        "__qualname__": name,
        "__doc__": f"{(inspect.getdoc(physics) or physics.name).partition(chr(10))[0]} With learned corrections.",
        "__annotations__": {n: kind for n, (kind, _) in fields.items()},
        "name": name,
        "physics": physics,
    }
    namespace |= {n: _as_of(physics, n) for n in _ALIKE}
    namespace |= {n: field for n, (_, field) in fields.items()}
    metaclass: Any = type(AbstractDevice)
    return metaclass(name, (AbstractCorrectedDevice,), namespace)


def _as_of(physics: type[AbstractDevice], name: str) -> Any:
    """A class variable as the model has it, or a property that asks the model."""
    value = inspect.getattr_static(physics, name)
    return property(lambda self: getattr(self.base, name)) if isinstance(value, property) else value


def with_corrections(device: AbstractDevice) -> AbstractDevice:
    """A device with learned corrections, all of them 0 as yet.

    Parameters
    ----------
    device : AbstractDevice
        A device of any model without learned functions.

    Returns
    -------
    AbstractDevice
        Of the model ``NAME+hybrid``: what `device` is, to rounding, until corrections are set or fitted.

    Raises
    ------
    ModelError
        As `memjax.model` of that name.
    """
    kind = corrected_class(model_class(device))
    return kind(
        **{f.name: getattr(device, f.name) for f in dataclasses.fields(model_class(device))}
    )
