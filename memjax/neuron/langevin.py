"""Neuron of one Langevin particle behind a resistor."""

from ..circuit import Capacitor, Circuit, Resistor, Template, VoltageSource
from ..device import AbstractDevice, LangevinMemristor


def langevin_neuron(
    memristor: AbstractDevice | None = None, *, r_ext: float = 128.0, tau: float = 0.8
) -> Circuit:
    r"""Spiking circuit of the Langevin memristor: source, resistor, and the memristor parallel to a capacitor.

    Parameters
    ----------
    memristor : AbstractDevice, optional
        `LangevinMemristor` by default, without noise (``memristor.d`` = 0) and heat.
    r_ext : float
        Between source and node [ohm].
    tau : float
        Time constant :math:`R_{ext}C` [s], which gives the capacitance.

    Returns
    -------
    Circuit
        Driven at `in` by ``input`` [V]; a spike is a fall of ``node.v``, a current through the
        memristor, and a particle ``memristor.x`` in the gap.

    Notes
    -----
    .. math::

        \tau\dot V = V_{ext} - (1 + R_{ext}/R(x))\,V, \qquad C = \tau/R_{ext}

    At rest the particle sits in the well of an electrode and the memristor is an insulator. The node
    charges; its field tilts the potential until the well is gone (a saddle-node; V_ext = 30.46 V
    for 128 ohm) and the particle drifts into the gap, where the two tunnel resistances are least.
    The node discharges, the field goes, and the particle falls back. Thermal noise (``memristor.d``) lets
    it escape below that voltage; Joule heat (``memristor.heating``) makes the noise larger.

    A reconstruction in order-one units: canonical equations with a potential that a third party
    transcribed, since the equations and values of the papers were not found. Not claimed: any
    published figure.

    References
    ----------
    .. [1] R. Akther et al., arXiv:2407.18368 (form of the equations)
    .. [2] Y. Ushakov et al., Chaos Solitons Fractals 145, 110803 (2021), doi:10.1016/j.chaos.2021.110803
    """
    return Circuit(
        [
            ("input", VoltageSource(), "in", "0"),
            ("r_ext", Resistor(r_ext), "in", "node"),
            # The published equation has tau = R_ext C, and no capacitance of its own.
            ("c", Capacitor(tau / r_ext), "node", "0"),
            ("memristor", LangevinMemristor() if memristor is None else memristor, "node", "0"),
        ]
    )


LANGEVIN_NEURON = Template(
    name="langevin-neuron",
    build=langevin_neuron,
    references=("arXiv:2407.18368", "doi:10.1016/j.chaos.2021.110803"),
)
"""The template."""
