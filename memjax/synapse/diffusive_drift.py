"""Synapse of one diffusive and one drift memristor in series between two neurons."""

from ..circuit import Capacitor, Circuit, Template, VoltageSource
from ..core import params
from ..device import AbstractDevice, DiffusiveMemristor, Vteam

DIFFUSIVE = {
    "alpha": 0.05,
    "lam": 0.1,
    "r_on": 2e3,
    "r_off": 1e9,
    "beta": 5.0,
    "mu": 240.0,
    "mu_neg": 150.0,
    "gamma1": 30.0,
    "gamma2": 20.0,
    "theta": 0.0,
}
"""Parameters of the volatile switch [SI]: chosen here, fitted to nothing."""

WEIGHT = {
    "k_off": 60.0,
    "k_on": 500.0,
    "v_off": 0.6,
    "v_on": -1.1,
    "a_off": 1.0,
    "a_on": 1.0,
    "r_on": 2e4,
    "r_off": 4e5,
    "x0": 0.5,
    "conduction": "exponential",
}
"""Parameters of the memristor that keeps the weight [SI]: chosen here, fitted to nothing."""


def diffusive_drift(
    diffusive: AbstractDevice | None = None,
    weight: AbstractDevice | None = None,
    *,
    c_middle: float = 1e-12,
) -> Circuit:
    """Synapse of one diffusive and one drift memristor in series, between a pre- and a postsynaptic driver.

    Parameters
    ----------
    diffusive : AbstractDevice, optional
        From `pre` to the middle: the clock. By default a `DiffusiveMemristor` that a pulse of 0.55 V
        closes in 4.4 ms (positive) or 7.1 ms (negative), whose filament then decays at 35/s.
    weight : AbstractDevice, optional
        From the middle to `post`: the weight. By default a `Vteam` of 20 to 400 kohm, which positive
        voltage above 0.6 V (from pre to post) depresses and negative beyond -1.1 V potentiates.
    c_middle : float
        Capacitance of the middle node to ground [F].

    Returns
    -------
    Circuit
        With two driven sources: the stimulus is ``Drives({"pre": ..., "post": ...})``. The weight is
        the conductance of ``weight``; `memjax.synapse` has protocols that read it.

    Notes
    -----
    While the diffusive memristor is off it takes the whole voltage between the neurons, and the weight
    does not change. Once closed it takes hardly any: what is applied then programs the weight, with
    the polarity of the neuron that applies it. A spike of a short high pulse, too short to close
    the channel, and a long low one, which closes it and is below the thresholds of the weight,
    changes nothing by itself. A spike of the other neuron that follows before the channel has
    opened drops its high pulse across the weight. The only clock is the relaxation of the
    diffusive memristor, no rule of learning is written in.

    What the default parameters decide: that potentiation is the stronger, and depression reaches further,
    comes from the two thresholds and rates of the weight and from a channel that grows more slowly
    at negative voltage. All values are chosen here and fitted to nothing; of the publication the
    circuit is taken, no numbers.

    The diffusive memristor has to have a much lower resistance when closed, and a much higher one when
    open, than the weight. `DriftMemristor` as weight forgets within 10 ms.

    References
    ----------
    .. [1] Z. Wang et al., Nat. Mater. 16, 101 (2017), doi:10.1038/nmat4756
    """
    if diffusive is None:
        diffusive = params.replace(DiffusiveMemristor(), DIFFUSIVE)
    if weight is None:
        weight = params.replace(Vteam(), WEIGHT)
    return Circuit(
        [
            ("pre", VoltageSource(), "a", "0"),
            ("diffusive", diffusive, "a", "middle"),
            ("weight", weight, "middle", "b"),
            ("post", VoltageSource(), "b", "0"),
            ("c_middle", Capacitor(c_middle), "middle", "0"),
        ]
    )


DIFFUSIVE_DRIFT = Template(
    name="diffusive-drift-synapse", build=diffusive_drift, references=("doi:10.1038/nmat4756",)
)
"""The template."""
