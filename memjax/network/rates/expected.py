"""Derivatives of expected rates: hard spikes at shifted parameters, many at once, with standard errors."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient as detached
from jaxtyping import Float

from ...errors import NetworkError
from ..network import Network
from .hard import HardSpikes
from .program import RateProgram, Rates, Values, Weights

_SHIFTS = 0x5F1D
"""What tells the key of shifts from those of noise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RateDerivatives:
    """Mean rates of groups, their derivatives, and the standard errors of both.

    Parameters
    ----------
    rates, rates_error : dict of str to float
        Mean rate of each group's neurons, and its standard error [1/s].
    values, values_error : dict of str to dict
        By group: derivatives of its mean rate by parameters, by the parameters' group and name, in their shapes.
    weights, weights_error : dict of str to dict
        By group: derivatives of its mean rate by weights, by projection, in their shapes.
    spread : float
        Share of each parameter over which the rate is smoothed to both sides [1].
    samples : int
        Pairs of runs for each parameter.

    Notes
    -----
    These are derivatives of the rate smoothed over the spread, not at a point; see `expected_rates`.
    """

    rates: dict[str, float]
    rates_error: dict[str, float]
    values: dict[str, dict[str, dict[str, Float[np.ndarray, "..."]]]]
    values_error: dict[str, dict[str, dict[str, Float[np.ndarray, "..."]]]]
    weights: dict[str, dict[str, Float[np.ndarray, "..."]]]
    weights_error: dict[str, dict[str, Float[np.ndarray, "..."]]]
    spread: float
    samples: int

    def __repr__(self) -> str:
        """Rates, derivatives by what is one number, and over what they are smoothed."""
        lines = [
            f"derivatives of rates smoothed over +-{self.spread:.3g} of each, {self.samples} pairs"
        ]
        for g, rate in self.rates.items():
            lines.append(f"{g}: {rate:.4g} +- {self.rates_error[g]:.2g} 1/s")
            slopes, errors = (
                {f"{a}.{b}": x for a, y in v[g].items() for b, x in y.items()} | w[g]
                for v, w in (
                    (self.values, self.weights),
                    (self.values_error, self.weights_error),
                )
            )
            for n, x in slopes.items():
                number = (
                    f"{float(x):.4g} +- {float(errors[n]):.2g}"
                    if x.ndim == 0
                    else f"{x.size} numbers"
                )
                lines.append(f"  by {n}: {number}")
        return "\n".join(lines)


class ExpectedRates:
    """Result of `expected_rates`: mean rates over many runs as a function of parameters, weights and the seed.

    Parameters
    ----------
    program : RateProgram
        The network with hard spikes.
    seed : int
        The network's own.
    spread : float
        Shift of parameters, as a share of each.
    samples : int
        Pairs of runs for each parameter.
    """

    def __init__(self, program: RateProgram, *, seed: int, spread: float, samples: int):
        self._program, self._seed = program, seed
        self.spread, self.samples = spread, samples
        self._run = jax.jit(self._pairs)

    def __call__(
        self, values: Values | None = None, weights: Weights | None = None, seed: Any = None
    ) -> Rates:
        """Rates of each group of neurons, averaged over the runs [1/s]; derivatives are the estimates."""
        parameters = {"values": values or {}, "weights": weights or {}}
        middle, half, signs = self._sample(parameters, seed)
        total = {n: jnp.mean(x, axis=(0, 1)) for n, x in middle.items()}
        for k, (x, s) in enumerate(zip(jax.tree.leaves(parameters), signs, strict=True)):
            x = jnp.asarray(x, self._program.dtype)
            share = (x - detached(x)) / detached(self.spread * x)
            shift = jnp.sum((s * share[None]).reshape(self.samples, -1), axis=1, keepdims=True)
            # Zero, with the derivative of the estimate.
            total = {n: r + jnp.mean(half[n][k] * shift, axis=0) for n, r in total.items()}
        return total

    def derivatives(
        self, values: Values | None = None, weights: Weights | None = None, seed: Any = None
    ) -> RateDerivatives:
        """Derivatives of each group's mean rate by all that is given, with standard errors.

        Parameters
        ----------
        values : mapping of str to mapping of str to float or Float[Array, "n"], optional
            Parameters by group and name [SI].
        weights : mapping of str to float or Float[Array, "edges"], optional
            Weights by projection.
        seed : int, optional
            Of all noise and shifts; the network's own by default.
        """
        parameters = {"values": values or {}, "weights": weights or {}}
        middle, half, signs = jax.tree.map(np.asarray, self._sample(parameters, seed))
        shape: dict[str, Any] = {"rates": {}, "rates_error": {}}
        shape |= {k: {} for k in ("values", "values_error", "weights", "weights_error")}
        for n, r in middle.items():
            rate, error = _mean(r.mean(axis=(0, 2)))
            shape["rates"][n], shape["rates_error"][n] = float(rate), float(error)
            slopes, errors = self._slopes(parameters, half[n].mean(axis=2), signs)
            for kind in ("values", "weights"):
                shape[kind][n], shape[f"{kind}_error"][n] = slopes[kind], errors[kind]
        return RateDerivatives(**shape, spread=self.spread, samples=self.samples)

    def _slopes(self, parameters: dict, half: np.ndarray, signs: list) -> tuple[dict, dict]:
        """Derivatives of a mean rate by all that is given, and their standard errors."""
        leaves, structure = jax.tree.flatten(parameters)
        pairs = []
        for x, h, s in zip(leaves, half, signs, strict=True):
            # Times its own sign: the shifts of all other members have mean 0 in the product.
            response = h.reshape((-1,) + (1,) * (s.ndim - 1)) * s
            pairs.append(_mean(response / (self.spread * np.asarray(x, float))))
        slopes, errors = ([p[k] for p in pairs] for k in (0, 1))
        return jax.tree.unflatten(structure, slopes), jax.tree.unflatten(structure, errors)

    def _sample(self, parameters: dict, seed: Any) -> tuple[Rates, Rates, list]:
        """Mean and half the difference of the rates of each pair of runs, by parameter; signs of the shifts."""
        self._program.check(parameters["values"], parameters["weights"])
        paths = jax.tree_util.tree_leaves_with_path(parameters)
        for path, x in paths:
            if not isinstance(x, jax.core.Tracer) and not np.all(np.asarray(x) != 0):
                raise NetworkError(
                    f"{jax.tree_util.keystr(path)} is zero",
                    where="expected_rates",
                    allowed="numbers that a share of them can shift",
                    fix="leave it out, or give a number near zero",
                )
        if not paths:
            raise NetworkError(
                "neither values nor weights",
                where="expected_rates",
                allowed="one or more that derivatives are asked by",
                fix="surrogate_rates for rates alone",
            )
        return self._run(detached(parameters), self._seed if seed is None else seed)

    def _pairs(self, parameters: dict, seed) -> tuple[Rates, Rates, list]:
        """See `_sampled`: one axis of parameters, of samples, of neurons."""
        program = self._program
        leaves, structure = jax.tree.flatten(parameters)
        leaves = [jnp.asarray(x, program.dtype) for x in leaves]
        signs = self._signs(leaves, seed)

        def run(share, signs, seed):
            values = [
                x * (1 + share[k] * s) for k, (x, s) in enumerate(zip(leaves, signs, strict=True))
            ]
            arguments = jax.tree.unflatten(structure, values)
            return program.rates(program.run(arguments["values"], arguments["weights"], seed)[0])

        steps = jnp.asarray(self.spread * np.eye(len(leaves)), program.dtype)
        # Both runs of a pair share their noise, of which the difference is then nearly free.
        shares = jnp.stack([steps, -steps])
        seeds = jnp.asarray(seed) * self.samples + jnp.arange(self.samples)
        of_samples = jax.vmap(run, (None, 0, 0))
        rates = jax.vmap(jax.vmap(of_samples, (0, None, None)), (0, None, None))(
            shares, signs, seeds
        )
        middle = {n: (r[0] + r[1]) / 2 for n, r in rates.items()}
        return middle, {n: (r[0] - r[1]) / 2 for n, r in rates.items()}, signs

    def _signs(self, leaves: list, seed) -> list:
        """Signs of the shifts in each sample: + of what is shared, independent ones of members of arrays."""
        key = jax.random.fold_in(jax.random.key(seed), _SHIFTS)
        keys = jax.random.split(key, len(leaves))

        def draw(k, x):
            return jax.random.rademacher(k, (self.samples, *x.shape), x.dtype)

        return [
            draw(k, x) if x.ndim else jnp.ones(self.samples, x.dtype)
            for k, x in zip(keys, leaves, strict=True)
        ]


