"""Residuals of one signal of a circuit, and what an information matrix says of its parameters."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.circuit import build_system
from memjax.core.fields import parameter_specs, stored
from memjax.core.params import get, known, quiet, unconstrain
from memjax.core.scaling import Scaled
from memjax.core.transforms import from_spec
from memjax.errors import DataError, ModelError
from memjax.simulate import solve_stiff
from memjax.simulate.policy import require_x64

from ..problem import AbstractDifferentiable, Outcome, begun
from ..solve import AbstractFitProblem

POLICY = mj.Stiff(rtol=1e-6, atol=1e-8, max_steps=100_000)
"""Solver of a fit to a trace: its error is far below a millivolt. Twenty spikes of a switch take over 10,000 steps."""

LIMIT = 0.5
"""Relative standard deviation above which a parameter counts as undetermined."""


def begun_circuit(task: AbstractFitProblem) -> mj.Circuit:
    """The circuit of a problem with what is fixed, at the start of what is free."""
    circuit: Any = mj.params.replace(task.device, task.fix or {}, where="--fix")
    return begun(circuit, known(circuit, task.free or (), where="--free"), task.start)


def start_of(circuit: mj.Circuit, free: Sequence[str]) -> tuple[mj.Circuit, tuple, np.ndarray]:
    """The circuit with a value of its own for each free parameter, their names, and their coordinates."""
    if not isinstance(circuit, mj.Circuit):
        raise ModelError(f"a {type(circuit).__name__}", where="fit", allowed="a memjax.Circuit")
    names = tuple(known(circuit, free))
    if not names or len(set(names)) < len(names):
        raise DataError("no free parameter, or one twice", allowed="at least one, each once")
    followers = {n: get(circuit, n) for n in names if stored(circuit, n) is None}
    circuit = mj.params.replace(circuit, {n: 0.0 if x is None else x for n, x in followers.items()})
    circuit = begun(circuit, names)
    z = np.asarray(unconstrain(circuit, names))
    stuck = ", ".join(n for n, x in zip(names, z, strict=True) if not np.isfinite(x))
    if stuck:
        raise DataError(f"{stuck} at a bound", where="start", allowed="values inside the bounds")
    return circuit, names, z


class Traces(AbstractDifferentiable):
    """Residuals of one signal of a circuit, without a prior: what was measured at which rows, and how well.

    See `voltage_problem`.
    """

    device: mj.Circuit
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " free"]
    node: str = eqx.field(static=True)
    stimulus: mj.AbstractStimulus
    rows: Float[Array, " rows"]
    data: Float[Array, " rows"]
    sigma: Float[Array, " rows"]
    env: mj.Environment
    policy: mj.Stiff
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.zeros((), float))

    def data_residuals(self, z: Float[Array, " free"]) -> Outcome:
        scaled = Scaled(self.at(z), self.env)
        y0, end = scaled.initial(), self.rows[-1]
        sol = solve_stiff(scaled, self.stimulus, rows=self.rows, y0=y0, end=end, policy=self.policy)
        signal = jax.vmap(lambda t, y: self._signal(scaled, t, y))(self.rows, sol.y)
        return (signal - self.data) / self.sigma, sol.result == 0

    def drives(self) -> Float[Array, "rows ports"]:
        """What drives the ports [V or A] just before each row."""
        before = jnp.nextafter(self.rows, jnp.asarray(-jnp.inf, self.rows.dtype))
        return jax.vmap(self.stimulus)(before).reshape(len(self.rows), -1)

    def _signal(self, scaled: Scaled, t, y) -> Float[Array, ""]:
        """The signal just before a time, where a pulse may begin or end."""
        just = jnp.nextafter(t, jnp.asarray(-jnp.inf, t.dtype))
        u, slope = jax.jvp(self.stimulus, (just,), (jnp.ones_like(just),))
        circuit, state = self.device, scaled.unpack(y)
        names = circuit.topology.names
        if self.node in names:
            v = scaled.system.node_voltages(state, u)  # pyright: ignore[reportAttributeAccessIssue]
            return v[names.index(self.node)]
        return scaled.system.outputs(t, state, u, scaled.env, slope)["i"]  # pyright: ignore[reportCallIssue]


def _rows(t, v, sigma, *, end: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Checked times [s], data and standard deviations."""
    t, v, sigma = np.asarray(t, float), np.asarray(v, float), np.asarray(sigma, float)
    whole = t.ndim == 1 and t.size > 1 and v.shape == t.shape and sigma.shape in ((), t.shape)
    finite = whole and np.isfinite(t).all() and np.isfinite(v).all() and (np.diff(t) > 0).all()
    shapes = f"times of shape {t.shape}, data of shape {v.shape}, sigma of shape {sigma.shape}"
    rows = "finite t, increasing, and v of one length; sigma a number or one per row"
    for fine, what, allowed in (
        (finite, lambda: shapes, rows),
        (np.isfinite(sigma).all() and (sigma > 0).all(), lambda: f"sigma = {np.min(sigma):g}", "> 0 V or A"),
        (finite and t[0] >= 0 and t[-1] <= end * (1 + 1e-9), lambda: f"rows from {t[0]:g} to {t[-1]:g} s",
         f"within the stimulus, 0 to {end:g} s"),
    ):  # fmt: skip
        if not fine:
            fix = "let time begin with the stimulus" if finite else ""
            raise DataError(what(), where="TraceProblem", allowed=allowed, fix=fix)
    return t, v, np.broadcast_to(sigma, t.shape)


