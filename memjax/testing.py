"""Conformance of a device: what every model has to keep so that solvers, fits and circuits can use it."""

import math
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from .circuit import BenchedDevice
from .core import params
from .core.fields import StateSpec, parameter_specs, setting_specs
from .core.scaling import Scaled
from .core.system import (
    AbstractNoiseStructure,
    Additive,
    Commutative,
    Diagonal,
    Environment,
    General,
)
from .core.units import parse_unit
from .device import AbstractDevice, AbstractOhmicDevice
from .device.noise_channels import check_noise_form
from .errors import MemjaxError, ModelError
from .runtime.flags import check_flags
from .simulate.policy import require_x64

_DRAWS, _SAMPLES = 200, 24
_ALONE = 6
"""Of so many samples one is also computed alone, operation by operation."""

_DISTANCES = (1e2, 1e4, 1e8)
"""Distances in scales at which derivatives still have to be numbers."""

_FLOAT32_SHARE = 2e-3
_SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


def check_device(
    device: AbstractDevice,
    *,
    voltages: tuple[float, ...] = (-1.0, -0.1, 0.1, 1.0),
    env: Environment | None = None,
    pinched: bool = True,
    passive: bool = True,
    seed: int = 0,
) -> None:
    """Check that a device keeps what solvers, fits and circuits rely on.

    Parameters
    ----------
    device : AbstractDevice
        The device, with the parameters to check it at.
    voltages : tuple of float
        Device voltages [V] at which it is evaluated, besides 0 V.
    env : Environment, optional
        Where it stands.
    pinched, passive : bool
        False for a published model that carries current at 0 V, or gives energy away; its docstring
        says so.
    seed : int
        Seed of the states at which it is evaluated.

    Raises
    ------
    ModelError
        Naming the first thing that is wrong: declarations, initial state, domain, drift, noise,
        current, batching, gradients, single precision, or files.
    PolicyError
        If JAX does not compute in float64, without which gradients cannot be compared.

    Notes
    -----
    Gradients with respect to states, voltage and parameters are taken forward and in reverse, and
    compared with central differences wherever two of these agree: a kink is not a wrong gradient. Those
    in reverse have to be numbers far outside the domain too, where stages of refused steps may lie.
    Single precision is computed operation by operation with denormal numbers flushed to zero, as
    processors and accelerators do.
    """
    check_flags({"pinched": pinched, "passive": passive}, where="check_device")
    require_x64()
    if not isinstance(device, AbstractDevice):
        kind = device.__name__ if isinstance(device, type) else f"{device!r:.60}"
        raise ModelError(
            f"{kind} in place of a device",
            where="check_device",
            allowed="an instance of a subclass of mj.AbstractDevice",
            fix=f"make one: {kind}()" if isinstance(device, type) else "",
        )
    _check_declarations(device)
    probe = _Probe(device, tuple(voltages), env or Environment(), seed)
    _check_initial(probe)
    _check_domain(probe)
    _check_drift(probe)
    check_noise_form(device, probe.env, probe.voltages)
    _check_noise(probe)
    _check_current(probe, pinched=pinched, passive=passive)
    _check_batching(probe)
    _check_gradients(probe)
    _check_single_precision(probe)
    _check_files(device)


