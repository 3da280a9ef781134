"""Relaxation oscillator of one diffusive memristor under a constant current."""

from ..circuit import Capacitor, Circuit, CurrentSource, Resistor, Template
from ..device import AbstractDevice, DiffusiveSpice


def current_oscillator(
    memristor: AbstractDevice | None = None,
    *,
    r_p: float = 10e6,
    c: float = 1e-6,
    c_p: float = 1e-11,
) -> Circuit:
    """Relaxation oscillator of the SPICE netlist: a current charges a capacitor until a memristor discharges it.

    Parameters
    ----------
    memristor : AbstractDevice, optional
        Across the capacitor; `DiffusiveSpice` by default.
    r_p : float
        Across it [ohm]: the leak.
    c : float
        Capacitance of the test bench [F].
    c_p : float
        Capacitance within the published model [F].

    Returns
    -------
    Circuit
        Driven at `node` by ``input`` [A]; ``node.v`` is a sawtooth whose falls are the spikes.

    Notes
    -----
    The current charges the capacitor; the filament grows with the node's voltage until it closes the
    gap and discharges it; without voltage the filament decays within 20 ms and the residue within
    seconds, and the node charges again. The leak takes what is left of the current at
    :math:`R_pI`, which the node must not reach before the filament closes: below some current there
    is no spike.

    The 50 ohm that the netlist has in series with the current source change nothing and are left out.
    Events of shrinkage (``memristor.kappa``) are the noise; a deterministic run leaves them out.

    Not claimed: a measurement; the netlists come without one.

    References
    ----------
    .. [1] https://github.com/TongWang-USC/Memristor-Model, commit ef45e2a (test bench of the current pulse)
    .. [2] T. Wang et al., IEEE Trans. Circuits Syst. Artif. Intell. 1, 141 (2024),
       doi:10.1109/TCASAI.2024.3484370
    """
    return Circuit(
        [
            ("input", CurrentSource(), "node", "0"),
            ("r_p", Resistor(r_p), "node", "0"),
            ("c", Capacitor(c), "node", "0"),
            ("c_p", Capacitor(c_p), "node", "0"),
            ("memristor", DiffusiveSpice() if memristor is None else memristor, "node", "0"),
        ]
    )


CURRENT_OSCILLATOR = Template(
    name="current-oscillator",
    build=current_oscillator,
    references=(
        "https://github.com/TongWang-USC/Memristor-Model",
        "doi:10.1109/TCASAI.2024.3484370",
    ),
)
"""The template."""
