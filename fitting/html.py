"""What the pages of all fits have in common: one look, tables, pictures that need nothing beside them."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memjax.core.html import bullet_list as bullets, fold, html_table as html_table, image

_CSS = """
:root{color-scheme:light dark;--text:#222;--page:#fff;--line:#ddd;--quiet:#666;--code:#f3f3f3;--warn:#fff4e0;
--box:#f6f8fa}
@media(prefers-color-scheme:dark){:root{--text:#ddd;--page:#16181c;--line:#3a3f47;--quiet:#a0a6ad;--code:#262a30;
--warn:#43351a;--box:#1f2329} img{background:#fff;border-radius:4px;filter:brightness(.88)}}
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:var(--text);
background:var(--page);overflow-wrap:break-word}
h1{margin-bottom:.1em;font-size:1.7em} h2{margin-top:1.6em;border-bottom:1px solid var(--line);font-size:1.3em}
table{border-collapse:collapse;font-size:14px;display:block;max-width:100%;overflow-x:auto;overflow-wrap:normal;
font-variant-numeric:tabular-nums}
td,th{padding:.25em .7em;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}
td:first-child,th:first-child,.t{text-align:left}
img{max-width:100%;height:auto} .warn{background:var(--warn);padding:.5em 1em} ul.warn{padding-left:2em}
code{background:var(--code);padding:0 .3em} small{color:var(--quiet)} summary{cursor:pointer;padding:.3em 0}
dl.box{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.8em 1em;margin:1em 0;display:grid;
grid-template-columns:max-content 1fr;gap:.4em 1.2em} dl.box dt{font-weight:600} dl.box dd{margin:0;min-width:0}
dl.box ul{margin:0;padding-left:1.1em} td.t{overflow-wrap:anywhere;min-width:8em}
@media(max-width:640px){td:first-child{min-width:7em} td.t{min-width:13em}
body{margin:1em auto;font-size:16px} dl.box{display:block} dl.box dd{margin-bottom:.7em}}
"""

_POLICY = """<meta http-equiv="Content-Security-Policy"
content="default-src 'none';img-src data:;style-src 'unsafe-inline';base-uri 'none';form-action 'none'">"""
"""A page runs no script and loads nothing, whatever the names of files and parameters in it hold."""

_VIEWPORT = '<meta name="viewport" content="width=device-width,initial-scale=1">'

_LONG = 14
"""Rows from which on a table of a page is folded."""

_FEW_CYCLES = 10

MOVED = "begun a little inside their bounds, outside of which lies what was given or the data show"
"""What is said of parameters whose start was moved."""


def page(title: str, body: str) -> str:
    """A page that needs nothing beside it."""
    head = f'<meta charset="utf-8">{_POLICY}{_VIEWPORT}<title>{html.escape(title)}</title>\n<style>{_CSS}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def fold_table(title: str, rows: list[list[Any]], head: list[str]) -> str:
    """A titled table, folded where it is long."""
    return fold(title, html_table(rows, head), count=len(rows), long=_LONG)


def picture(path: Path, alt: str, *, folder: str = "") -> str:
    """A picture, its bytes in the page, which leads to the SVG of that name where one lies beside it.

    `folder` is where both lie, as seen from the page, where not beside it.
    """
    drawing = path.with_suffix(".svg")
    link = "/".join([folder] * bool(folder) + [drawing.name]) if drawing.exists() else None
    return image(path.read_bytes(), alt, link=link)


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
    """Table of parameters, with true values where they are known; fixed ones are folded where there are many."""
    every = content["parameters"] | content.get("bench_parameters", {})
    content = content | {"parameters": every}
    free = {n: p for n, p in every.items() if p["free"]}
    rest = {n: p for n, p in every.items() if n not in free}
    if not free or not rest:
        return _parameters_table(content)
    below = fold(
        "Fixed parameters",
        _parameters_table(content | {"parameters": rest}),
        count=len(rest),
        long=4,
    )
    return _parameters_table(content | {"parameters": free}) + below


def _parameters_table(content: dict) -> str:
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


def _interval(ends: Sequence[float] | None) -> str:
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
        ["backend", content.get("backend", "not stated")],
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


def summary(
    content: dict, *, advice: Sequence[str] = (), counted: str = "cycles, runs, curves or files"
) -> str:
    """The box on top of a page: what was fitted, how good it is, what is not determined, what to measure next.

    Parameters
    ----------
    content : dict
        Of fit.json.
    advice : sequence of str
        What else might be measured, as the kind of the data says.
    counted : str
        What the data are series of.
    """
    free = [n for n, p in content["parameters"].items() if p["free"]]
    files = ", ".join(Path(d["file"]).name for d in content["data"][:4])
    files += f" and {len(content['data']) - 4} more" if len(content["data"]) > 4 else ""
    counts = f"{content['n_points']} points in {content['n_sweeps']} {counted}"
    open_names = [n for n in content["undetermined"] if n in free]
    known = len(free) - len(open_names)
    rows = {
        "Fitted": html.escape(f"{content['model']} to {files or 'targets'}: {counts}"),
        "How good": html.escape(_quality(content)),
        "Determined": html.escape(f"{known} of {len(free)} free parameters"),
    }
    if open_names:
        rows["Not determined"] = html.escape(", ".join(open_names))
    if content.get("at_bound"):
        rows["At a bound"] = html.escape(", ".join(content["at_bound"]))
    if advice:
        rows["Measure next"] = bullets(list(advice))
    body = "".join(f"<dt>{title}</dt><dd>{text}</dd>" for title, text in rows.items())
    return f'<dl class="box">{body}</dl>'


def verdict_heading(content: dict) -> str:
    """The verdict as a page begins with it, where it is not good."""
    verdict = content.get("verdict")
    if verdict is None:  # of a kind that has none, or written by memjax 0.1
        return ""
    if verdict["word"] == "good":  # the summary says so
        return ""
    text = html.escape(verdict["reason"])
    missing = (content.get("suggestion") or {}).get("sentence", "")
    more = "" if missing in ("", verdict["reason"]) else f" The bench: {html.escape(missing)}."
    return f'<p class="warn"><b>Verdict: {verdict["word"]}.</b> {text}.{more}</p>'


def undetermined_of(content: dict) -> str:
    """Parameters of the model that the data do not determine, for a sentence; empty where all are."""
    return ", ".join(n for n in content["undetermined"] if n in content["parameters"])


def few_cycles(count: int) -> list[str]:
    """That cycles are too few for their spread: below ten it is known within a quarter at best."""
    text = f"More cycles: {count} say little of the spread from cycle to cycle."
    return [text] * (count < _FEW_CYCLES)


def _quality(content: dict) -> str:
    """How well the data are described, in the words that the kind of fit has for it."""
    verdict, chi2 = content.get("verdict"), content.get("reduced_chi2")
    words = [] if verdict is None else [f"{verdict['word']}: {verdict['reason']}"]
    words += [] if chi2 is None else [f"reduced chi squared {chi2:.3g}"]
    words += ["the search was interrupted"] * bool(content.get("interrupted"))
    return "; ".join(words) or f"loss {content['loss']:.4g}"