class _Probe:
    """A device and the states and voltages at which it is looked at."""

    def __init__(
        self, device: AbstractDevice, voltages: tuple[float, ...], env: Environment, seed: int
    ):
        rng = np.random.default_rng(seed)
        self.device, self.env, self.voltages = device, env, voltages
        self.raw = [{s.name: _draw(s, rng) for s in device.states} for _ in range(_DRAWS)]
        self.v = jnp.asarray(np.resize(voltages, _SAMPLES))
        self.compiled: dict[str, Callable] = {}
        self.inner = self._inner()

    def _inner(self) -> list[dict[str, Array]]:
        """Random states that `project` leaves alone; where they are rare, others between two that it has moved."""
        batch = jax.tree.map(lambda *x: jnp.stack(x), *self.raw)
        inside = jax.vmap(self.device.project)(batch)
        distance = sum(
            np.abs(np.asarray(inside[n] - batch[n])).reshape(_DRAWS, -1).sum(axis=1) for n in inside
        )
        order = np.argsort(distance > 0, kind="stable")[:_SAMPLES]
        mixtures = jax.vmap(self.device.project)(
            jax.tree.map(lambda x: 0.7 * x + 0.3 * jnp.roll(x, 1, axis=0), inside)
        )
        sources = [mixtures if rare else inside for rare in np.asarray(distance)[order] > 0]
        return [jax.tree.map(lambda x, k=k: x[k], c) for k, c in zip(order, sources)]

    def call(self, name: str, state: dict, v: Array) -> Any:
        """Drift, noise or current, compiled; where that does not work, `_check_batching` says so."""

        def alone(s, u):
            return getattr(self.device, name)(jnp.zeros_like(u), s, u, self.env)

        try:
            return self.compiled.setdefault(name, jax.jit(alone))(state, v)
        except (jax.errors.JAXTypeError, TypeError, ValueError):
            return alone(state, v)

    def fail(self, what: str, **where: Any) -> ModelError:
        """The error to raise."""
        return _failure(self.device, what, **where)

    @cached_property
    def flat(self) -> tuple[Callable, Float[Array, "samples coordinates"]]:
        """Everything that the device computes, out of one vector of state, voltage and parameters; the samples."""
        parameters, fixed = eqx.partition(self.device, eqx.is_inexact_array)
        states = self.stack_states()

        def sample(k):
            return (jax.tree.map(lambda x: x[k], states), self.v[k], parameters)

        unravel = ravel_pytree(sample(0))[1]

        def f(z):
            state, v, leaves = unravel(z)
            return self.rates(eqx.combine(leaves, fixed), state, v)

        return f, jnp.stack([ravel_pytree(sample(k))[0] for k in range(_SAMPLES)])

    @cached_property
    def batched(self) -> Callable:
        """The function of `flat` for many vectors, compiled."""
        return jax.jit(jax.vmap(self.flat[0]))

    @property
    def states(self) -> list[dict[str, Array]]:
        """States of the domain: inner ones, some at its edge, and the corners of the bounds."""
        device = self.device
        corners = [
            {s.name: jnp.full(_shape(s), _finite(s, k)) for s in device.states} for k in (0, 1)
        ]
        return self.inner[:8] + [device.project(x) for x in (*self.raw[:8], *corners)]

    def rates(self, device: Any, state: dict, v: Float[Array, ""]) -> Float[Array, " out"]:
        """Everything that the device computes, in one vector: scaled drift and noise amplitudes, and conductance."""
        scale = {s.name: s.scale for s in self.device.states}
        drift = device.drift(jnp.zeros_like(v), state, v, self.env)
        noise = device.noise(jnp.zeros_like(v), state, v, self.env)
        parts = [drift[n] / scale[n] for n in scale]
        parts += [x / scale[n] for channel in noise.values() for n, x in channel.items()]
        parts.append(device.current(jnp.zeros_like(v), state, v, self.env))
        return jnp.concatenate([jnp.ravel(p) for p in parts])

    def stack_states(self) -> dict[str, Array]:
        """The inner states, a leading axis over them."""
        return jax.tree.map(lambda *x: jnp.stack(x), *self.inner)


def _failure(device: Any, what: str, *, allowed: str = "", fix: str = "") -> ModelError:
    """An error that names the device."""
    return ModelError(what, where=type(device).__name__, allowed=allowed, fix=fix)


def _shape(spec: StateSpec) -> tuple[int, ...]:
    """Shape of a state."""
    return () if spec.size == 1 else (spec.size,)


def _finite(spec: StateSpec, side: int) -> float:
    """A bound of a state, or ten scales off where there is none."""
    bound = spec.bounds[side]
    opposite = spec.bounds[1 - side] if math.isfinite(spec.bounds[1 - side]) else 0.0
    return bound if math.isfinite(bound) else opposite + (10 if side else -10) * spec.scale


