"""Baseline neuron without ion dynamics: a hysteretic switch across a capacitor."""

from ..circuit import Circuit, Template
from ..device import AbstractDevice, ThresholdSwitch
from .node import node


def threshold_switch_neuron(
    switch: AbstractDevice | None = None, *, r_in: float = 1e6, c: float = 1e-9
) -> Circuit:
    r"""Baseline of circuit papers: an RC node and a switch with two thresholds across it.

    Parameters
    ----------
    switch : AbstractDevice, optional
        Across the capacitor; `ThresholdSwitch` by default.
    r_in : float
        Between input and node [ohm].
    c : float
        Capacitance of the node [F].

    Returns
    -------
    Circuit
        Driven at `in` by ``input`` [V]; ``node.v`` is a sawtooth between the two thresholds.

    Notes
    -----
    From rest the node reaches the threshold after :math:`R_{in}C\ln[V/(V - V_{th})]`. With the two
    levels of the switch, thresholds sharp and switching fast, the period is the sum of a charging and
    a discharging time,

    .. math::

        T = \tau_o\ln\frac{V_o - V_{hold}}{V_o - V_{th}} + \tau_c\ln\frac{V_{th} -
        V_c}{V_{hold} - V_c}, \qquad V_j = V\frac{R_j}{R_j + R_{in}}, \qquad \tau_j = C\,
        \frac{R_jR_{in}}{R_j + R_{in}}

    (o: off, c: on). It oscillates where :math:`V_o > V_{th}` and :math:`V_c < V_{hold}`.

    What it lacks: everything that ions do. No delay of switching that depends on the voltage, no residue
    and so no memory from spike to spike or intrinsic plasticity, no noise: every period equals the
    last.

    References
    ----------
    .. [1] L. Gao et al., Appl. Phys. Lett. 111, 103503 (2017), doi:10.1063/1.4991917 (a neuron with
       such a switch)
    """
    device = ThresholdSwitch() if switch is None else switch
    return node(device, r_in=r_in, c=c, name="switch")


THRESHOLD_SWITCH_NEURON = Template(
    name="threshold-switch-neuron",
    build=threshold_switch_neuron,
    references=("doi:10.1063/1.4991917",),
)
"""The template."""
