"""Derivatives of expected rates: hard spikes at shifted parameters, many at once, with standard errors."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient as detached
from jaxtyping import Float

from ...errors import NetworkError
from ..network import Network
from .hard import HardSpikes
from .program import RateProgram, Rates, Values, Weights
from .shifts import shift_signs

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
        Pairs of runs.

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
        """Rates and derivatives that are single numbers, and over what they are smoothed."""
        lines = [
            f"derivatives of rates smoothed over {self.spread:.3g} of each parameter, {self.samples} pairs"
        ]
        for g, rate in self.rates.items():
            lines.append(f"{g}: {rate:.4g} +- {self.rates_error[g]:.2g} 1/s")
            some = [
                (f"{a}.{b}", x, self.values_error[g][a][b])
                for a, y in self.values[g].items()
                for b, x in y.items()
            ]
            some += [(p, x, self.weights_error[g][p]) for p, x in self.weights[g].items()]
            lines += [
                f"  d/d {n}: {float(x):.4g} +- {float(e):.2g}" for n, x, e in some if x.ndim == 0
            ]
            lines += [f"  d/d {n}: {x.size} numbers" for n, x, _ in some if x.ndim]
        return "\n".join(lines)


class ExpectedRates:
    """What `expected_rates` returns: mean rates over many runs as a function of parameters, weights and the seed.

    Parameters
    ----------
    program : RateProgram
        The network with hard spikes.
    seed : int
        The network's own.
    spread : float
        Shift of parameters, as a share of each.
    samples : int
        Pairs of runs.
    """

    def __init__(self, program: RateProgram, *, seed: int, spread: float, samples: int):
        self._program, self._seed = program, seed
        self.spread, self.samples = spread, samples
        self._run = jax.jit(self._pairs)

    def __call__(
        self, values: Values | None = None, weights: Weights | None = None, seed: Any = None
    ) -> Rates:
        """Rates of each group of neurons, averaged over the runs [1/s]; derivatives are the estimates."""
        given = {"values": values or {}, "weights": weights or {}}
        middle, half, signs = self._sampled(given, seed)
        moved = jnp.zeros((self.samples, 1))
        for x, s in zip(jax.tree.leaves(given), jax.tree.leaves(signs), strict=True):
            x = jnp.asarray(x, self._program.dtype)
            share = (x - detached(x)) / detached(self.spread * x)
            moved = moved + jnp.sum((s * share).reshape(self.samples, -1), axis=1, keepdims=True)
        return {n: jnp.mean(middle[n] + half[n] * moved, axis=0) for n in middle}

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
        given = {"values": values or {}, "weights": weights or {}}
        middle, half, signs = jax.tree.map(np.asarray, self._sampled(given, seed))
        found: dict[str, Any] = {"rates": {}, "rates_error": {}}
        for which in ("values", "weights"):
            found |= {which: {}, f"{which}_error": {}}
        for n, r in middle.items():
            rate, error = _mean(r.mean(axis=1))
            found["rates"][n], found["rates_error"][n] = float(rate), float(error)
            slopes = _slopes(half[n].mean(axis=1), jax.tree.leaves(signs))
            for k, end in enumerate(("", "_error")):
                shares = jax.tree.unflatten(jax.tree.structure(given), [s[k] for s in slopes])
                by = jax.tree.map(
                    lambda d, x: (
                        d / (self.spread * np.abs(x)) if end else d / (self.spread * np.asarray(x))
                    ),
                    shares,
                    given,
                )  # noqa: B023
                for which in ("values", "weights"):
                    found[which + end][n] = by[which]
        return RateDerivatives(**found, spread=self.spread, samples=self.samples)

    def _sampled(self, given: dict, seed: Any) -> tuple[Rates, Rates, dict]:
        """Of each pair of runs: mean and half the difference of their rates, and signs of the shifts."""
        self._program.check(given["values"], given["weights"])
        for path, x in jax.tree_util.tree_leaves_with_path(given):
            if not isinstance(x, jax.core.Tracer) and not np.all(np.asarray(x) != 0):
                raise NetworkError(
                    f"{jax.tree_util.keystr(path)} is zero",
                    where="expected_rates",
                    allowed="numbers that a share of them can shift",
                    fix="leave it out, or give a number near zero",
                )
        return self._run(detached(given), self._seed if seed is None else seed)

    def _pairs(self, given: dict, seed) -> tuple[Rates, Rates, dict]:
        """See `_sampled`."""
        program = self._program
        leaves, structure = jax.tree.flatten(given)
        leaves = [jnp.asarray(x, program.dtype) for x in leaves]

        def run(shifted, seed):
            values, weights = shifted["values"], shifted["weights"]
            return program.rates(program.run(values, weights, seed)[0])

        key = jax.random.fold_in(jax.random.key(seed), _SHIFTS)
        shapes = [x.shape for x in leaves]
        signs = shift_signs(key, shapes, samples=self.samples, dtype=program.dtype)

        def pair(own, signs):
            share = self.spread * jnp.asarray([1, -1], program.dtype)
            both = [
                x[None] * (1 + share.reshape(-1, *(1,) * x.ndim) * s[None])
                for x, s in zip(leaves, signs, strict=True)
            ]
            rates = jax.vmap(run, (0, None), axis_size=2)(jax.tree.unflatten(structure, both), own)
            middle = {n: (r[0] + r[1]) / 2 for n, r in rates.items()}
            return middle, {n: (r[0] - r[1]) / 2 for n, r in rates.items()}

        seeds = jnp.asarray(seed) * self.samples + jnp.arange(self.samples)
        middle, half = jax.vmap(pair)(seeds, signs)
        return middle, half, jax.tree.unflatten(structure, signs)


def expected_rates(
    network: Network,
    duration: float,
    *,
    spread: float = 0.05,
    samples: int = 16,
    warmup: float = 0.0,
    each: int = 4,
) -> ExpectedRates:
    r"""Expected rates and their derivatives, unbiased and with standard errors, from many runs at shifted parameters.

    Parameters
    ----------
    network : Network
        The network. Weights that are devices are not taken.
    duration : float
        Time [s], rounded up to whole exchange intervals.
    spread : float
        Share w by which each parameter is shifted, up or down; over it the rate is smoothed.
    samples : int
        Pairs of runs, all in one program: each with its own noise, that both of a pair share, and its own signs.
    warmup : float
        Time at the beginning whose spikes are not counted [s].
    each : int
        Spikes of a Poisson source in an exchange interval that there is room for; rates are NaN where it
        is too small.

    Returns
    -------
    ExpectedRates
        ``f(values, weights, seed)``, rates by group of neurons [1/s] as of `soft_rates`, averaged over the runs; `jax.jvp` and
        `jax.grad` of it are the estimates, for `optax`. ``f.derivatives(values, weights, seed)`` has them with their
        standard errors.

    Notes
    -----
    All parameters and weights that are given are shifted at once, :math:`\theta_i (1 \pm w s_i)` with independent signs
    :math:`s_i`, and

    .. math::

        \frac{d\bar r}{d\theta_i} \approx \Big\langle \frac{r(\theta(1 + ws)) - r(\theta(1 - ws))}{2 w \theta_i}\,
        s_i\Big\rangle

    It is the exact derivative of the expected rate smoothed evenly over :math:`\theta_i(1 \pm w)` (and over both
    shifts of the others): of that rate it is unbiased, of the rate at :math:`\theta` up to second order in w. No derivative goes
    through a path. Signs in place of normal numbers leave out the scatter of :math:`s_i^2`. Other parameters' shifts are noise
    for each: the error grows as the root of their number, so that for a thousand weights `surrogate_rates` is the better guide.
    Sample j of seed k has the noise of the network with the seed ``k * samples + j``.
    """
    if not 0 < spread < 1:
        raise NetworkError(
            f"spread = {spread:g}", where="expected_rates", allowed="between 0 and 1"
        )
    if samples < 2:
        raise NetworkError(f"samples = {samples}", where="expected_rates", allowed="2 or more")
    about: dict[str, Any] = dict(
        duration=duration, warmup=warmup, each=each, where="expected_rates"
    )
    program = RateProgram(network, HardSpikes(), **about)
    return ExpectedRates(program, seed=network.seed, spread=spread, samples=samples)


def _mean(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over samples and its standard error."""
    return x.mean(axis=0), x.std(axis=0, ddof=1) / np.sqrt(len(x))


def _slopes(half: np.ndarray, signs: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Response to the sign of each parameter and its standard error; what shared parameters explain is no scatter."""
    numbers = [s for s in signs if s.ndim == 1]
    if not 0 < len(numbers) < len(half) - 1:
        return [_mean(half.reshape((-1,) + (1,) * (s.ndim - 1)) * s) for s in signs]
    design = np.stack(numbers, axis=1)
    slopes = np.linalg.lstsq(design, half, rcond=None)[0]
    rest = half - design @ slopes
    free = len(half) - len(numbers)
    errors = np.sqrt(np.sum(rest**2) / free * np.diag(np.linalg.inv(design.T @ design)))
    of_numbers = iter(zip(slopes, errors, strict=True))
    return [
        next(of_numbers) if s.ndim == 1 else _mean(rest.reshape((-1,) + (1,) * (s.ndim - 1)) * s)
        for s in signs
    ]