def _draw(spec: StateSpec, rng: np.random.Generator) -> Array:
    """A random state inside the declared bounds."""
    lower, upper = spec.bounds
    shape = _shape(spec)
    if math.isfinite(lower) and math.isfinite(upper):
        return jnp.asarray(rng.uniform(lower, upper, shape))
    if math.isfinite(lower) or math.isfinite(upper):
        distance = spec.scale * rng.exponential(1.0, shape)
        return jnp.asarray(lower + distance if math.isfinite(lower) else upper - distance)
    return jnp.asarray(spec.scale * rng.standard_normal(shape))


def _check_declarations(device: AbstractDevice) -> None:
    """Names, units, bounds and texts."""
    kind = type(device)
    if not (isinstance(device.name, str) and device.name):
        raise _failure(device, "no name", allowed="name: ClassVar[str]")
    if not device.references or not all(isinstance(r, str) and r for r in device.references):
        raise _failure(
            device, "no references", allowed="DOIs or addresses of the sources of the equations"
        )
    if not (
        isinstance(device.noise_structure, type)
        and issubclass(device.noise_structure, AbstractNoiseStructure)
    ):
        raise _failure(
            device,
            "noise_structure is no marker class",
            allowed="NoNoise, Additive, Partitioned, Diagonal, Commutative, General",
        )
    text = kind.__doc__ or ""
    if not text.strip() or text.startswith(f"{kind.__name__}("):
        raise _failure(device, "no docstring")
    names = [s.name for s in device.states]
    if not names or len(set(names)) < len(names):
        raise _failure(device, f"states {names}", allowed="one or more, with different names")
    for what, spec in [("state", s) for s in device.states] + [
        ("parameter", s) for s in parameter_specs(device).values()
    ]:
        _check_spec(device, what, spec)


def _check_spec(device: AbstractDevice, what: str, spec: Any) -> None:
    """Unit, bounds and text of a state or a parameter."""
    try:
        parse_unit(spec.unit)
    except MemjaxError as error:
        raise _failure(device, f"unit of {what} {spec.name}: {error}") from error
    if not spec.doc.strip():
        raise _failure(device, f"{what} {spec.name} has no doc")
    if not spec.bounds[0] < spec.bounds[1]:
        raise _failure(
            device, f"bounds {spec.bounds} of {what} {spec.name}", allowed="lower < upper"
        )
    if what == "state" and not (math.isfinite(spec.scale) and spec.scale > 0):
        raise _failure(
            device, f"scale {spec.scale} of state {spec.name}", allowed="a finite number > 0"
        )
    if what == "parameter" and spec.default is None and spec.follows not in parameter_specs(device):
        raise _failure(device, f"parameter {spec.name} has neither a default nor one to follow")


def _check_states(probe: _Probe, what: str, values: Any) -> None:
    """Whether a state or its rate has every state, in the right shape, finite."""
    names = [s.name for s in probe.device.states]
    if set(values) != set(names):
        raise probe.fail(f"{what} of {sorted(values)}", allowed=", ".join(names))
    for s in probe.device.states:
        if jnp.shape(values[s.name]) != _shape(s):
            raise probe.fail(
                f"{what} of {s.name} has shape {jnp.shape(values[s.name])}", allowed=f"{_shape(s)}"
            )
        if not bool(jnp.all(jnp.isfinite(values[s.name]))):
            raise probe.fail(f"{what} of {s.name} is not finite: {values[s.name]}")


def _inside(spec: StateSpec, value: Array) -> bool:
    """Whether a state lies within its bounds, to rounding."""
    slack = 1e-12 * spec.scale
    return bool(jnp.all((value >= spec.bounds[0] - slack) & (value <= spec.bounds[1] + slack)))


def _check_initial(probe: _Probe) -> None:
    """The state at rest is a state of the domain."""
    initial = probe.device.initial(probe.env)
    _check_states(probe, "initial state", initial)
    for s in probe.device.states:
        if not _inside(s, initial[s.name]):
            raise probe.fail(
                f"initial state {s.name} = {initial[s.name]}", allowed=f"{s.bounds} {s.unit}"
            )
    _check_idempotent(probe, initial, "project moves the initial state")


