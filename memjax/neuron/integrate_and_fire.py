"""Leaky integrate-and-fire node of one diffusive memristor."""

from ..circuit import Circuit, Template
from ..core.params import replace
from ..device import AbstractDevice, DiffusiveMemristor
from .node import node


def integrate_and_fire(
    memristor: AbstractDevice | None = None, *, r_in: float = 47e3, c: float = 4.7e-9
) -> Circuit:
    r"""Leaky integrate-and-fire node: input pulses charge a capacitor through a resistor, a memristor across it fires.

    Parameters
    ----------
    memristor : AbstractDevice, optional
        Across the capacitor; by default `DiffusiveMemristor` with the published set of this circuit,
        noise included.
    r_in : float
        Between input and node [ohm].
    c : float
        Capacitance of the node [F].

    Returns
    -------
    Circuit
        Driven at `in` by ``input`` [V]; it has fired when the memristor closes, whereupon ``node.v``
        falls to the divider of `r_in` and the closed channel.

    Notes
    -----
    Two integrators in a row. The node is the leaky one, :math:`C\,dV/dt = (V_{in} - V)/R_{in} -
    V/R_m`, with time constant :math:`R_{in}C` (0.22 ms) while the channel is open; its leak is `r_in`,
    since the source is a short between pulses. The filament integrates the node's voltage and decays
    by itself (0.2 ms). It starts with the residue 0.9: the channel is nearly closed at rest. When it
    closes, the node discharges through the channel, which stays nearly closed while pulses go on and
    breaks within a millisecond of the last: one spike per burst.

    Not claimed: a measured spike, nor a train of them. Parameters are those of the authors' simulation; the published
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
    geometry = dict(alpha=0.01, lam=0.1, r_on=5e3, r_off=1e10)
    rates = dict(mu=150.0, beta=20.0, gamma1=5e3, gamma2=0.1, gamma3=10.0, theta=200.0)
    noise = dict(sigma1=20.0, sigma2=20.0, t_ref=1e-6)
    return replace(DiffusiveMemristor(), geometry | rates | noise | {"r0": 0.9})


INTEGRATE_AND_FIRE = Template(
    name="integrate-and-fire",
    build=integrate_and_fire,
    references=(
        "doi:10.1109/TCASAI.2024.3484370",
        "https://github.com/yanglab2021/DiffusiveMemristor",
    ),
)
"""The template."""
