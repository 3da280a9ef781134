"""Errors of derivatives by device and way, and against the distance of rows, drawn from the records of one run."""

from pathlib import Path

from benchmarks.cases.derivatives.problems import QUANTITIES
from benchmarks.cases.derivatives.rows import NAMES
from benchmarks.records import of_run, write_picture

LABELS = {
    "v_th": "switching voltage",
    "v_hold": "hold voltage",
    "charge": "charge",
    "energy": "energy",
    "delay": "delay",
}
MARKERS = dict(zip(QUANTITIES, "osD^v", strict=True))
COLOURS = {"rows": "#D55E00", "events and integrals": "#0072B2"}
"""Of Okabe and Ito."""

NEW_OLD = "derivatives from rows, and from events and integrals"


def _against_distance(ax, rows: list[dict], problem: str, tolerance: float) -> None:
    """Both ways against the distance of rows, for one device."""
    of = [r["extra"] for r in rows if r["problem"] == f"{problem}, rows"]
    for way, colour in COLOURS.items():
        here = sorted((e for e in of if e["way"] == way), key=lambda e: e["distance_s"])
        for name, dash in zip(NAMES, ("-", "--"), strict=True):
            away = [e[name] for e in here]
            style = dict(color=colour, marker=MARKERS[name], ms=8, fillstyle="none", ls=dash)
            ax.plot([e["distance_s"] for e in here], away, label=f"{LABELS[name]}, {way}", **style)
    ax.axhline(tolerance, color="0.5", ls=":", lw=1.2, label=f"allowed: {tolerance:g}")
    ax.set(xscale="log", yscale="log", xlabel="distance of rows [s]", title=f"{problem}: {NEW_OLD}")
    ax.legend(fontsize=8)


def _by_problem(ax, rows: list[dict], kinds: tuple[str, ...], tolerance: float) -> None:
    """Errors of every quantity in each problem, forward (filled) and reverse (open)."""
    of = [r for r in rows if r["extra"].get("kind") in kinds]
    problems = list(dict.fromkeys(r["problem"] for r in of))
    for k, name in enumerate(QUANTITIES):
        for mode, fill, shift in (("forward", "full", -0.03), ("reverse", "none", 0.03)):
            here = [r for r in of if r["extra"]["mode"] == mode and name in r["extra"]]
            at = [problems.index(r["problem"]) + 0.14 * (k - 2) + shift for r in here]
            style = dict(ls="", color=f"C{k}", marker=MARKERS[name], ms=8, fillstyle=fill)
            ax.plot(at, [r["extra"][name] for r in here], label=f"{LABELS[name]}, {mode}", **style)
    ax.axhline(tolerance, color="0.5", ls=":", lw=1.2, label=f"allowed: {tolerance:g}")
    names = [p.removesuffix(", without noise").replace(", ", ",\n") for p in problems]
    ax.set_xticks(range(len(problems)), names)
    ax.set(yscale="log", title="without noise" if len(kinds) == 1 else "along one noisy path")
    ax.legend(fontsize=7, ncols=3)


def draw(rows: list[dict], *, quiet: float, noisy: float):
    """The figure of the records of one run, with the errors that are allowed without and with noise."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 11), layout="constrained")
    axes = figure.subplots(2, 2)
    devices = [r["problem"].removesuffix(", rows") for r in rows if r["problem"].endswith(", rows")]
    for ax, problem in zip(axes[0], dict.fromkeys(devices)):
        _against_distance(ax, rows, problem, quiet)
    _by_problem(axes[1, 0], rows, ("without noise",), quiet)
    _by_problem(axes[1, 1], rows, ("fixed steps", "adaptive steps"), noisy)
    for ax in axes.flat:
        ax.set_ylabel("largest error of a derivative, over\nthe largest derivative of the quantity")
        ax.grid(which="major", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def write(path: Path, run_id: str, *, quiet: float, noisy: float) -> Path:
    """Write derivatives.png and derivatives.json beside the records of a run, and return the picture's path.

    Parameters
    ----------
    path : Path
        The file of records.
    run_id : str
        Which run.
    quiet, noisy : float
        Errors that are allowed without and with noise.
    """
    rows = of_run(path, "derivatives", run_id)
    return write_picture(path, "derivatives", rows, draw(rows, quiet=quiet, noisy=noisy))