def _check_idempotent(probe: _Probe, state: dict, what: str) -> None:
    """Whether `project` leaves a state of the domain where it is."""
    second = probe.device.project(state)
    for s in probe.device.states:
        if not bool(
            jnp.all(
                jnp.abs(second[s.name] - state[s.name])
                <= 1e-12 * (s.scale + jnp.abs(state[s.name]))
            )
        ):
            raise probe.fail(f"{what}: {s.name} from {state[s.name]} to {second[s.name]}")


def _check_domain(probe: _Probe) -> None:
    """`project` leads into the bounds and is idempotent, from inside and from far outside."""
    outside = [
        {s.name: x[s.name] + shift * s.scale for s in probe.device.states}
        for x in probe.raw[:4]
        for shift in (-3.0, 3.0)
    ]
    for state in [*probe.raw[:16], *outside]:
        inside = probe.device.project(state)
        _check_states(probe, "project", inside)
        for s in probe.device.states:
            if not _inside(s, inside[s.name]):
                raise probe.fail(
                    f"project gives {s.name} = {inside[s.name]}", allowed=f"{s.bounds} {s.unit}"
                )
        _check_idempotent(probe, inside, "project is not idempotent")


def _check_drift(probe: _Probe) -> None:
    """The drift names every state and is finite over the domain."""
    for state in probe.states:
        for v in (0.0, *probe.voltages):
            rate = probe.call("drift", state, jnp.asarray(v))
            _check_states(probe, f"drift at {v:g} V", rate)


def _check_noise(probe: _Probe) -> None:
    """Channels are the same everywhere, act on states that exist, and keep what `noise_structure` promises."""
    names = {s.name for s in probe.device.states}
    expected_keys, amplitudes = None, []
    for state in probe.states:
        for v in (0.0, *probe.voltages):
            channels = probe.call("noise", state, jnp.asarray(v))
            keys = {c: tuple(sorted(on)) for c, on in channels.items()}
            if expected_keys is not None and keys != expected_keys:
                raise probe.fail(
                    f"noise channels {keys} at {v:g} V",
                    allowed=f"the same everywhere: {expected_keys}",
                )
            expected_keys = keys
            unknown = {n for on in keys.values() for n in on} - names
            if unknown:
                raise probe.fail(
                    f"noise on {', '.join(sorted(unknown))}", allowed=", ".join(sorted(names))
                )
            flat = ravel_pytree(channels)[0]
            if not bool(jnp.all(jnp.isfinite(flat))):
                raise probe.fail(f"noise is not finite at {v:g} V: {channels}")
            amplitudes.append((v, flat))
    _check_structure(probe, expected_keys or {}, amplitudes)


def _check_structure(probe: _Probe, keys: dict, amplitudes: list) -> None:
    """Whether the noise has the structure that decides which solvers are allowed."""
    structure = probe.device.noise_structure
    if structure is Diagonal and any(len(on) != 1 for on in keys.values()):
        raise probe.fail(f"Diagonal noise with channels on several states: {keys}")
    for v in {v for v, _ in amplitudes} if structure is Additive else ():
        rows = jnp.stack([a for u, a in amplitudes if u == v])
        if not bool(jnp.all(rows == rows[:1])):
            raise probe.fail("Additive noise that depends on the state")
    if keys and structure is not General:
        _check_responses(probe, structure)


def _check_responses(probe: _Probe, structure: type) -> None:
    """Whether amplitudes answer to kicks of the channels only as `structure` says."""
    scaled = Scaled(BenchedDevice(probe.device), probe.env)

    def amplitudes(z, v):
        return scaled.diffusion(jnp.zeros(()), z, v)

    @jax.jit
    def responses(z, v):
        """Change of amplitude k by a unit kick of channel j, (j, n, k)."""
        g, follow = jax.linearize(lambda y: amplitudes(y, v), z)
        return jax.vmap(follow, in_axes=1)(g), jnp.max(jnp.abs(g)) ** 2

    for state in probe.states[:8]:
        for v in probe.voltages:
            responses_now, size = responses(scaled.pack(state), jnp.asarray(v))
            off_diagonal = responses_now * (1 - jnp.eye(responses_now.shape[0])[:, None, :])
            wrong = {
                Diagonal: off_diagonal,
                Commutative: responses_now - jnp.swapaxes(responses_now, 0, 2),
            }.get(structure, responses_now)
            if bool(jnp.any(jnp.abs(wrong) > 1e-9 * (1 + size))):
                raise probe.fail(
                    f"{structure.__name__} noise whose amplitudes feel the channels at {v:g} V",
                    fix="declare the weaker structure that holds: Diagonal, Commutative or General",
                )


