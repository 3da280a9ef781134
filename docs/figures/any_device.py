"""The picture of docs/learned-measured.md: residuals of sweeps that were not fitted, by model and set.

``python docs/figures/any_device.py`` draws the numbers of the tables of that page.
"""

import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from memjax.plot import style

HERE = Path(__file__).parent
PAGE = HERE.parent / "learned-measured.md"
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


if __name__ == "__main__":
    with style():
        draw().savefig(HERE / "any-device.png", dpi=110)
