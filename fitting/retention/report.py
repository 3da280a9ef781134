"""Pictures and sections of a fit to resistance against time."""

from pathlib import Path

from memjax.plot.style import MUTED, SECOND, SIMULATED

from ..figures import axes_row
from ..html import html_table, readable


def pictures(content: dict, measured, simulated, folder: Path) -> list[str]:
    """Resistance on linear and on logarithmic time."""
    figure, axes = axes_row(2)
    t, r = measured["t_s"].to_numpy(), measured["r_ohm"].to_numpy()
    since = t - t[0]
    laws = [c for c in simulated.columns if c not in ("t_s", "r_ohm")]
    for ax, scale in zip(axes, ("linear", "log"), strict=True):
        use = since > 0 if scale == "log" else since >= 0
        ax.plot(since[use], r[use] / 1e3, ".", ms=2, color=MUTED, label="measured")
        for name, dash in zip(laws, ("-", "--", ":"), strict=False):
            ax.plot(
                since[use], simulated[name].to_numpy()[use] / 1e3, dash, color=SECOND,
                label=name.removesuffix("_ohm").replace("_", " "),
            )  # fmt: skip
        label = f"{content['model']}, {content['retention']['held_at_V']:g} V"
        ax.plot(since[use], simulated["r_ohm"].to_numpy()[use] / 1e3, color=SIMULATED, label=label)
        ax.set(xlabel="Time since the first reading (s)", ylabel="Resistance (kΩ)", xscale=scale)
    axes[0].legend(fontsize=8)
    figure.savefig(folder / "retention.png")
    return ["retention.png"]


def sections(content: dict) -> list[tuple[str, str]]:
    """Laws, the best first."""
    rows, number = [], readable
    for law in content["retention"]["laws"]:
        values = ", ".join(
            f"{n} = {number(p['value'])}"
            + ("" if p["std"] is None else f" ± {number(p['std'], 2)}")
            + f" {p['unit']}"
            for n, p in law["parameters"].items()
        )
        ahead = law["second_half_error"]
        rows.append(
            [
                law["name"],
                values,
                f"{100 * law['rms_relative']:.3f}",
                number(law["autocorrelation"], 2),
                f"{law['aic'] - content['retention']['laws'][0]['aic']:.1f}",
                "" if ahead is None else f"{100 * ahead:.3f}",
            ]
        )
    device = 100 * content["retention"]["device_rms_relative"]
    rows.append([f"model {content['model']}", "see below", f"{device:.3f}", "", "", ""])
    head = ["law", "parameters", "residual (% rms)", "autocorrelation", "AIC over the best",
            "second half from the first (%)"]  # fmt: skip
    return [("Laws of decay", html_table(rows, head))]