def _check_current(probe: _Probe, *, pinched: bool, passive: bool) -> None:
    """Pinched at 0 V, passive, ohmic where the device says so."""
    device = probe.device
    for state in probe.states:
        for v in (0.0, *probe.voltages):
            volt = jnp.asarray(v)
            i = probe.call("current", state, volt)
            if jnp.shape(i) != () or not bool(jnp.isfinite(i)):
                raise probe.fail(f"current at {v:g} V is {i}", allowed="a finite number")
            if v == 0 and pinched and float(i) != 0:
                raise probe.fail(
                    f"current at 0 V is {float(i):g} A: not pinched",
                    fix="say pinched=False if it is published so",
                )
            if passive and float(i) * v < 0:
                raise probe.fail(
                    f"power at {v:g} V is {float(i) * v:g} W: not passive", fix="say passive=False"
                )
    if isinstance(device, AbstractOhmicDevice):
        for state in probe.states:
            for v in (0.0, *probe.voltages):
                _check_ohmic(probe, state, jnp.asarray(v))


def _check_ohmic(probe: _Probe, state: dict, v: Array) -> None:
    """Whether the current is the voltage over the resistance."""
    device: Any = probe.device
    r, i = (
        device.resistance(state, v, probe.env),
        probe.call("current", state, v),
    )
    if not bool(jnp.isfinite(r) & (r > 0)):
        raise probe.fail(f"resistance {r} ohm", allowed="a finite number > 0 ohm")
    if not bool(jnp.abs(i * r - v) <= 1e-9 * jnp.abs(v)):
        raise probe.fail(f"current {i} A is not {v} V over {r} ohm")


def _check_batching(probe: _Probe) -> None:
    """Compiled and batched, the device computes what it computes alone."""
    f, points = probe.flat
    with (
        jax.disable_jit()
    ):  # operation by operation, loops too: nothing is compiled for each sample
        alone = jnp.stack([f(z) for z in points[::_ALONE]])
    programs = {"jit": jax.jit(lambda z: jax.lax.map(f, z)), "vmap": probe.batched}
    for name, program in programs.items():
        try:
            together = program(points)
        except (jax.errors.JAXTypeError, TypeError, ValueError) as error:
            raise probe.fail(
                f"{name} does not work: {str(error).splitlines()[0]}",
                fix="use jnp.where, no if on values",
            ) from error
        tolerances = {"rtol": 1e-9, "atol": 1e-12 * _size(together)}
        if not np.allclose(together[::_ALONE], alone, **tolerances):
            raise probe.fail(f"under {name} other numbers come out than alone")


def _size(rows: Any) -> np.ndarray:
    """Largest modulus in each column."""
    return np.max(np.abs(np.asarray(rows)), axis=0)


def _check_gradients(probe: _Probe) -> None:
    """Forward, reverse and difference derivatives with respect to states, voltage and parameters."""
    parameters = eqx.filter(probe.device, eqx.is_inexact_array)
    f, points = probe.flat
    slopes = jax.jit(jax.vmap(jax.jacfwd(f)))
    forward = slopes(points)
    backward = jax.jit(jax.vmap(jax.jacrev(f)))
    reverse = backward(points)
    size = np.max(np.abs(np.asarray(forward)), axis=2, keepdims=True)
    for word, g in (("forward", forward), ("reverse", reverse)):
        if not bool(jnp.all(jnp.isfinite(g))):
            raise probe.fail(
                f"a {word} gradient is not finite", fix="guard both branches of jnp.where"
            )
    if not np.all(np.abs(forward - reverse) <= 1e-9 * np.abs(forward) + 1e-11 * size):
        raise probe.fail("forward and reverse gradients differ")
    for share in _DISTANCES:
        if not bool(jnp.all(jnp.isfinite(backward(_far_outside(probe, points, share))))):
            raise probe.fail(
                f"a reverse gradient is not finite {share:g} scales outside the domain",
                allowed="finite wherever a step that is refused may go: 0 times infinity is no number",
                fix="clip states before exponentials and powers, or use memjax.device.laws.safe_exp",
            )
    sizes, strength = _smallest_sizes(probe, parameters)
    points_off_zero = jnp.maximum(
        points, strength[None]
    )  # a root of a strength has no derivative at 0
    _check_differences(probe, points_off_zero, np.asarray(slopes(points_off_zero)), sizes)


