"""Where the Langevin equation agrees with the events and where it does not, drawn from the records of one run."""

from pathlib import Path

import numpy as np

from benchmarks.cases.gillespie import exact
from benchmarks.cases.gillespie.switches import REST, ROWS, SHOWN, STEP
from benchmarks.records import of_run, write_picture

LOOKS = {"events": ("#0072B2", "o"), "langevin": ("#D55E00", "s")}
"""Colour (of Okabe and Ito) and marker of both forms."""

_SAMPLED_W1 = 1.288
"""Expected Wasserstein distance of a sample from its own normal law, over SD / sqrt(members): the integral of
sqrt(2 F (1 - F) / pi)."""

NUMBER = "number of switches N"


def _select(rows: list[dict], kind: str) -> dict[str, dict[int, dict]]:
    """What was recorded of one kind of problem, by form and number of switches."""
    of = [r for r in rows if r["problem"].endswith(kind) and r["variant"] in LOOKS]
    return {
        form: {r["extra"]["switches"]: r["extra"] for r in of if r["variant"] == form}
        for form in LOOKS
    }


def _against_n(ax, of: dict, y, **style) -> None:
    """A number of each record against N, one curve per form."""
    for form, (colour, marker) in LOOKS.items():
        points = [(n, y(e)) for n, e in sorted(of[form].items())]
        look = {"color": colour, "marker": marker, "ms": 6, "label": form} | style
        ax.plot(*zip(*points), **look)


def _numbers(ax, of: dict) -> None:
    """A logarithmic axis of N with ticks at those that were measured."""
    numbers = sorted(set(of["events"]) | set(of["langevin"]))
    ax.set(xscale="log", xlabel=NUMBER)
    ax.set_xticks(numbers, [str(n) for n in numbers], minor=False)
    ax.set_xticks([], minor=True)


def _curve(ax, of: dict, kind: str, chosen: list[int]) -> None:
    """Mean or variance over N against time, exact and simulated."""
    t = np.linspace(0.02, ROWS[-1], 400)
    ax.plot(
        t, exact.moments(1, t)[0 if kind == "mean" else 1], "k-", lw=1.2, label="exact, every N"
    )
    seen = np.unique(np.concatenate([SHOWN, np.arange(0, len(ROWS), 6)]))
    for n, fill in zip(chosen, ("none", "full")):
        for form, (colour, marker) in LOOKS.items():
            values = np.array(of[form][n]["curves"][kind])[seen] / n
            look = dict(color=colour, marker=marker, fillstyle=fill, lw=0, ms=4.5)
            ax.plot(ROWS[seen], values, label=f"{form}, N = {n}", **look)
    ax.set(
        xlabel="time [s] (the voltage steps up at 3 s)", ylabel=f"{kind} of the number on, over N"
    )
    ax.legend(fontsize=7.5)


def _histogram(ax, of: dict, n: int) -> None:
    """Law at the end of the rest: exact bars, simulated marks."""
    law = exact.distribution(n, ROWS[REST])
    first = of["events"][n]["rest"]["histogram"]["first"]
    k = first + np.arange(len(of["events"][n]["rest"]["histogram"]["seen"]))
    ax.bar(k, law[k], color="0.85", label="exact (binomial)")
    for form, (colour, marker) in LOOKS.items():
        seen = of[form][n]["rest"]["histogram"]["seen"]
        ax.plot(k, seen, color=colour, marker=marker, lw=0, ms=4.5, label=form)
    ax.set(
        xlabel=f"switches on at rest (3 s), N = {n}",
        ylabel="probability",
        xlim=(k[0] - 1, k[-1] + 1),
    )
    ax.legend(fontsize=8)


def _scores(ax, of: dict) -> None:
    """Largest |z| of mean and of variance."""
    for which, dash in (("mean", "-"), ("variance", "--")):
        size = lambda e, w=which: float(np.max(np.abs(e["z"][w])))  # noqa: E731
        _against_n(ax, of, size, ls=dash)
    ax.axhline(4, color="0.5", ls=":", lw=1.2)
    ax.set(yscale="log", ylabel="largest |z| over 9 times,\nagainst the binomial law")
    _numbers(ax, of)
    names = [f"{f}, {w}" for w in ("mean", "variance") for f in LOOKS]
    ax.legend(ax.get_lines(), [*names, "|z| = 4"], fontsize=7.5)


