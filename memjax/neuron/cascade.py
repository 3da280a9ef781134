"""Neurons of one memristor, one transistor and one resistor in a chain."""

from ..circuit import Capacitor, Circuit, Mosfet, Resistor, Template, VoltageSource
from ..device import AbstractDevice, Diffusive1M1T1R
from ..errors import CircuitError


def cascade(
    stages: int = 3,
    memristor: AbstractDevice | None = None,
    *,
    r_c: float = 50e6,
    c_gate: float = 1e-11,
    v_dd: float = 1.0,
    r_load: float = 47e3,
) -> Circuit:
    """Chain of one-memristor neurons: the output stage of each drives the next.

    Parameters
    ----------
    stages : int
        Number of neurons.
    memristor : AbstractDevice, optional
        In each of them; `Diffusive1M1T1R` by default.
    r_c, c_gate, r_load : float
        As in `one_memristor`, alike in all.
    v_dd : float
        Supply [V]: the height of the pulses that a stage gives to the next.

    Returns
    -------
    Circuit
        Driven at ``in_1`` by ``input``; neuron k has fired when ``gate_k.v`` is above threshold.

    Raises
    ------
    CircuitError
        For less than one stage.

    Notes
    -----
    The drain of a neuron falls when it fires; a p-channel transistor between supply and the next
    input turns that into a positive pulse, and a resistor to ground ends it. How the stages of the
    published chain are coupled was not found: this coupling is our own.

    References
    ----------
    .. [1] R. Zhao et al., Nat. Electron. 8, 1211 (2025), doi:10.1038/s41928-025-01488-x
    """
    if stages < 1:
        raise CircuitError(f"{stages} stages", allowed="one or more")
    lines: list[tuple] = [
        ("input", VoltageSource(), "in_1", "0"),
        ("supply", VoltageSource(v_dd), "vdd", "0"),
    ]
    for k in range(1, stages + 1):
        gate, drain = f"gate_{k}", f"drain_{k}"
        device = Diffusive1M1T1R() if memristor is None else memristor
        lines += [
            (f"memristor_{k}", device, f"in_{k}", gate),
            (f"c_gate_{k}", Capacitor(c_gate), gate, "0"),
            (f"r_c_{k}", Resistor(r_c), gate, "0"),
            (f"r_load_{k}", Resistor(r_load), "vdd", drain),
            (f"transistor_{k}", Mosfet(), drain, gate, "0", "0"),
        ]
        if k < stages:
            # The drain falls when the neuron fires: the p channel inverts that into a positive pulse.
            next_input = f"in_{k + 1}"
            lines += [
                (f"inverter_{k}", Mosfet(channel="p"), next_input, drain, "vdd", "vdd"),
                (f"r_out_{k}", Resistor(r_load), next_input, "0"),
            ]
    return Circuit(lines)


CASCADE = Template(
    name="1m1t1r-chain", build=cascade, references=("doi:10.1038/s41928-025-01488-x",)
)
"""The template."""