def _far_outside(probe: _Probe, points: Array, share: float) -> Array:
    """The samples with every state so many scales away, to either side."""
    scale = ravel_pytree({s.name: jnp.full(_shape(s), s.scale) for s in probe.device.states})[0]
    signs = np.random.default_rng(2).choice([-1.0, 1.0], (len(points), len(scale)))
    return points.at[:, : len(scale)].set(share * signs * scale[None])


def _smallest_sizes(probe: _Probe, parameters: Any) -> tuple[Array, Array]:
    """Size of each coordinate below which it counts as 0: of states by their scale, of parameters by
    their bounds; and where a strength of noise that is 0 is compared instead (-inf: any other coordinate).
    """
    states = {s.name: jnp.full(_shape(s), 1e-3 * s.scale) for s in probe.device.states}
    specs = {
        n: s for n, s in parameter_specs(parameters).items() if getattr(parameters, n) is not None
    }

    def vector(states, v, size_of: Callable):
        values = [jnp.asarray(size_of(getattr(parameters, n), s)) for n, s in specs.items()]

        def pick(d):
            return [getattr(d, n) for n in specs]

        return ravel_pytree(
            (states, v, eqx.tree_at(pick, parameters, values) if specs else parameters)
        )[0]

    def span(s):
        return min(1.0, s.bounds[1] - s.bounds[0])

    def small(x, s):
        return jnp.where(x == 0, 1e-3 * span(s), 0.0)

    def strength(x, s):
        return jnp.where((x == 0) & s.noise, 0.1 * span(s), -jnp.inf)

    none = jax.tree.map(lambda x: jnp.full_like(x, -jnp.inf), states)
    return vector(states, jnp.asarray(1e-3), small), vector(none, jnp.asarray(-jnp.inf), strength)


def _check_differences(probe: _Probe, points: Array, exact: np.ndarray, sizes: Array) -> None:
    """Compare derivatives along random directions with central differences that agree among themselves.

    At a kink, as that of a bound on which a state rests, the derivative has to be that to one of its sides.
    """
    rng = np.random.default_rng(1)
    directions = jnp.asarray(rng.uniform(0.5, 1.5, points.shape)) * jnp.maximum(
        jnp.abs(points), sizes[None]
    )
    batched = probe.batched

    def central(h):
        return (batched(points + h * directions) - batched(points - h * directions)) / (2 * h)

    wide, narrow = np.asarray(central(1e-5)), np.asarray(central(5e-6))
    slope = np.einsum("kij,kj->ki", exact, np.asarray(directions))
    terms = np.einsum("kij,kj->ki", np.abs(exact), np.abs(np.asarray(directions)))
    floor = 1e-9 * np.abs(np.asarray(batched(points))) + 1e-14 * _size(batched(points))
    smooth = np.abs(wide - narrow) <= 1e-5 * terms + floor
    if np.mean(np.all(smooth, axis=1)) < 0.5:
        raise probe.fail("differences do not settle at half of the states: rough equations")
    size = 1e-4 * terms + 10 * floor
    wrong = smooth & (np.abs(slope - narrow) > size + 1e-6 * np.abs(narrow))
    if np.any(wrong):
        # Sides differ by h f'' where f is smooth: by far less than they do at a kink.
        here = np.asarray(batched(points))
        ahead, backward = (
            np.asarray(batched(points + h * directions) - here) / h for h in (5e-6, -5e-6)
        )
        is_kink = np.abs(ahead - backward) > 10 * size
        distance = np.minimum(np.abs(slope - ahead), np.abs(slope - backward))
        wrong &= ~(is_kink & (distance <= size))
    if np.any(wrong):
        k, j = np.argwhere(wrong)[0]
        raise probe.fail(
            f"a gradient is {slope[k, j]:g}, the difference quotient {narrow[k, j]:g} (output {j})"
        )