def _distances(ax, of: dict) -> None:
    """Distances of the laws, with the one that sampling alone makes."""
    _against_n(ax, of, lambda e: e["rest"]["w1"], ls="-")
    _against_n(ax, of, lambda e: e["on"]["w1"], ls="--")
    names = [f"{f}, {w}" for w in ("at rest", "under the step") for f in LOOKS]
    for form, (colour, _) in LOOKS.items():
        points = sorted((n, _SAMPLED_W1 * e["members_in_all"] ** -0.5) for n, e in of[form].items())
        ax.plot(*zip(*points), color=colour, ls=":", lw=1)
        names.append(f"{form}: sampling alone")
    label = "Wasserstein distance from the\nexact law, over its SD"
    ax.set(yscale="log", ylabel=label)
    _numbers(ax, of)
    ax.legend(ax.get_lines(), names, fontsize=7.5)


def _passages(ax, of: dict) -> None:
    """Mean time to half on, over the exact one."""
    for form, (colour, marker) in LOOKS.items():
        data = [(n, e["passage"], e["members_in_all"]) for n, e in sorted(of[form].items())]
        mean = [p["mean"] / p["mean_exact"] for _, p, _ in data]
        error = [2 * p["sd_exact"] / p["mean_exact"] / m**0.5 for _, p, m in data]
        ax.errorbar(
            [n for n, *_ in data], mean, error, color=colour, marker=marker, capsize=3, label=form
        )
    ax.axhline(1, color="k", lw=1)
    label = "mean time from the step to half on,\nover the exact one (bars: 2 standard errors)"
    ax.set(ylabel=label)
    _numbers(ax, of)
    ax.legend(fontsize=8)


def _rare(ax, rows: list[dict]) -> None:
    """Ratio of computed mean times to a rare number."""
    extra = next(r["extra"] for r in rows if r["variant"].endswith("computed"))
    log = {k: np.array(v) for k, v in extra["log10_s"].items()}
    ratio = 10.0 ** (log["langevin"] - log["events"])
    ax.plot(extra["switches"], ratio, "k-d", ms=6)
    ax.axhline(1, color="0.5", ls=":", lw=1.2)
    label = "mean time until twice the usual number\nis on at rest: Langevin over events (computed)"
    ax.set(xscale="log", yscale="log", xlabel=NUMBER, ylabel=label)
    for n, y, t in list(zip(extra["switches"], ratio, log["events"]))[1::2]:
        ax.annotate(f"10$^{{{t:.0f}}}$ s", (n, y), (4, 4), textcoords="offset points", fontsize=8)


def _costs(ax, of: dict) -> None:
    """Wall time of a member."""
    _against_n(ax, of, lambda e: e["member_s"])
    ax.set(yscale="log", ylabel="wall time per member [s]")
    _numbers(ax, of)
    ax.legend(fontsize=8)


def _fed_back(ax, of: dict) -> None:
    """Mean share that is on where the switches heat each other."""
    for n, fill in zip(sorted({min(of["events"]), max(of["events"])}), ("none", "full")):
        for form, (colour, marker) in LOOKS.items():
            mean = np.array(of[form][n]["curves"]["mean"])[::4] / n
            look = dict(color=colour, marker=marker, fillstyle=fill, lw=0, ms=4.5)
            ax.plot(ROWS[::4], mean, label=f"{form}, N = {n}", **look)
    ax.set(xlabel="time [s]", ylabel="mean of the number on, over N,\nwith volatility and heat")
    ax.legend(fontsize=7.5)


def draw(rows: list[dict]):
    """The figure of the records of one run."""
    from matplotlib.figure import Figure

    of = _select(rows, "independent")
    numbers = sorted(set(of["events"]) & set(of["langevin"]))
    large = [n for n in numbers if n <= 1024][-1]
    figure = Figure(figsize=(22, 13), layout="constrained")
    axes = figure.subplots(3, 4)
    _curve(axes[0, 0], of, "mean", [numbers[0], large])
    _curve(axes[0, 1], of, "variance", [numbers[0], large])
    _scores(axes[0, 2], of)
    _costs(axes[0, 3], of)
    for ax, n in zip(axes[1], sorted({*numbers[:3], large})):
        _histogram(ax, of, n)
    _distances(axes[2, 0], of)
    _passages(axes[2, 1], of)
    _rare(axes[2, 2], rows)
    _fed_back(axes[2, 3], _select(rows, "heat"))
    for ax in axes.flat:
        ax.grid(which="major", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        if not ax.has_data():
            ax.set_axis_off()
    figure.suptitle(
        f"N switches, each with rates of 1/9 and 1 per second; {STEP:g} s at rest, then a voltage step"
    )
    return figure


def write(path: Path, run_id: str) -> Path | None:
    """Write gillespie.png and gillespie.json beside the records of a run; None where a form was not measured."""
    rows = of_run(path, "gillespie", run_id)
    if not {"events", "langevin"} <= {r["variant"] for r in rows}:
        return None
    return write_picture(path, "gillespie", rows, draw(rows))
