"""Rates of soft spikes, whose derivatives are those of the path; refused where they grow without bounds."""

from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from ...errors import NetworkError
from ..network import Network
from ..neuron_program import NeuronProgram
from ..plan import State
from .growth import PathwiseGrowth, guard_growth
from .program import AbstractEmission, RateProgram, Rates, Values, Weights

LIMIT = 1e6
"""Growth of a perturbation of a neuron's states above which a derivative along the path is refused, by default."""


class SoftSpikes(AbstractEmission):
    """Rises of a sigmoid of the signal.

    Parameters
    ----------
    width : float
        Its width [unit of the signal].
    """

    width: float = eqx.field(static=True)

    def _soft_level(
        self, program: NeuronProgram, constants: State, parts: State, inputs: list
    ) -> Array:
        """How far above the level the signal is, from 0 to 1."""
        spike = program.layout.group.spike
        x = program.visible_state(constants, parts, inputs)[spike.signal]
        return jax.nn.sigmoid(spike.sign * (x - spike.level) / self.width)

    def begin(self, program: NeuronProgram, constants: State, parts: State, inputs: list) -> State:
        """No spikes."""
        return {"count": jnp.zeros((), program.dtype)}

    def step(
        self, program: NeuronProgram, constants: State, memory: State, **step_data: Any
    ) -> tuple:
        """The rise of the sigmoid."""
        level_before, level_after = (
            self._soft_level(program, constants, step_data[k], step_data["inputs"])
            for k in ("before", "after")
        )
        output = jax.nn.relu(level_after - level_before)
        return output, step_data["after"], {"count": memory["count"] + output}


class SoftRates:
    """Result of `soft_rates`: rates as a function of parameters, weights and the seed.

    Parameters
    ----------
    program : RateProgram
        The network with soft spikes.
    seed : int
        The network's own.
    limit : float
        Growth above which derivatives are refused.
    """

    def __init__(self, program: RateProgram, *, seed: int, limit: float):
        self._program, self._seed, self.limit = program, seed, limit
        self._rates, self._growth = jax.jit(self._soft), jax.jit(self._perturbation_growth)

    def __call__(
        self, values: Values | None = None, weights: Weights | None = None, seed: Any = None
    ) -> Rates:
        """Rates of each group of neurons [1/s].

        Parameters
        ----------
        values : mapping of str to mapping of str to float or Float[Array, "n"], optional
            Parameters by group and name [SI].
        weights : mapping of str to float or Float[Array, "edges"], optional
            Weights by projection.
        seed : int, optional
            Of all noise; the network's own by default.

        Raises
        ------
        GradientError
            In `jax.grad`, `jax.jvp` and the like outside of `jax.jit`, where a perturbation grows above the limit.
            Under `jax.jit` the derivative is NaN.
        """
        arguments = self._arguments(values, weights, seed)
        rates = self._rates(*arguments)
        if not any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(arguments)):
            return rates  # of numbers nobody asks derivatives
        growth, times = self._growth(*arguments), self._times()
        return {
            n: guard_growth(r, growth[n], times=times, limit=self.limit, name=n)
            for n, r in rates.items()
        }

    def growth(
        self, values: Values | None = None, weights: Weights | None = None, seed: Any = None
    ) -> PathwiseGrowth:
        """How much small differences of states grow along the run.

        Parameters
        ----------
        values, weights, seed
            As for the rates themselves.

        Returns
        -------
        PathwiseGrowth
            Logarithm of the largest growth in each exchange interval, by group, and the limit.
        """
        growth = self._growth(*self._arguments(values, weights, seed))
        log_growth = {n: np.asarray(g) for n, g in growth.items()}
        return PathwiseGrowth(time=self._times(), log_growth=log_growth, limit=self.limit)

    def _times(self) -> np.ndarray:
        """Ends of exchange intervals [s]."""
        return (np.arange(self._program.chunks) + 1) * self._program.clock.exchange

    def _arguments(self, values: Any, weights: Any, seed: Any) -> tuple[Values, Weights, Any]:
        """Arguments, with what is left out."""
        values, weights = values or {}, weights or {}
        self._program.check(values, weights)
        return values, weights, self._seed if seed is None else seed

    def _soft(self, values: Values, weights: Weights, seed) -> Rates:
        """Rates, see `__call__`."""
        return self._program.rates(self._program.run(values, weights, seed)[0])

    def _perturbation_growth(self, values: Values, weights: Weights, seed) -> State:
        """Logarithm of the size of a perturbation that is renewed at each exchange, of each neuron after it."""
        program = self._program
        constants = lax.stop_gradient(program.constants(values, weights, seed))
        begin = program.begin(constants)
        dynamic, static = eqx.partition(begin, eqx.is_inexact_array)

        def advance(carry, k):
            dynamic, static, tangent = carry

            def chunk(dynamic):
                end, traces = program.traced_chunk(constants, eqx.combine(dynamic, static), k)
                floats, static_end = eqx.partition(end, eqx.is_inexact_array)
                return (floats, traces), static_end

            jvp_arguments: Any = ((dynamic,), (self._perturb(tangent, k),))
            (dynamic, _), (tangent, traces), static = jax.jvp(chunk, *jvp_arguments, has_aux=True)
            sizes = {n: jnp.max(_log_size(x), axis=0) for n, x in traces.items()}
            return (dynamic, static, tangent), sizes

        start = (dynamic, static, jax.tree.map(jnp.zeros_like, dynamic))
        return lax.scan(advance, start, jnp.arange(program.chunks))[1]

    def _perturb(self, tangent: State, k) -> State:
        """One more perturbation of length 1 of the states of each neuron, drawn evenly from all directions."""
        neurons = {}
        for number, (n, s) in enumerate(tangent["neurons"].items()):
            key = jax.random.fold_in(jax.random.key(number), k)
            shape = (len(s["parts"]), self._program.groups[n].n)
            x = jax.random.normal(key, shape, self._program.dtype)
            x = x / jnp.linalg.norm(x, axis=0, keepdims=True)
            parts = {name: p + x[j] for j, (name, p) in enumerate(s["parts"].items())}
            neurons[n] = s | {"parts": parts}
        return tangent | {"neurons": neurons}


