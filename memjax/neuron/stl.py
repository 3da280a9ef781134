"""Neuron whose threshold is lowered by its own activity."""

from ..circuit import Circuit, Template
from ..device import AbstractDevice, SecondOrderDiffusive
from .node import node


def stl_neuron(
    memristor: AbstractDevice | None = None, *, r_in: float = 5e6, c: float = 1e-8
) -> Circuit:
    r"""Spontaneous threshold lowering: an integrate-and-fire node on a second-order memristor.

    Parameters
    ----------
    memristor : AbstractDevice, optional
        Across the capacitor; `SecondOrderDiffusive` by default.
    r_in : float
        Between input and node [ohm].
    c : float
        Capacitance of the node [F].

    Returns
    -------
    Circuit
        Driven at `in` by ``input`` [V]; ``node.v`` is a sawtooth whose falls are the spikes and whose
        peaks are the threshold; ``memristor.c`` is what lowers it.

    Notes
    -----
    The input charges the node; the filament closes at the threshold and discharges it; without voltage
    it decays. Each spike leaves clusters, the second state, which lower the barrier of the next growth:
    the threshold falls by a factor :math:`e^{-\epsilon c}` while the neuron is active, so that it
    fires at a higher rate and at inputs that did not reach it before; clusters dissolve within
    :math:`\tau_c` of rest and the threshold comes back.

    A reconstruction: of the published neuron only the idea is known here (silver clusters whose size is
    a second state that lowers the threshold). Its equations, parameters, circuit and size of the
    lowering were not found; all values are chosen to illustrate.

    References
    ----------
    .. [1] Y. Jiang et al., Adv. Sci. 10, 2301323 (2023), doi:10.1002/advs.202301323 (the idea)
    """
    device = SecondOrderDiffusive() if memristor is None else memristor
    return node(device, r_in=r_in, c=c)


STL_NEURON = Template(
    name="stl-neuron", build=stl_neuron, references=("doi:10.1002/advs.202301323",)
)
"""The template."""