def _driven(circuit: mj.Circuit, stimulus: mj.AbstractStimulus, node: str) -> mj.AbstractStimulus:
    """The stimulus as the circuit's ports have it, its numbers as arrays, if there is such a node."""
    nodes = circuit.topology.names[1:]
    if node not in nodes and node != "i":
        raise DataError(f"no node {node!r}", where="circuit", allowed=f"{', '.join(nodes)}, i")
    drives = stimulus.in_order_of(circuit.ports) if isinstance(stimulus, mj.Drives) else stimulus
    build_system(circuit, None, drives.quantity)
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(float)), drives)


def voltage_problem(
    circuit: mj.Circuit,
    stimulus: mj.AbstractStimulus,
    t: Float[np.ndarray | Array, " rows"],
    v: Float[np.ndarray | Array, " rows"],
    *,
    node: str,
    sigma: float | Float[np.ndarray | Array, " rows"],
    free: Sequence[str],
    policy: mj.Stiff = POLICY,
    env: mj.Environment | None = None,
) -> Traces:
    """What `TraceProblem` minimises, centred on the circuit's own values; arguments as there."""
    require_x64()
    circuit, names, center = start_of(circuit, free)
    rows, data, error = map(jnp.asarray, _rows(t, v, sigma, end=float(stimulus.duration)))
    circuit, drive = quiet(circuit), _driven(circuit, stimulus, node)
    return Traces(
        device=circuit,
        free=names,
        center=jnp.asarray(center),
        node=node,
        stimulus=drive,
        rows=rows,
        data=data,
        sigma=error,
        env=env or mj.Environment(),
        policy=policy,
    )


def values_at(circuit: mj.Circuit, free: Sequence[str], z: np.ndarray) -> dict[str, float]:
    """Values [SI] at coordinates."""
    specs = parameter_specs(circuit)
    pairs = zip(free, z, strict=True)
    return {n: float(from_spec(specs[n]).inverse(jnp.asarray(x))) for n, x in pairs}


def lifted_inverse(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of an information matrix of logarithms, and each parameter's share in its null directions.

    Information below that of ten times the limit is lifted to it.
    """
    # A parameter that is known to no better than a factor of 150 adds no information worth inverting.
    size, axes = np.linalg.eigh(information)
    least = (10 * LIMIT) ** -2
    null = np.sqrt(np.sum(axes[:, size <= least] ** 2, axis=1))
    return (axes / np.maximum(size, least)) @ axes.T, null


def unsettled(free: Sequence[str], information: np.ndarray, sure: np.ndarray) -> tuple[str, ...]:
    """Parameters that the data leave open, by the information matrix of the logarithms and by what of it is sure.

    Their relative standard deviations exceed `LIMIT`, or they are part of a direction in which the data say next to
    nothing; then these deviations have no meaning beyond being large.
    """
    covariance, _ = lifted_inverse(information)
    strict, null = lifted_inverse(sure)
    wide = np.sqrt(np.maximum(np.diag(strict), np.diag(covariance))) > LIMIT
    return tuple(n for n, loose in zip(free, wide | (null > 0.1), strict=True) if loose)
