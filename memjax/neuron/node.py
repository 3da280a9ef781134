"""The node that several neurons share."""

from ..circuit import Capacitor, Circuit, Resistor, VoltageSource
from ..device import AbstractDevice


def node(device: AbstractDevice, *, r_in: float, c: float, name: str = "memristor") -> Circuit:
    """A source ``input`` behind a resistor `r_in` [ohm]; at ``node`` a capacitor `c` [F] and a device across it."""
    return Circuit(
        [
            ("input", VoltageSource(), "in", "0"),
            ("r_in", Resistor(r_in), "in", "node"),
            ("c", Capacitor(c), "node", "0"),
            (name, device, "node", "0"),
        ]
    )
