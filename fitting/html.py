"""What the pages of all fits have in common: one look, tables, pictures that need nothing beside them."""

import base64
import html
from pathlib import Path

from memjax.html import bullet_list as bullets, html_table as html_table

_CSS = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}
h1{margin-bottom:.1em} h2{margin-top:1.6em;border-bottom:1px solid #ddd}
table{border-collapse:collapse;font-size:14px}
td,th{padding:.25em .7em;border-bottom:1px solid #e5e5e5;text-align:right}
td:first-child,th:first-child,td.t{text-align:left} img{max-width:100%} .warn{background:#fff4e0;padding:.5em 1em}
code{background:#f3f3f3;padding:0 .3em} small{color:#666}
"""

MOVED = "begun a little inside their bounds, outside of which lies what was given or the data show"
"""What is said of parameters whose start was moved."""


def page(title: str, body: str) -> str:
    """A page that needs nothing beside it."""
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>\n<style>{_CSS}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def picture(path: Path, alt: str) -> str:
    """A picture, its bytes in the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<p><img alt="{html.escape(alt)}" src="data:image/png;base64,{data}"></p>'


def remarks(content: dict, *more: str) -> str:
    """What has to be said of a fit: notes, warnings, what the data do not determine."""
    say = [*content["notes"], *content["warnings"]]
    if content.get("interrupted"):
        say.insert(0, "The search was interrupted: this is the best result so far.")
    if content["undetermined"]:
        say.append("Not determined by these data: " + ", ".join(content["undetermined"]) + ".")
    if content.get("moved_inside"):
        say.append(f"{MOVED[0].upper()}{MOVED[1:]}: {', '.join(content['moved_inside'])}.")
    return f"<h2>Remarks</h2>{bullets([*say, *more], kind='warn')}"


def readable(x: float | None, digits: int = 4) -> str:
    """A number for reading."""
    return "" if x is None else f"{x:.{digits}g}"


def parameters_table(content: dict) -> str:
    """Table of parameters, with true values where they are known."""
    truth, about = content["synthetic_truth"], content.get("uncertainty", {})
    intervals = about.get("intervals", {})
    head = ["parameter", "value", "sigma", f"{about.get('level', 0.9):.0%} interval", "unit"]
    head += ["true", "(fit - true) / sigma"] * truth + ["remark", "meaning"]
    rows = []
    for name, p in content["parameters"].items():
        middle = [""] * (2 * truth)
        if p["value"] is None:
            rows.append([name, f"as {p['follows']}", "", "", p["unit"], *middle, "", p["doc"]])
            continue
        if truth and p.get("true") is not None:
            away = f"{(p['value'] - p['true']) / p['std']:+.1f}" if p["std"] else ""
            middle = [readable(p["true"]), away]
        numbers = [readable(p["value"]), readable(p["std"], 2), _interval(intervals.get(name))]
        rows.append([name, *numbers, p["unit"], *middle, _remark(p), p["doc"]])
    return html_table(rows, head)


def _remark(p: dict) -> str:
    """What is to be known of a parameter's value."""
    if not p["free"]:
        return "fixed"
    words = {"at a bound": p["at_bound"], "not determined": not p["determined"]}
    return ", ".join(word for word, true in words.items() if true)


def _interval(ends: list | None) -> str:
    """An interval, open where it has no end."""
    return "" if ends is None else " to ".join(readable(x, 3) or "open" for x in ends)


def data_rows(content: dict) -> list[list[str]]:
    """Files that something was made of."""
    return [["data", f"{d['file']} (sha256 {d['sha256'][:16]}...)"] for d in content["data"]]


def versions_row(content: dict) -> list[str]:
    """Packages that made it."""
    return ["versions", ", ".join(f"{k} {v}" for k, v in content["versions"].items())]


def provenance_table(content: dict) -> str:
    """Where everything came from."""
    bench = {k: v for k, v in content["bench"].items() if v not in (None, False)}
    s, rows = content["search"], data_rows(content)
    rows += [
        ["reader", ", ".join(content["reader"])],
        ["command", content["command"]],
        ["seed", content["seed"]],
        ["bench", ", ".join(f"{k} = {v:g}" for k, v in bench.items())],
        versions_row(content),
        ["search", f"{s['evaluations']} solves with gradient, {s['failed']} failed, {s['iterations']} iterations"],
        ["loss", f"{content['loss']:.4g}, as the search weighs"],
    ]  # fmt: skip
    if "reduced_chi2" in content:
        rows.append(["reduced chi squared of the data", f"{content['reduced_chi2']:.3g}"])
    if "model_error" in content:
        text = "beyond the scatter of the data, root mean square"
        rows.append(["error of the model", f"{content['model_error']:.2g} decades {text}"])
    rows.append(["covariance", content["covariance_from"]])
    plain = html_table(rows, ["", ""]).replace("<tr><th></th><th></th></tr>", "")
    return plain.replace("<td>", '<td class="t">')
