"""Relaxation oscillator of one diffusive memristor under a constant voltage."""

from ..circuit import Circuit, Template
from ..core.params import replace
from ..device import AbstractDevice, DiffusiveMemristor
from .node import node


def relaxation_oscillator(
    memristor: AbstractDevice | None = None, *, r_in: float = 150e3, c: float = 6e-9
) -> Circuit:
    """Relaxation oscillator: a constant voltage charges a capacitor until a memristor across it discharges it.

    Parameters
    ----------
    memristor : AbstractDevice, optional
        Across the capacitor; by default `DiffusiveMemristor` with the published set of this circuit,
        noise included.
    r_in : float
        Between source and node [ohm]; published: 150 to 250 kohm.
    c : float
        Capacitance of the node [F].

    Returns
    -------
    Circuit
        Driven at `in` by ``input`` [V]; ``node.v`` is a sawtooth whose falls are the spikes.

    Notes
    -----
    The node charges with :math:`R_{in}C`; the filament grows with its voltage until it closes the gap
    and discharges it; the low voltage no longer holds the filament, the channel breaks, and the node
    charges again. Each cycle leaves residue, which decays more slowly than the filament: the next
    spike comes sooner, and with enough residue the channel stays nearly closed (latch-up).

    With the published set the noise opens the channel: the nearly closed channel behind the resistor
    is a weakly damped focus that noise keeps ringing. Without diffusion (``deterministic=True``) it
    closes once, at 15.3 ms, and latches.

    Not claimed: a measured spike; the published number of spikes, about 20 in 76 ms, which the steps
    of the published scheme drive too. Parameters are those of the authors' simulation; the published
    split steps are replaced by their continuous-time form, see `DiffusiveMemristor`.

    References
    ----------
    .. [1] T. Wang et al., IEEE Trans. Circuits Syst. Artif. Intell. 1, 141 (2024),
       doi:10.1109/TCASAI.2024.3484370, code https://github.com/yanglab2021/DiffusiveMemristor
    """
    device = _published_set() if memristor is None else memristor
    return node(device, r_in=r_in, c=c)


def _published_set() -> DiffusiveMemristor:
    """The authors' set for this circuit."""
    geometry = dict(alpha=0.01, lam=1.0, r_on=5e3, r_off=1e8)
    rates = dict(mu=300.0, beta=20.0, gamma1=200.0, gamma2=20.0, gamma3=10.0, theta=200.0)
    noise = dict(sigma1=30.0, sigma2=10.0, t_ref=1e-6)
    return replace(DiffusiveMemristor(), geometry | rates | noise)


RELAXATION_OSCILLATOR = Template(
    name="relaxation-oscillator",
    build=relaxation_oscillator,
    references=(
        "doi:10.1109/TCASAI.2024.3484370",
        "https://github.com/yanglab2021/DiffusiveMemristor",
    ),
)
"""The template."""
