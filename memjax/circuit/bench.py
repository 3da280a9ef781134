"""The bench around one device: source, series resistance, then device, resistance and capacitance in parallel."""

import functools
import math
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.fields import StateSpec, state
from ..core.system import AbstractNoiseStructure, AbstractSystem, Environment, State
from ..device import AbstractDevice, AbstractOhmicDevice
from ..device.laws import grow_bracket, increasing_root
from ..errors import BoundsError
from ..runtime.arguments import check_known, number
from ..runtime.copies import copied
from ..runtime.flags import as_flag, check_flags
from .limiter import soft_limit

SOURCE_RESISTANCE = 1.0
"""Output resistance of a voltage source without a series resistance, into a capacitance, or with a limit into a device
that is not ohmic [ohm]."""

NODE = "v_node"

LIMITS = ("compliance", "compliance_negative")
"""Fields of a bench that may differ from sweep to sweep."""

UNLIMITED = 1e3
"""Limit of a source that has none, beside others that have one [A]: no device comes near it."""


def _none_for_zero(value: Any) -> Any:
    """None for a series resistance or an offset of zero: whether there is one is a matter of structure."""
    return None if isinstance(value, int | float) and value == 0 else copied(value)


_number = functools.partial(number, where="bench", sign=">", optional=True, default=None)
_offset = functools.partial(_number, sign="", convert=_none_for_zero)


class Bench(eqx.Module):
    """Circuit between the instrument's terminals and the device.

    Parameters
    ----------
    series_resistance : float or None
        Between source and device [ohm]; 0 or None for none.
    parallel_resistance : float or None
        Across the device [ohm].
    parallel_capacitance : float or None
        Across the device [F]. Where there is none, source and device carry one current at every
        instant.
    compliance : float or None
        Largest current of the source [A]; voltage sources only.
    reversed : bool
        Whether the device stands with its terminals swapped, as where a model sets at the polarity
        at which the measured device resets.
    compliance_negative : float or None
        The same of negative currents [A], where it differs; None for `compliance` at both polarities.
    offset_current : float or None
        What the instrument adds to the current that it reads [A]; 0 or None for nothing.
    offset_voltage : float or None
        What the terminals have beyond the voltage that the instrument says [V]; 0 or None for nothing.

    Notes
    -----
    Offsets stand at the instrument: with :math:`V_{off}` and :math:`I_{off}` the terminals have :math:`V + V_{off}`
    and the current :math:`I - I_{off}` where the instrument says V and I, whichever of the two it imposes.

    Raises
    ------
    BoundsError
        For a negative resistance, or any other value that no element has; for a limit of negative currents alone.
    """

    series_resistance: float | None = _number(unit="ohm", sign=">=", convert=_none_for_zero)
    parallel_resistance: float | None = _number(unit="ohm")
    parallel_capacitance: float | None = _number(unit="F")
    compliance: float | None = _number(unit="A")
    reversed: bool = eqx.field(static=True, default=False, converter=as_flag)
    compliance_negative: float | None = _number(unit="A")
    offset_current: float | None = _offset(unit="A")
    offset_voltage: float | None = _offset(unit="V")

    def __check_init__(self):
        check_flags({"reversed": self.reversed}, where="bench")
        check_known(self)
        if self.compliance is None and self.compliance_negative is not None:
            raise BoundsError(
                "a compliance of negative currents alone",
                where="bench",
                allowed="with one of positive currents",
                fix="say compliance= too",
            )

    def limit_current(self, i: Float[Array, "..."]) -> Float[Array, "..."]:
        """Current that the source gives where it would give `i` [A] without its limits."""
        if self.compliance is None:
            return i
        if self.compliance_negative is None:
            return soft_limit(i, self.compliance)
        return soft_limit(i, jnp.where(i < 0, self.compliance_negative, self.compliance))

    def terminal_voltage(
        self, v_device: Float[Array | np.ndarray, "..."], i: Float[Array | np.ndarray, "..."]
    ) -> Float[Array | np.ndarray, "..."]:
        """Voltage that the instrument reads [V], which is what it measures where it is at its limit.

        Parameters
        ----------
        v_device : Float[Array, "..."]
            Voltage of the device, as the source counts it [V].
        i : Float[Array, "..."]
            Current that the instrument reads [A].

        Returns
        -------
        Float[Array or np.ndarray, "..."]
            Voltage between the instrument's terminals [V], of the shape of the arguments.
        """
        if self.series_resistance is not None:
            v_device = v_device + self.series_resistance * self.source_current(i)
        return v_device if self.offset_voltage is None else v_device - self.offset_voltage

    def source_current(
        self, i: Float[Array | np.ndarray, "..."]
    ) -> Float[Array | np.ndarray, "..."]:
        """Current of the source [A] where the instrument reads `i` [A]."""
        return i if self.offset_current is None else i - self.offset_current

    def current_reading(
        self, i: Float[Array | np.ndarray, "..."]
    ) -> Float[Array | np.ndarray, "..."]:
        """Current that the instrument reads [A] where the source gives `i` [A]."""
        return i if self.offset_current is None else i + self.offset_current

    def source_voltage(
        self, v: Float[Array | np.ndarray, "..."]
    ) -> Float[Array | np.ndarray, "..."]:
        """Voltage of the source [V] where the instrument says `v` [V]."""
        return v if self.offset_voltage is None else v + self.offset_voltage

    @property
    def bare(self) -> bool:
        """Whether the source is connected to the device and nothing else."""
        elements = (
            self.series_resistance,
            self.parallel_resistance,
            self.parallel_capacitance,
            self.compliance,
            self.offset_current,
            self.offset_voltage,
        )
        return all(x is None for x in elements) and not self.reversed