def _evaluate_flushed(closed_jaxpr: Any, *args: Any) -> list[Any]:
    """Evaluate a program operation by operation, with denormal numbers flushed to zero."""
    program, values = closed_jaxpr.jaxpr, {}

    def read(x):
        return x.val if isinstance(x, core.Literal) else values[x]

    values |= dict(zip(program.constvars, map(_flush, closed_jaxpr.consts), strict=True))
    values |= dict(zip(program.invars, map(_flush, args), strict=True))
    for op in program.eqns:
        inner = op.params.get("jaxpr", op.params.get("call_jaxpr"))
        inputs = [read(x) for x in op.invars]
        if inner is not None and op.primitive.name in (
            "jit",
            "pjit",
            "closed_call",
            "custom_jvp_call",
            "custom_vjp_call",
        ):
            out = _evaluate_flushed(inner, *inputs)
        else:
            out = op.primitive.bind(*inputs, **op.params)
            out = out if op.primitive.multiple_results else [out]
        values |= dict(zip(op.outvars, map(_flush, out), strict=True))
    return [read(x) for x in program.outvars]


def _flush(x: Any) -> Any:
    """Zero in place of a denormal float32."""
    if jnp.result_type(x) != jnp.float32:
        return x
    return jnp.where(jnp.abs(x) < _SMALLEST_NORMAL, jnp.zeros_like(x), x)


def _check_single_precision(probe: _Probe) -> None:
    """Whether float32 without denormal numbers gives what float64 gives."""

    def half(tree):
        return jax.tree.map(lambda x: x.astype(jnp.float32) if eqx.is_inexact_array(x) else x, tree)

    device, states, v = half((probe.device, probe.stack_states(), probe.v))

    def run(d):
        return jax.vmap(lambda s, u: probe.rates(d, s, u))

    exact = np.asarray(probe.batched(probe.flat[1].astype(jnp.float32).astype(jnp.float64)))
    flat, tree = jax.tree.flatten((states, v))
    try:
        program = jax.make_jaxpr(lambda *x: run(device)(*jax.tree.unflatten(tree, x)))(*flat)
    except jax.dtypes.TypePromotionError as error:
        raise _mixed_precision_error(probe) from error
    single = _evaluate_flushed(program, *flat)[0]
    if jnp.result_type(single) != jnp.float32:
        raise _mixed_precision_error(probe)
    single = np.asarray(single, float)
    wrong = ~np.isfinite(single) | (
        np.abs(single - exact) > _FLOAT32_SHARE * (np.abs(exact) + 1e-3 * _size(exact))
    )
    if np.any(wrong):
        k, j = np.argwhere(wrong)[0]
        raise probe.fail(
            f"float32 gives {single[k, j]:g}, float64 {exact[k, j]:g} (output {j})",
            allowed="results that hold in float32 without numbers below 1.2e-38",
            fix="use energies over k_B T or in eV, and lengths as ratios",
        )


def _mixed_precision_error(probe: _Probe) -> ModelError:
    """An error for float64 where all that comes in is float32."""
    return probe.fail("float32 in, float64 out", fix="make no float64 constants or casts")


def _check_files(device: AbstractDevice) -> None:
    """Parameters come back from TOML and JSON as they were written."""
    before = params.to_dict(device)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("device.toml", "device.json"):
            path = Path(folder) / name
            params.dump(device, path)
            try:
                read_back = params.load(path, words=setting_specs(device))
                copy = params.replace(device, read_back)
            except MemjaxError as error:
                raise _failure(
                    device, f"parameters do not come back from {path.suffix}: {error}"
                ) from error
            if read_back != before or not bool(eqx.tree_equal(copy, device)):
                raise _failure(device, f"parameters change on the way through {path.suffix}")


__all__ = ["check_device"]