def _log_size(parts: State) -> Array:
    """Logarithm of the length of a perturbation, whose squares may be too large or too small for a number."""
    x = jnp.stack(list(parts.values()))
    tiny = jnp.finfo(x.dtype).tiny
    largest = jnp.maximum(jnp.max(jnp.abs(x), axis=0), tiny)
    return jnp.log(largest) + jnp.log(jnp.maximum(jnp.linalg.norm(x / largest[None], axis=0), tiny))


def soft_rates(
    network: Network,
    duration: float,
    *,
    width: float,
    warmup: float = 0.0,
    most_spikes: int = 4,
    limit: float = LIMIT,
) -> SoftRates:
    r"""Mean rates of soft spikes, with derivatives along the path: for short, stable stretches.

    Parameters
    ----------
    network : Network
        The network; its `dtype` should be "float64". Weights that are devices are not taken.
    duration : float
        Time [s], rounded up to whole exchange intervals.
    width : float
        Width of a soft spike [unit of the groups' signals].
    warmup : float
        Time at the beginning whose spikes are not counted [s].
    most_spikes : int
        Largest number of spikes of a Poisson source in an exchange interval; rates are NaN where it
        is too small.
    limit : float
        Growth of perturbations of neurons' states above which a derivative is refused.

    Returns
    -------
    SoftRates
        ``f(values, weights, seed)``: `values` holds parameters by group and name, one for all or one per neuron [SI];
        `weights` those of projections by name, one for all or one per edge. What is not given is the
        network's own. It returns rates by group of neurons [1/s], for `jax.jit`, `jax.jvp` and `jax.grad`.
        ``f.growth(values, weights, seed)`` says how much small differences grow.

    Notes
    -----
    In step k a neuron of signal x sends :math:`\max(0, S_{k+1} - S_k)`, :math:`S = 1/(1 + e^{-(x - \theta)/w})`: in
    all 1 for a rise that begins and ends well away from the level, as `memjax.observables.soft_count` counts, whose
    limit for :math:`w \to 0` are spikes without hysteresis. The noise is that of the network itself, the same at all
    parameters. Reverse mode keeps one state per exchange interval.

    With derivatives perturbations are carried along: at each exchange one more of length 1 in a random direction
    of the scaled states of each neuron, and through spikes to others. Where in some step those of some neuron
    have grown above `limit`, a derivative is the product of so many amplifications that it says nothing of
    rates: it is refused (`GradientError`; NaN under `jax.jit`), the rates themselves are not. One that is not
    refused is that of the soft count along this path: of spikes that would come into being it sees those within the
    width only, which for signals that jump is none.

    See Also
    --------
    surrogate_rates, expected_rates : derivatives for long runs.
    """
    for name, x in (("width", width), ("limit", limit)):
        if not x > 0:
            raise NetworkError(f"{name} = {x:g}", where="soft_rates", allowed="> 0")
    options: dict[str, Any] = dict(
        duration=duration, warmup=warmup, most_spikes=most_spikes, where="soft_rates"
    )
    program = RateProgram(network, SoftSpikes(width=width), **options)
    return SoftRates(program, seed=network.seed, limit=limit)
