"""Neuron of one diffusive memristor, one transistor and one resistor."""

from ..circuit import Capacitor, Circuit, Footprint, Mosfet, Resistor, Template, VoltageSource
from ..device import AbstractDevice, Diffusive1M1T1R
from ..runtime.flags import check_flags


def one_memristor(
    memristor: AbstractDevice | None = None,
    *,
    r_c: float = 250e6,
    c_gate: float = 1e-11,
    v_dd: float = 0.5,
    r_load: float = 47e3,
    output_stage: bool = True,
) -> Circuit:
    """Spiking neuron of one diffusive memristor, one transistor and one resistor.

    Parameters
    ----------
    memristor : AbstractDevice, optional
        Between input and gate; `Diffusive1M1T1R` by default.
    r_c : float
        Resistance from the gate to ground [ohm]: with the gate it sets the refractory period.
    c_gate : float
        Capacitance of the gate [F].
    v_dd : float
        Supply of the output stage [V].
    r_load : float
        Between supply and drain [ohm].
    output_stage : bool
        Whether the transistor and its load are there. They do not act back on the gate: large
        ensembles of which only the gate is looked at do without.

    Returns
    -------
    Circuit
        Driven at `in` by ``input``; it has fired when ``gate.v`` is above the transistor's threshold,
        whereupon ``drain.v`` falls.

    Notes
    -----
    Ions that drift into the gap integrate the input and leak away without it; the closed channel lifts
    the gate, which takes the voltage off the memristor and lets the channel break, and the gate
    discharges through `r_c`. The residue that is left shortens the next integration.

    References
    ----------
    .. [1] R. Zhao et al., Nat. Electron. 8, 1211 (2025), doi:10.1038/s41928-025-01488-x
    """
    check_flags({"output_stage": output_stage}, where="one_memristor")
    lines = [
        ("input", VoltageSource(), "in", "0"),
        ("memristor", Diffusive1M1T1R() if memristor is None else memristor, "in", "gate"),
        ("c_gate", Capacitor(c_gate), "gate", "0"),
        ("r_c", Resistor(r_c), "gate", "0"),
    ]
    stage = [
        ("supply", VoltageSource(v_dd), "vdd", "0"),
        ("r_load", Resistor(r_load), "vdd", "drain"),
        ("transistor", Mosfet(), "drain", "gate", "0", "0"),
    ]
    return Circuit(lines + stage if output_stage else lines)


ONE_MEMRISTOR = Template(
    name="1m1t1r",
    build=one_memristor,
    references=("doi:10.1038/s41928-025-01488-x",),
    footprint=Footprint(
        area=4e-12,
        source="about 4 um^2, the active region, in the caption of EurekAlert's picture of the neuron of "
        "doi:10.1038/s41928-025-01488-x; what belongs to it was not found",
    ),
)
"""The template."""
