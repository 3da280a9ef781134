"""Blocks that the pages of all fits have in common: summary, parameters, remarks, provenance; numbers in words."""

from collections.abc import Sequence
from pathlib import Path

from memjax.runtime.console import counted, listed

from .blocks import Box, Bullets, Section, Table, Text

_FEW_CYCLES = 10

_UNITS = {
    "series_resistance": "ohm", "parallel_resistance": "ohm", "parallel_capacitance": "F", "offset_current": "A",
    "offset_voltage": "V", "compliance": "A", "compliance_negative": "A", "point_time": "s", "temperature": "K",
}  # fmt: skip

MOVED = "begun a little inside their bounds, outside of which lies what was given or the data show"
"""What is said of parameters whose start was moved."""


def remarks(content: dict, *more: str) -> Section:
    """What has to be said of a fit: notes, warnings, what the data do not determine."""
    say = [*content["notes"], *content["warnings"]]
    if content.get("interrupted"):
        say.insert(0, "The search was interrupted: this is the best result so far.")
    alike: dict[str, list[str]] = {}
    for name in content["undetermined"]:
        reason = content.get("reasons", {}).get(name)  # none in files of memjax 0.1
        alike.setdefault(f" ({reason})" if reason else "", []).append(name)
    say += [f"Not determined by these data: {', '.join(n)}{why}." for why, n in alike.items()]
    if content.get("moved_inside"):
        say.append(f"{MOVED[0].upper()}{MOVED[1:]}: {', '.join(content['moved_inside'])}.")
    return Section("Remarks", [Bullets([*say, *more], look="warn")])


def readable(x: float | None, digits: int = 4) -> str:
    """A number for reading."""
    return "" if x is None else f"{x:.{digits}g}"


def parameter_tables(content: dict) -> list[Table]:
    """Tables of the parameters, of free ones and of fixed ones, which are folded where they are many."""
    parameters = content["parameters"] | content.get("bench_parameters", {})
    free = {n: p for n, p in parameters.items() if p["free"]}
    fixed = {n: p for n, p in parameters.items() if n not in free}
    if not free or not fixed:
        return [parameter_table(content | {"parameters": parameters})]
    below = parameter_table(content | {"parameters": fixed}, title="Fixed parameters", long=4)
    return [parameter_table(content | {"parameters": free}), below]


def parameter_table(content: dict, *, title: str = "", long: int = 4) -> Table:
    """One table of parameters, with true values where they are known."""
    truth, uncertainty = content["synthetic_truth"], content.get("uncertainty", {})
    intervals = uncertainty.get("intervals", {})
    head = ["parameter", "value", "sigma", f"{uncertainty.get('level', 0.9):.0%} interval", "unit"]
    head += ["true", "(fit - true) / sigma"] * truth + ["remark", "meaning"]
    rows = []
    for name, p in content["parameters"].items():
        middle = [""] * (2 * truth)
        if p["value"] is None:
            rows.append([name, f"as {p['follows']}", "", "", p["unit"], *middle, "", p["doc"]])
            continue
        if truth and p.get("true") is not None:
            shift = f"{(p['value'] - p['true']) / p['std']:+.1f}" if p["std"] else ""
            middle = [readable(p["true"]), shift]
        numbers = [readable(p["value"]), readable(p["std"], 2), _interval(intervals.get(name))]
        rows.append([name, *numbers, p["unit"], *middle, _remark(p), p["doc"]])
    return Table(head, rows, title, long)


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


def provenance(content: dict) -> Section:
    """Where everything came from."""
    bench = {k: v for k, v in content["bench"].items() if v not in (None, False)}
    s, rows = content["search"], data_rows(content)
    rows += [
        ["reader", ", ".join(content["reader"])],
        ["command", content["command"]],
        ["seed", content["seed"]],
        ["bench", ", ".join(_part_of_bench(k, v) for k, v in bench.items())],
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
    return Section("Provenance", [Table((), rows)], folded=True)


def _part_of_bench(name: str, value: float | bool) -> str:
    """An element of the bench, in words; a limit that no current reaches is none."""
    from memjax.circuit import UNLIMITED

    if value is True:
        return name
    is_limit = name.startswith("compliance")
    return (
        f"{name} none" if is_limit and value >= UNLIMITED else f"{name} = {value:g} {_UNITS[name]}"
    )


def summary(content: dict, *, series: str, advice: Sequence[str] = ()) -> Box:
    """The box on top of a page: what was fitted, how good it is, what is not determined, what to measure next.

    `advice` says what else might be measured, `series` what the data are one or several of.
    """
    free = [n for n, p in content["parameters"].items() if p["free"]]
    files = listed([Path(d["file"]).name for d in content["data"]], 4)
    counts = f"{content['n_points']} points in {counted(content['n_sweeps'], series)}"
    open_names = [n for n in content["undetermined"] if n in free]
    known = len(free) - len(open_names)
    rows: dict[str, str | list[str]] = {
        "Fitted": f"{content['model']} to {files or 'targets'}: {counts}",
        "How good": _quality(content),
        "Determined": f"{known} of {len(free)} free parameters",
    }
    if open_names:
        rows["Not determined"] = ", ".join(open_names)
    if content.get("at_bound"):
        rows["At a bound"] = ", ".join(content["at_bound"])
    if advice:
        rows["Measure next"] = list(advice)
    return Box(rows)


def verdict_alert(content: dict) -> list[Text]:
    """The verdict as a page begins with it; nothing if it is good, which the summary says."""
    verdict = content.get("verdict")  # none of memjax 0.1 and of some kinds
    if verdict is None or verdict["word"] == "good":
        return []
    reason, missing = verdict["reason"], (content.get("suggestion") or {}).get("sentence", "")
    bench = "" if missing in ("", reason) else f" The bench: {missing}."
    return [Text(f"{reason[0].upper()}{reason[1:]}.{bench}", title=f"Verdict: {verdict['word']}.")]


def undetermined_of(content: dict) -> str:
    """Parameters of the model that the data do not determine, for a sentence; empty where all are."""
    return ", ".join(n for n in content["undetermined"] if n in content["parameters"])


def few_cycles(count: int) -> list[str]:
    """That cycles are too few for their spread: below ten it is known within a quarter at best."""
    text = (
        f"More cycles: the spread from cycle to cycle is hardly seen in {counted(count, 'cycle')}."
    )
    return [text] * (count < _FEW_CYCLES)


def _quality(content: dict) -> str:
    """How well the data are described, in the words that the kind of fit has for it."""
    verdict, chi2 = content.get("verdict"), content.get("reduced_chi2")
    words = [] if verdict is None else [f"{verdict['word']}: {verdict['reason']}"]
    error = content.get("model_error")
    # An error of 0 says that the data scatter by as much as they are missed.
    beyond = (
        f" (the model is {error:.2g} decades off beyond the scatter of the data)" if error else ""
    )
    words += [] if chi2 is None else [f"reduced chi squared {chi2:.3g}{beyond}"]
    words += ["the search was interrupted"] * bool(content.get("interrupted"))
    return "; ".join(words) or f"loss {content['loss']:.4g}"
