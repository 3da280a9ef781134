"""Baseline neuron of transistors: differential-pair integrator, positive feedback, reset."""

from ..circuit import Capacitor, Circuit, CurrentSource, Mosfet, Template, VoltageSource

_BETA_N, _BETA_P = 1e-4, 5e-5
_V_T, _SLOPE = 0.45, 1.3
_STRAY = 2e-14
"""Capacitance of the inner nodes [F]."""


def dpi_neuron(
    *,
    c_mem: float = 1e-12,
    c_ref: float = 5e-13,
    v_dd: float = 1.8,
    v_thr: float = 0.35,
    v_leak: float = 0.15,
    v_ref: float = 0.25,
) -> Circuit:
    r"""CMOS silicon neuron: differential-pair integrator, positive feedback, reset with a refractory period.

    Parameters
    ----------
    c_mem : float
        Capacitance of the membrane [F].
    c_ref : float
        Capacitance that keeps the refractory period [F].
    v_dd : float
        Supply [V].
    v_thr : float
        Bias of the differential pair [V]: gain of the integrator.
    v_leak : float
        Bias of the leak [V]: time constant of the membrane.
    v_ref : float
        Bias of the refractory block [V]: a higher one ends the refractory period earlier.

    Returns
    -------
    Circuit
        Driven at `tail` by ``input`` [A]; the membrane is ``mem.v``; it has fired when ``req.v``
        falls to 0.

    Notes
    -----
    Eleven transistors, mostly in weak inversion, and five nodes. The pair (``pair_in``, ``pair_out``)
    steers the input current; with the currents :math:`I_{mem}, I_{thr}` that the membrane's and the
    bias's voltage stand for (:math:`I = I_0e^{V/nU_T}`) and the leak :math:`I_\tau`,

    .. math::

        C\,\dot V_{mem} = I_{in}\,\frac{I_{thr}}{I_{thr} + I_{mem}} - I_\tau + I_{fb}
        \quad\Rightarrow\quad \tau\dot I_{mem} + I_{mem} \approx
        \frac{I_{thr}}{I_\tau}I_{in} + \frac{I_{fb}}{I_\tau}I_{mem}
        \;(I_{mem} \gg I_{thr}),\; \tau = \frac{nCU_T}{I_\tau}

    ``sense`` and a mirror return :math:`I_{fb} \propto I_{mem}` to the membrane, which makes it run
    away exponentially (an exponential integrate-and-fire neuron). An inverter then pulls `req` down,
    ``charge`` fills `c_ref`, ``reset`` empties the membrane and holds it until ``discharge`` has
    emptied `c_ref`.

    It is the baseline without ion dynamics: deterministic, without a memory beyond its refractory
    period (no intrinsic plasticity; the published circuit can have a slow adaptation block, left out
    here), and it needs eleven transistors and picofarads where a memristor neuron needs one device.

    Topology after the silicon neurons that reference 1 reviews, which was not read: neither the
    transistor list nor a value is theirs. Parameters are chosen to illustrate; no process, no
    mismatch, no energy per spike is claimed.

    References
    ----------
    .. [1] E. Chicca et al., Proc. IEEE 102, 1367 (2014), doi:10.1109/JPROC.2014.2313954
    """
    return Circuit(
        [
            ("input", CurrentSource(), "tail", "0"),
            ("supply", VoltageSource(v_dd), "vdd", "0"),
            ("thr_bias", VoltageSource(v_thr), "thr", "0"),
            ("leak_bias", VoltageSource(v_leak), "lk", "0"),
            ("ref_bias", VoltageSource(v_ref), "refractory", "0"),
            *_transistors(),
            ("c_mem", Capacitor(c_mem), "mem", "0"),
            ("c_tail", Capacitor(_STRAY), "tail", "0"),
            # Mirror and inverter rest at the supply, and their nodes start there.
            ("c_fb", Capacitor(_STRAY, v_dd), "fb", "0"),
            ("c_req", Capacitor(_STRAY, v_dd), "req", "0"),
            ("c_ref", Capacitor(c_ref), "ref", "0"),
        ]
    )


def _transistors() -> list[tuple]:
    """Their lines: name, transistor, drain, gate, source, bulk."""
    n, p = _transistor("n", _BETA_N), _transistor("p", _BETA_P)
    return [
        ("pair_in", p, "mem", "mem", "tail", "vdd"),
        ("pair_out", p, "0", "thr", "tail", "vdd"),
        ("leak", n, "mem", "lk", "0", "0"),
        ("sense", n, "fb", "mem", "0", "0"),
        ("mirror_in", p, "fb", "fb", "vdd", "vdd"),
        ("mirror_out", p, "mem", "fb", "vdd", "vdd"),
        ("inverter_n", n, "req", "mem", "0", "0"),
        ("inverter_p", p, "req", "mem", "vdd", "vdd"),
        ("charge", p, "ref", "req", "vdd", "vdd"),
        ("discharge", n, "ref", "refractory", "0", "0"),
        ("reset", _transistor("n", 4 * _BETA_N), "mem", "ref", "0", "0"),
    ]


def _transistor(channel: str, beta: float) -> Mosfet:
    """A transistor of the one process that is assumed."""
    return Mosfet(beta=beta, v_t=_V_T, n=_SLOPE, channel=channel)


DPI_NEURON = Template(
    name="dpi-neuron", build=dpi_neuron, references=("doi:10.1109/JPROC.2014.2313954",)
)
"""The template."""
