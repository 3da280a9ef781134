"""What was published of the one-memristor neuron, as a third party read it off figures and tables (mark [2nd]).

R. Zhao et al., Nat. Electron. 8, 1211 (2025), doi:10.1038/s41928-025-01488-x; and reference values [C] that
independent code computed from the same equations.
"""

TURN_ON = {0.6: 77.6e-3, 0.8: 34.92e-3, 1.0: 15.43e-3}
"""[C] Time [s] until the gate passes 0.2 V under a constant input [V], without noise, Table 1."""

FIRST_SPIKE = 88e-3
"""[2nd] Fig. 2e: first spike [s] at 0.8 V, period 2 ms, half of it on."""

PULSES = {0.4e-3: 140, 0.6e-3: 160, 0.8e-3: 180, 1.0e-3: 215, 1.2e-3: 260}
"""[2nd] Fig. 3b: pulses of 0.9 V, 1 ms until the first spike, by the gap [s] between them."""

PROBABILITY = {0.8: 0.05, 0.9: 0.76, 1.0: 0.95}
"""[2nd] Fig. 3c: probability to fire within one pulse of 15 ms, by its height [V]."""

SHORTENED = {3e-3: 5.7e-3, 30e-3: 4.5e-3, 80e-3: 3.2e-3, 200e-3: 2.4e-3, 1.0: 0.2e-3}
"""[2nd] Fig. 4b: by how much [s] the second integration under 2 V, 20 ms is shorter, by the gap [s]."""

INTEGRATION = 13e-3
"""[2nd] Fig. 4a: the first integration [s]."""

INTERVALS = {50e6: 2.25e-3, 100e6: 2.3e-3, 250e6: 4.0e-3, 500e6: 8.0e-3, 1000e6: 23.8e-3}
"""[2nd] Fig. 4d: mean interval between spikes [s], by R_c [ohm]; 250 and 500 Mohm read from the plot."""

REFERENCE = {50e6: 2.00e-3, 100e6: 2.32e-3, 250e6: 4.22e-3, 500e6: 8.30e-3, 1000e6: 21.3e-3}
"""[C] The same at sigma1 = 7e-3 from rest, both spikes between 0.3 and 0.9 s, steps of 0.5 us."""
