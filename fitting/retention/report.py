"""What a fit directory holds of resistance against time: content, tables, pictures and sections."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas

from memjax.plot.style import MUTED, SECOND, SIMULATED

from ..figures import axes_row
from ..page.blocks import Section, Table
from ..page.fit_blocks import readable, undetermined_of
from .laws import LawFit

# Difference of AIC up to which laws are called alike: likelihoods within a factor of e.
_ALIKE = 2.0


def content(fit: Any) -> dict:
    """What ``fit.json`` holds of a decay."""
    record = fit.record
    return {
        "n_points": len(record.t),
        "n_sweeps": 1,
        "reduced_chi2": 2 * fit.loss / max(len(record.t) - len(fit.free), 1),
        "covariance_from": "residuals and their correlation",
        "warnings": list(record.warnings),
        "reader": [record.reader],
        "retention": {
            "run": record.label,
            "held_at_V": fit.voltage,
            "laws": [_law(law) for law in fit.laws],
            "device_rms_relative": fit.rms,
        },
    }


def _law(law: LawFit) -> dict[str, Any]:
    columns = {"value": law.values, "std": law.std, "unit": law.units}
    return {
        "name": law.name,
        "parameters": {n: {key: x[n] for key, x in columns.items()} for n in law.values},
        "rms_relative": law.rms,
        "autocorrelation": law.correlation,
        "aic": law.aic,
        "second_half_error": law.ahead,
    }


def tables(fit: Any) -> dict[str, pandas.DataFrame]:
    """Readings, and the resistance of the device and of each law."""
    return fit.tables()


def row(content: dict) -> dict[str, Any]:
    """What a row of a batch says: the best law, and how well it and the device meet the readings."""
    retention, best = content["retention"], content["retention"]["laws"][0]
    error = {"rms_relative": best["rms_relative"]}
    error["device_rms_relative"] = retention["device_rms_relative"]
    return {"law": best["name"]} | error


def pictures(content: dict, measured, simulated, _) -> dict[str, Any]:
    """The picture of `figure_of`."""
    label = f"{content['model']}, {content['retention']['held_at_V']:g} V"
    return {"retention": figure_of(label, measured, simulated)}


def figure_of(label: str, measured, simulated) -> Any:
    """Resistance on linear and on logarithmic time; `label` is what the device's curve is called.

    Beside logarithmic time resistances that span more than a decade have a logarithmic axis, too.
    """
    figure, axes = axes_row(2)
    t, r = measured["t_s"].to_numpy(), measured["r_ohm"].to_numpy()
    since = t - t[0]
    laws = [c for c in simulated.columns if c not in ("t_s", "r_ohm")]
    for ax, scale in zip(axes, ("linear", "log"), strict=True):
        use = since > 0 if scale == "log" else since >= 0
        ax.plot(since[use], r[use] / 1e3, ".", ms=2, color=MUTED, label="measured")
        for name, dash in zip(laws, ("-", "--", ":"), strict=False):
            law = name.removesuffix("_ohm").replace("_", " ")
            curve = simulated[name].to_numpy()[use] / 1e3
            ax.plot(since[use], curve, dash, color=SECOND, label=law)
        ax.plot(since[use], simulated["r_ohm"].to_numpy()[use] / 1e3, color=SIMULATED, label=label)
        ax.set(xlabel="Time since the first reading (s)", ylabel="Resistance (kΩ)", xscale=scale)
        ax.set_yscale(scale if 0 < 10 * np.min(r) < np.max(r) else "linear")
    axes[0].legend(fontsize=8)
    return figure


def sections(content: dict) -> list[Section]:
    """Laws, the best first."""
    laws = content["retention"]["laws"]
    rows = [[law["name"], ", ".join(_values(law)), *_quality(law, laws[0]["aic"])] for law in laws]
    device = 100 * content["retention"]["device_rms_relative"]
    rows.append([f"model {content['model']}", "see below", f"{device:.3f}", "", "", ""])
    head = ["law", "parameters", "residual (% rms)", "autocorrelation", "AIC over the best",
            "second half from the first (%)"]  # fmt: skip
    return [Section("Laws of decay", [Table(head, rows)])]


def _values(law: dict) -> Iterator[str]:
    """Parameters of a law, with their errors where these are known."""
    for name, p in law["parameters"].items():
        error = "" if p["std"] is None else f" ± {readable(p['std'], 2)}"
        yield f"{name} = {readable(p['value'])}{error} {p['unit']}"


def _quality(law: dict, least: float) -> list[str]:
    """How well a law meets the readings and predicts their second half; its AIC over the least."""
    ahead = "" if law["second_half_error"] is None else f"{100 * law['second_half_error']:.3f}"
    residual, aic = f"{100 * law['rms_relative']:.3f}", f"{law['aic'] - least:.1f}"
    return [residual, readable(law["autocorrelation"], 2), aic, ahead]


def advice(content: dict) -> list[str]:
    """What further runs would show: longer ones, where two laws are alike; at another voltage."""
    retention, sentences = content["retention"], []
    first, *others = retention["laws"]
    if alike := [law["name"] for law in others if law["aic"] - first["aic"] < _ALIKE]:
        gap = max(law["aic"] - first["aic"] for law in others if law["name"] in alike)
        sentences.append(
            f"A longer run: {', '.join([first['name'], *alike])} describe this one alike (AIC apart by {gap:.1f})."
        )
    if left := undetermined_of(content):
        sentences.append(
            f"Runs at another voltage, or sweeps, in one joint fit: one run at {retention['held_at_V']:g} V leaves "
            f"{left} open."
        )
    return sentences
