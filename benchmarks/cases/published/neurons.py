"""Published numbers of the neuron of one diffusive memristor, one transistor and one resistor, and ours (Table 1)."""

import math

from benchmarks.cases.neuron import functions, published
from benchmarks.cases.published.numbers import Number, number

PAPER = "doi:10.1038/s41928-025-01488-x"
CODE = "independent code on the equations of " + PAPER
ONE_SET = "no single set of parameters is known to give all figures"
NOISE = "the strength of the noise is not published: sigma1 = 7e-3, the closest of those tried"
FIGURE = {50e6: "2.25e-3", 100e6: "2.3e-3", 250e6: "4.0e-3", 500e6: "8.0e-3", 1000e6: "23.8e-3"}
REFERENCE = {
    50e6: "2.00e-3",
    100e6: "2.32e-3",
    250e6: "4.22e-3",
    500e6: "8.30e-3",
    1000e6: "21.3e-3",
}
"""Mean intervals [s] by R_c [ohm] of Fig. 4d and of independent code, with all digits that were printed."""

ERRORS = {50e6: 0.0, 100e6: 0.01e-3, 250e6: 0.02e-3, 500e6: 0.10e-3, 1000e6: 0.39e-3}
"""Standard errors [s] of the reference intervals, by R_c [ohm]."""

Z = 4.0


def turn_on() -> list[Number]:
    """Time until the gate passes 0.2 V; with steps of 1e-6 and rows of 1/2000 of it."""
    texts = {0.6: "77.6e-3", 0.8: "34.92e-3", 1.0: "15.43e-3"}
    return [
        number(f"gate turns on, {v:g} V", "s", texts[v], t, CODE, 0.02e-3)
        for v, t in functions.turn_on().items()
    ]


def plasticity() -> list[Number]:
    """Fig. 4: the first integration and what the second one is shorter by."""
    both = functions.plasticity()
    first = next(iter(both.values()))[0]
    rows = [
        number(
            "Fig. 4a: first integration at 2 V", "s", "13e-3", first, PAPER, mark="2nd", gap=ONE_SET
        )
    ]
    for pause, less in published.SHORTENED.items():
        ours = both[pause][0] - both[pause][1]
        name = f"Fig. 4b: shorter after {1e3 * pause:g} ms by"
        rows.append(number(name, "s", f"{1e3 * less:g}e-3", ours, PAPER, mark="2nd", gap=ONE_SET))
    return rows


def pulses() -> list[Number]:
    """Fig. 3b: pulses until the first spike."""
    return [
        number(
            f"Fig. 3b: pulses, {1e3 * g:g} ms apart",
            "1",
            f"{published.PULSES[g]}e0",
            n,
            PAPER,
            mark="2nd",
            gap=ONE_SET,
        )
        for g, n in functions.leak().items()
    ]


def firing(size: str) -> list[Number]:
    """Fig. 3c: probability to fire, within its interval of confidence."""
    return [
        number(
            f"Fig. 3c: firing probability at {v:g} V",
            "1",
            f"{published.PROBABILITY[v]:.2f}",
            p.value,
            PAPER,
            max(p.high - p.value, p.value - p.low),
            mark="2nd",
            gap=ONE_SET,
        )
        for v, p in functions.firing(size).items()
    ]


def intervals(size: str) -> list[Number]:
    """Fig. 4d: mean interval between spikes, against the paper and against independent code."""
    members, stop = functions.MEMBERS[size], functions.STOP[size]
    every = functions.refractory(FIGURE, members, stop).intervals(stop)
    rows = []
    for r, statistics in every.items():
        name, scatter = f"mean interval, R_c = {r / 1e6:g} Mohm", Z * statistics.mean_se
        ours, figure = statistics.mean, f"Fig. 4d: {name}"
        rows.append(number(figure, "s", FIGURE[r], ours, PAPER, scatter, mark="2nd", gap=NOISE))
        scatter = Z * math.hypot(statistics.mean_se, ERRORS[r])
        rows.append(number(name, "s", REFERENCE[r], ours, CODE, scatter))
    return rows
