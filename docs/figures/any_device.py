"""The pictures of docs/learned-measured.md and docs/learned-sets.md: residuals of unseen sweeps, by model and set.

``python docs/figures/any_device.py`` draws the numbers of the tables of these pages.
"""

import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from memjax.plot import style

HERE = Path(__file__).parent
PAGE, EVERY = HERE.parent / "learned-measured.md", HERE.parent / "learned-sets.md"
SETS = ("knowm_iv", "vo2_iv_cycles", "sto_nb_iv_old_device")


def rows() -> dict[str, dict[str, float]]:
    """Residuals [decades] by set and by model, of both tables."""
    heads = {
        "best of": ("hybrid", "best of physics"),
        "neural ODE": ("hybrid", "neural ODE", "informed network"),
    }
    out: dict[str, dict[str, float]] = {n: {} for n in SETS}
    models: tuple[str, ...] = ()
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| set "):
            models = next(m for text, m in heads.items() if text in line)
        for name in SETS:
            if line.startswith(f"| `{name}`"):
                numbers = re.findall(r"[0-9.]+", line.partition("|")[2].partition("|")[2])
                out[name] |= dict(zip(models, map(float, numbers), strict=True))
    return out


def draw() -> Figure:
    """Bars of each model, a group for each set, on a logarithmic axis."""
    table = rows()
    models = ("best of physics", "informed network", "neural ODE", "hybrid")
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    ax = figure.subplots()
    place = np.arange(len(SETS))
    for k, model in enumerate(models):
        ax.bar(place + 0.2 * (k - 1.5), [table[n][model] for n in SETS], 0.18, label=model)
    ax.set_xticks(place, SETS)
    ax.set(yscale="log", ylabel="Residual of unseen sweeps (decades)")
    ax.legend(fontsize=9)
    return figure


def verdicts() -> list[tuple[str, float, float, str]]:
    """Set, residual of unseen sweeps and scatter between cycles [decades], and the verdict on unseen sweeps."""
    text = EVERY.read_text(encoding="utf-8").partition("| set,")[2].partition("\n\n")[0]
    rows = []
    for line in text.splitlines()[2:]:
        cells = line.replace("`", "").split("|")[1:7]
        name, unseen, _, scatter, _, word = (x.strip() for x in cells)
        rows.append((name, float(unseen), float(scatter) if scatter[0] == "0" else np.nan, word))
    return rows


def draw_sets() -> Figure:
    """Residual of unseen sweeps of each set by the verdict, and twice the scatter between cycles."""
    table = verdicts()
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    ax = figure.subplots()
    place = np.arange(len(table))
    ax.barh(
        place, [2 * r[2] for r in table], 0.7, color="0.85", label="twice the scatter of cycles"
    )
    for word, color in (("good", "C2"), ("usable", "C1"), ("poor", "C3")):
        at = [k for k, r in enumerate(table) if r[3] == word]
        ax.plot([table[k][1] for k in at], at, "o", color=color, label=f"unseen sweeps: {word}")
    ax.set_yticks(place, [r[0] for r in table])
    ax.invert_yaxis()
    ax.set(xscale="log", xlim=(0.0002, 5), xlabel="Residual of unseen sweeps (decades)")
    figure.legend(fontsize=9, loc="outside upper center", ncols=2)
    return figure


if __name__ == "__main__":
    with style():
        draw_sets().savefig(HERE / "any-device-sets.png", dpi=110)
        draw().savefig(HERE / "any-device.png", dpi=110)
