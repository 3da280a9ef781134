"""Rates of hard spikes with surrogate derivatives: biased, bounded, for training."""

from typing import Any

import jax

from ...errors import NetworkError
from ...runtime.flags import check_flags
from ..network import Network
from .hard import SurrogateSpikes
from .program import RateProgram, Rates, Values, Weights


class SurrogateRates:
    """Result of `surrogate_rates`: rates as a function of parameters, weights and the seed.

    Parameters
    ----------
    program : RateProgram
        The network with surrogate spikes.
    seed : int
        The network's own.
    """

    def __init__(self, program: RateProgram, *, seed: int):
        self._program, self._seed = program, seed
        self._run = jax.jit(self._rates)

    def _rates(self, values: Values, weights: Weights, seed) -> Rates:
        """See `__call__`."""
        state, _ = self._program.run(values, weights, seed)
        return self._program.rates(state)

    def __call__(
        self, values: Values | None = None, weights: Weights | None = None, seed: Any = None
    ) -> Rates:
        """Rates of each group of neurons [1/s], see `SoftRates`."""
        values, weights = values or {}, weights or {}
        self._program.check(values, weights)
        return self._run(values, weights, self._seed if seed is None else seed)


def surrogate_rates(
    network: Network,
    duration: float,
    *,
    width: float = 2.0,
    logarithmic: bool = True,
    warmup: float = 0.0,
    most_spikes: int = 4,
) -> SurrogateRates:
    r"""Mean rates of the network's own spikes, with surrogate derivatives: biased, bounded, for training.

    Parameters
    ----------
    network : Network
        The network. Weights that are devices are not taken.
    duration : float
        Time [s], rounded up to whole exchange intervals.
    width : float
        Distance below its level over which a peak of the signal is nearly a spike: factors of e, or, where not
        logarithmic, in the unit of the groups' signals.
    logarithmic : bool
        Whether that distance is one of the signal's logarithm, as suits signals of what grows (a filament, a switch,
        a current): these are positive.
    warmup : float
        Time at the beginning whose spikes are not counted [s].
    most_spikes : int
        Largest number of spikes of a Poisson source in an exchange interval; rates are NaN where it
        is too small.

    Returns
    -------
    SurrogateRates
        ``f(values, weights, seed)``, rates by group of neurons [1/s], as of `soft_rates`.

    Notes
    -----
    Forward, spikes are those of `memjax.network.run` of the network with that seed. Their number N of a neuron has
    the derivative

    .. math::

        dN = \sum_{\text{spikes}} -\frac{k}{t_k}\,dt_k + \sum_{\text{peaks}} \frac{2}{w}\,\sigma'\!\Big(\frac{y -
        y_\theta}{w}\Big)\,dy, \qquad dt_k = -\frac{dx}{\dot x}

    Spikes come sooner: the time of the k-th shifts by the implicit derivative of the crossing of the signal x, and that
    shift times the rate so far is a number of spikes. Spikes come into being: of the peaks that miss the level
    (y is the signal or its logarithm), the density just below it says how many pass it when all rise by dy.
    :math:`dx` and :math:`dy` are derivatives along the path since the neuron was re-armed: from a spike until then its
    states have none, so that nothing multiplies from spike to spike. What a spike sends to others has the same
    derivative.

    Biased therefore: what a change does through what a spike leaves behind (residue), and while the neuron
    recovers, is missing. Reverse mode computes each exchange interval once more; where a peak is close to the
    level, the last bit of that shows in single derivatives.
    """
    check_flags({"logarithmic": logarithmic}, where="surrogate_rates")
    if not width > 0:
        raise NetworkError(f"width = {width:g}", where="surrogate_rates", allowed="> 0")
    program = RateProgram(
        network,
        SurrogateSpikes(width=width, logarithmic=logarithmic),
        duration=duration,
        warmup=warmup,
        most_spikes=most_spikes,
        where="surrogate_rates",
    )
    for name, neurons in program.programs.items():
        if logarithmic and not neurons.level > 0:
            raise NetworkError(
                f"the logarithm of a signal whose level times sign is {neurons.level:g}",
                where=f"surrogate_rates of group {name!r}",
                allowed="a positive level and sign = 1",
                fix="logarithmic=False, with a width in the unit of the signal",
            )
    return SurrogateRates(program, seed=network.seed)