def limited_bench(
    bench: Bench, limits: Float[np.ndarray, "sweeps 2"]
) -> tuple[Bench, dict[str, Float[np.ndarray, "1 sweeps"]]]:
    """A bench whose source has a limit of its own in each sweep.

    Parameters
    ----------
    bench : Bench
        All else.
    limits : Float[np.ndarray, "sweeps 2"]
        Largest positive and negative current in each sweep [A]; infinite where there is none.

    Returns
    -------
    bench : Bench
        With the limits of all sweeps, or the largest of each polarity where sweeps differ.
    values : dict of str to Float[np.ndarray, "1 sweeps"]
        For `simulate`, where sweeps differ; else empty.
    """
    limits = np.asarray(limits, float)
    if not np.any(np.isfinite(limits)):
        return bench, {}
    # One program for all sweeps: a sweep without a limit gets one that no device reaches.
    finite_limits = np.where(np.isfinite(limits), limits, UNLIMITED)
    combinations = np.unique(finite_limits, axis=0)
    positive, negative = (float(x) for x in combinations.max(axis=0))
    symmetric = np.array_equal(finite_limits[:, 0], finite_limits[:, 1])
    bench = replace(bench, compliance=positive, compliance_negative=None if symmetric else negative)
    names = LIMITS[: 1 if symmetric else 2]
    return bench, {n: finite_limits[None, :, k] for k, n in enumerate(names)} if len(
        combinations
    ) > 1 else {}


