"""The picture of the README: a fit of the example, and the spikes of a network of that device.

``python docs/figures/front.py FOLDER`` runs the commands of docs/networks.md in a folder, or draws what they left.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import memjax as mj
from memjax.network.run_store import load_recording
from memjax.plot import iv, network_raster, style
from memjax.plot.style import MUTED, SIMULATED

HERE = Path(__file__).parent
PAGE = HERE.parent / "networks.md"
FIT = "fit example:diffusive-sweeps --model diffusive --stochastic --draws 32 --out fitted"
"""Fewer draws than by default: four minutes of processor time are enough for a picture."""


def run(folder: Path, words: str, leaves: str) -> None:
    """A command of memjax in that folder, unless its result is there."""
    if not (folder / leaves).exists():
        subprocess.run([sys.executable, "-m", "memjax", *words.split()], cwd=folder, check=True)


def draw(folder: Path) -> Figure:
    """Measured sweeps and simulated cycles; the raster."""
    measured = mj.read("example:diffusive-sweeps")
    cycles = mj.read(folder / "fitted" / "cycles.csv")
    recording = load_recording(folder / "run")
    figure = Figure(figsize=(11, 3.9))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    iv(measured, ax=left, color="black", width=1.6, alpha=0.35, label="synthetic sweeps")
    iv(cycles, ax=left, color=SIMULATED, width=0.6, alpha=0.6, label="simulated cycles")
    left.set_ylim(1e-13, 4e-6)
    left.axhline(measured.compliance, color=MUTED, lw=0.8, ls="--", label="current limit")
    left.legend(loc="lower left", fontsize=8)
    left.set_title("A fit to 16 sweeps", loc="left", fontsize=11)
    network_raster(recording, ax=right)
    rate = float(np.mean(recording.rates("neurons")))
    right.set_title(f"40 neurons of that device, {rate:.0f} spikes/s each", loc="left", fontsize=11)
    return figure


def main() -> None:
    """Run what is not there, draw."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    toml = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    (folder / "net.toml").write_text(toml, encoding="utf-8")
    run(folder, FIT, "fitted/fit.json")
    run(folder, "run net.toml --out run", "run/run.json")
    with style():
        draw(folder).savefig(HERE / "front.png", dpi=110)


if __name__ == "__main__":
    main()