def expected_rates(
    network: Network,
    duration: float,
    *,
    spread: float = 0.05,
    samples: int = 16,
    warmup: float = 0.0,
    most_spikes: int = 4,
) -> ExpectedRates:
    r"""Expected rates and their derivatives, unbiased and with standard errors, from many runs at shifted parameters.

    Parameters
    ----------
    network : Network
        The network. Weights that are devices are not taken.
    duration : float
        Time [s], rounded up to whole exchange intervals.
    spread : float
        Share w by which a parameter is shifted, up and down; over it the rate is smoothed.
    samples : int
        Pairs of runs for each parameter, all in one program: each with its own noise, that both of a pair share.
    warmup : float
        Time at the beginning whose spikes are not counted [s].
    most_spikes : int
        Largest number of spikes of a Poisson source in an exchange interval; rates are NaN where it
        is too small.

    Returns
    -------
    ExpectedRates
        ``f(values, weights, seed)``, rates by group of neurons [1/s] as of `soft_rates`, averaged over the runs;
        `jax.jvp` and `jax.grad` of it are the estimates, for `optax`. ``f.derivatives(values, weights, seed)`` has
        them with their standard errors.

    Notes
    -----
    A number that all share is shifted alone:

    .. math::

        \frac{d\bar r}{d\theta} \approx \Big\langle \frac{r(\theta(1 + w)) - r(\theta(1 - w))}{2 w
        \theta}\Big\rangle

    Its expectation is exactly the derivative of the expected rate averaged evenly over :math:`\theta(1 \pm w)`; of
    the rate at :math:`\theta` it is right to second order in w. Members of an array are all shifted at
    once with independent signs :math:`s_i`, and the difference times :math:`s_i` is the estimate by each: unbiased as
    well, of the rate averaged over the others' shifts too. The others are noise for each, so that the error grows as
    the root of their number: for a thousand weights `surrogate_rates` is the better guide. No derivative goes through
    a path. Each number, and each array, costs ``2 * samples`` runs. Sample j of seed k has the noise of the network
    with the seed ``k * samples + j``.
    """
    if not 0 < spread < 1:
        raise NetworkError(
            f"spread = {spread:g}", where="expected_rates", allowed="between 0 and 1"
        )
    if samples < 2:
        raise NetworkError(f"samples = {samples}", where="expected_rates", allowed="2 or more")
    options: dict[str, Any] = dict(
        duration=duration, warmup=warmup, most_spikes=most_spikes, where="expected_rates"
    )
    program = RateProgram(network, HardSpikes(), **options)
    return ExpectedRates(program, seed=network.seed, spread=spread, samples=samples)


def _mean(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over samples and its standard error."""
    return x.mean(axis=0), x.std(axis=0, ddof=1) / np.sqrt(len(x))