class BenchedDevice(AbstractSystem):
    r"""A device on a bench, driven by a source: what `simulate` integrates.

    Parameters
    ----------
    device : AbstractDevice
        The device.
    bench : Bench
        Its surroundings.
    driven : {"voltage", "current"}
        What the source imposes.

    Notes
    -----
    The voltage of the device is a state of its own where a capacitance is stated. Otherwise the current i of the
    source is that through device and parallel resistance, :math:`i = T(V)`, at every instant: an algebraic relation,
    the limit of a capacitance that charges much faster than anything else happens. For an ohmic device, T(V) = V/R,
    it is solved in closed form, i = `soft_limit` (V_source / (R_s + R)), for others by Newton's method:

    .. math::

        T(V) = \mathrm{soft\_limit}\Big(\frac{V_{source} - V}{R_s}\Big) \text{, or } T(V) = I_{source},

    with `SOURCE_RESISTANCE` for R_s where there is a limit alone. T has to increase with V.
    """

    device: AbstractDevice
    bench: Bench = Bench()
    driven: str = eqx.field(static=True, default="voltage")

    def __check_init__(self):
        if self.driven not in ("voltage", "current"):
            raise BoundsError(f"driven by {self.driven!r}", allowed="voltage, current")
        if self.driven == "current" and self.bench.compliance is not None:
            raise BoundsError(
                "compliance at a current source",
                where="bench",
                allowed="voltage sources only",
                fix="leave it out",
            )

    @property
    def has_node(self) -> bool:
        """Whether the device voltage is a state of its own."""
        return self.bench.parallel_capacitance is not None

    @property
    def specs(self) -> tuple[StateSpec, ...]:
        # The node's rate is linear in its voltage for ohmic devices only, and without a limit.
        ohmic = isinstance(self.device, AbstractOhmicDevice) and self.bench.compliance is None
        unbounded = (-math.inf, math.inf)
        node = state(
            NODE, unit="V", scale=1.0, bounds=unbounded, doc="Device voltage.", linear=ohmic
        )
        return (*self.device.states, node) if self.has_node else self.device.states

    @property
    def noise_structure(self) -> type[AbstractNoiseStructure]:
        return self.device.noise_structure

    @property
    def single_precision(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """See `AbstractSystem`: what the device declares; nothing with a node or a series resistance, not measured."""
        has_series = self.has_node or self.bench.series_resistance is not None
        return () if has_series else self.device.single_precision

    def single_precision_flaw(self) -> str | None:
        """See `AbstractSystem`: that of the device."""
        return self.device.single_precision_flaw()

    @property
    def _leak(self):
        """Conductance across the device [S]."""
        return 0.0 if self.bench.parallel_resistance is None else 1 / self.bench.parallel_resistance

    @property
    def _series(self):
        """Resistance between a voltage source and a device or capacitance whose voltage is not its own [ohm]."""
        series = self.bench.series_resistance
        return SOURCE_RESISTANCE if series is None else series

    def _applied(self, u):
        """Return the voltage [V] or current [A] that the source imposes where the instrument displays `u`."""
        bench = self.bench
        return bench.source_voltage(u) if self.driven == "voltage" else bench.source_current(u)

    def _facing(self, v):
        """A voltage or current [V or A] of the bench as the device's own terminals count it, and back."""
        return -v if self.bench.reversed else v

    def _current(self, t, device_state: State, v, env: Environment):
        """Current through the device [A] at the voltage `v` [V] of the bench."""
        return self._facing(self.device.current(t, device_state, self._facing(v), env))

    def _split(self, state: State) -> tuple[State, Float[Array, ""] | None]:
        """State of the device, and node voltage."""
        device_state = {k: x for k, x in state.items() if k != NODE}
        return device_state, state.get(NODE)

    def initial(self, env: Environment) -> State:
        """See `AbstractSystem`: the device at rest, the node uncharged."""
        device_state = self.device.initial(env)
        kind = jnp.result_type(next(iter(device_state.values())))
        return device_state | {NODE: jnp.zeros((), kind)} if self.has_node else device_state

    def _source_current(self, u, node):
        """Current that the source drives into the node [A]."""
        if self.driven == "current":
            return u
        return self.bench.limit_current((u - node) / self._series)

    def _branch_current(self, t, device_state: State, v, env: Environment):
        """Current of device and parallel resistance [A] at the voltage `v` [V] of the bench."""
        return self._current(t, device_state, v, env) + v * self._leak

    def _device_voltage(self, t, device_state: State, u, env: Environment):
        """Voltage of the device [V] where it is no state: source and device carry one current."""
        series, limit = self.bench.series_resistance, self.bench.compliance
        if self.driven == "voltage" and series is None and limit is None:
            return u
        # A linear device: the divider gives its voltage in closed form, without iterations.
        if isinstance(self.device, AbstractOhmicDevice):
            total = 1 / (
                1 / self.device.resistance(device_state, self._facing(u), env) + self._leak
            )
            total_series = total if series is None else series + total
            return total * (
                u if self.driven == "current" else self.bench.limit_current(u / total_series)
            )

        # Kirchhoff: current that device and leak take beyond what the source gives, increasing in v.
        def excess(v):
            return self._branch_current(t, device_state, v, env) - self._source_current(u, v)

        # A voltage source finds the device between ground and itself, or a volt around where it is not passive.
        margin = 1.0 if self.driven == "voltage" else 0.0
        u_end = u if self.driven == "voltage" else jnp.sign(u)
        ends = jnp.minimum(u_end, 0.0) - margin, jnp.maximum(u_end, 0.0) + margin
        if self.driven == "current":
            return increasing_root(excess, *grow_bracket(excess, *ends))
        # Below its limit a source leaves the device all but what falls off at its own resistance.
        return increasing_root(excess, *ends, start=jnp.asarray(u, jnp.result_type(*ends)))

    def _device_input(self, t, state: State, u, env: Environment):
        """State of the device, and the voltage [V] that it sees where the instrument says `u`."""
        device_state, node = self._split(state)
        if node is None:
            node = self._device_voltage(t, device_state, self._applied(u), env)
        return device_state, self._facing(node)

    def drift(self, t, state, u, env):
        device_state, node = self._split(state)
        rates = self.device.drift(t, *self._device_input(t, state, u, env), env)
        c = self.bench.parallel_capacitance
        if node is None or c is None:
            return rates
        # Kirchhoff at the node: what the source gives and the branches do not take charges it.
        source_current = self._source_current(self._applied(u), node)
        charging = source_current - self._branch_current(t, device_state, node, env)
        return rates | {NODE: charging / c}

    def noise(self, t, state, u, env):
        return self.device.noise(t, *self._device_input(t, state, u, env), env)

    def jumps(self, t, state, u, env):
        return self.device.jumps(t, *self._device_input(t, state, u, env), env)

    def outputs(self, t, state, u, env):
        """See `AbstractSystem`: `v`, `i` as the instrument reads them, `v_device`, `i_device` at the device."""
        device_state, node = self._split(state)
        applied = self._applied(u)
        v_device = node
        if v_device is None:
            v_device = self._device_voltage(t, device_state, applied, env)
        i_device = self._current(t, device_state, v_device, env)
        if node is None:
            i = i_device + v_device * self._leak
        else:
            i = self._source_current(applied, node)
        i = self.bench.current_reading(i)
        # The root holds the imposed current to rounding only: report the imposed one.
        i = u if self.driven == "current" else i
        v = u if self.driven == "voltage" else self.bench.terminal_voltage(v_device, i)
        return {"v": v, "i": i, "v_device": v_device, "i_device": i_device}

    def project(self, state):
        device_state, node = self._split(state)
        device_state = self.device.project(device_state)
        return device_state if node is None else device_state | {NODE: node}

    def confine(self, state, before, u):
        """See `AbstractSystem`: a passive node stays between ground, the source and where it was."""
        state = self.project(state)
        if NODE not in state or self.driven == "current":
            return state
        # A capacitor between passive elements never charges beyond the source, ground or its own past.
        u = self._applied(u)
        low = jnp.minimum(jnp.minimum(0.0, u), before[NODE])
        high = jnp.maximum(jnp.maximum(0.0, u), before[NODE])
        return state | {NODE: jnp.clip(state[NODE], low, high)}
