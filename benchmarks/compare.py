"""Two sets of records side by side: what became slower, beyond what repetitions scatter by.

The rule, for the time of one measurement that both sets hold:

1. A set's time is the median over its runs of each run's median.
2. Repeats within a run scatter by sigma, the distance of their quartiles over that of as many normal draws; the
   median of n repeats is then known to sqrt(pi / 2 / n) sigma (one repeat says nothing and adds nothing).
3. Runs of the same code scatter by more: by `noise`, a relative standard deviation that is assumed, and where a set
   has several runs by what these show, if that is more: those of this measurement, or of all together (root mean
   square), whichever is more, since a few runs of one measurement may agree by chance.
4. The ratio of times is slower (or faster) where its logarithm is further from 0 than z standard deviations and the
   change is more than `LEAST`. z is such that a rerun of the same code, whose scatter is as in 3, shows one slower
   measurement or more with the probability `false_alarm`, over all measurements together.
5. Of what is left, it is the same where a slow-down by `WANTED` would have been seen, else unclear.

Peers' times get no verdict: their code is not ours, so that they say how the machine has changed.
"""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.records import BROKEN, origin
from benchmarks.registry import BenchmarkError

LEAST = 0.1
"""Relative change of a time below which nobody has to care."""

WANTED = 0.3
"""Relative slow-down that is not to be overlooked."""

KEYS = ("case", "problem", "size", "variant", "n", "dtype", "peer")
MEDIAN_LOSS = math.sqrt(math.pi / 2)
"""Standard deviation of a median over that of a mean, of many normal draws."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement in both sets.

    Parameters
    ----------
    key : dict
        The fields `KEYS` of its records.
    before, after : list of dict
        Its records, one for each run.
    verdict : str
        "slower", "faster", "same", "unclear", "peer", or why there is no ratio.
    ratio : float or None
        Time after over time before.
    margin : float or None
        How many standard deviations of the ratio's logarithm the rule asks for, times that deviation.
    """

    key: dict
    before: list[dict]
    after: list[dict]
    verdict: str
    ratio: float | None = None
    margin: float | None = None


def compare(
    before: Sequence[dict],
    after: Sequence[dict],
    *,
    noise: float = 0.03,
    false_alarm: float = 0.01,
) -> list[Row]:
    """Compare the times of two sets of records, by the rule of this module.

    Parameters
    ----------
    before, after : sequence of dict
        Records; each set from one commit and one machine, of one run or several.
    noise : float
        Relative standard deviation between runs of the same code, at least.
    false_alarm : float
        Probability that a rerun of the same code has a measurement called slower.

    Returns
    -------
    list of Row
        By case, in the order of the records.

    Raises
    ------
    BenchmarkError
        A set is empty or of several origins, nothing is in both, or an option is out of range.
    """
    if not 0 <= noise < math.inf:
        raise BenchmarkError(f"noise {noise}", allowed="a number >= 0, such as 0.03")
    if not 0 < false_alarm < 1:
        raise BenchmarkError(f"false alarm {false_alarm}", allowed="a probability between 0 and 1")
    sets = [_by_key(before), _by_key(after)]
    keys = sorted({key: None for rows in sets for key in rows}, key=lambda key: str(key[0]))
    pairs = [(key, *(rows.get(key, []) for rows in sets)) for key in keys]
    timed = sum(_absence(a, b) is None for _, a, b in pairs)
    if not any(a and b for _, a, b in pairs):
        raise BenchmarkError(
            "no measurement is in both sets of records",
            allowed=f"equal {', '.join(KEYS)}",
            fix="run the same cases at the same size",
        )
    z = statistics.NormalDist().inv_cdf((1 - false_alarm) ** (1 / max(timed, 1)))
    seen = [_runs(a, b) for _, a, b in pairs if _absence(a, b) is None]
    freedom = sum(count for _, count in seen)
    typical = sum(squares for squares, _ in seen) / freedom if freedom else 0.0
    return [_judge(dict(zip(KEYS, key)), a, b, (noise, typical, z)) for key, a, b in pairs]


def check_origin(records: Sequence[dict], name: str) -> dict[str, str]:
    """The one origin of a set of records.

    Parameters
    ----------
    records : sequence of dict
        The set.
    name : str
        What to call it in an error.

    Raises
    ------
    BenchmarkError
        There is none, or several.
    """
    if not records:
        raise BenchmarkError("no records", where=name)
    for part, values in _values(records).items():
        if len(values) > 1:
            raise BenchmarkError(
                f"records of several origins, {part}: {' | '.join(sorted(values))}",
                where=name,
                allowed="one commit, one set of versions, one machine",
                fix="name one of its files, or move those of one origin to a folder of their own",
            )
    return {part: values.pop() for part, values in _values(records).items()}


def _values(records: Iterable[dict]) -> dict[str, set[str]]:
    values = defaultdict(set)
    for record in records:
        for part, value in origin(record).items():
            values[part].add(value)
    return values


def _by_key(records: Iterable[dict]) -> dict[tuple, list[dict]]:
    """Records by measurement; one that comes twice in a run is two measurements, told apart by their order."""
    counts, together = Counter(), defaultdict(list)
    for record in records:
        key = tuple(record[name] for name in KEYS)
        place = (*key, record["run_id"])
        together[*key, counts[place]].append(record)
        counts[place] += 1
    return together


def _absence(before: list[dict], after: list[dict]) -> str | None:
    """Why two lists of records of a measurement have no ratio of times; None where they have one."""
    was, now = (any(r["status"] in BROKEN for r in rows) for rows in (before, after))
    if was or now:
        return "failed in both" if was and now else "failed before" if was else "failed"
    if not before or not after:
        return "only after" if after else "only before"
    if any(r["status"] == "skipped" for r in before + after):
        return "skipped"
    timed = all(r["run_s"] and r["run_s"]["median"] > 0 for r in before + after)
    return None if timed else "not timed"


def _spread(record: dict) -> float:
    """Relative standard deviation of the median of a record's repeats; 0 where there is one repeat."""
    run = record["run_s"]
    n = run["repeats"]
    if n < 2:
        return 0.0
    normal = statistics.NormalDist()
    draws = [normal.inv_cdf((k + 0.625) / (n + 0.25)) for k in range(n)]  # Blom: their expectation
    q1, q3 = np.percentile(draws, (25, 75))
    return MEDIAN_LOSS * (run["q3"] - run["q1"]) / run["median"] / (q3 - q1) / math.sqrt(n)


def _runs(*sets: list[dict]) -> tuple[float, int]:
    """Squared deviations of the logarithms of runs' times from the mean of their set, and the degrees of freedom."""
    sides = [[math.log(r["run_s"]["median"]) for r in rows] for rows in sets]
    squares = sum((x - statistics.fmean(logs)) ** 2 for logs in sides for x in logs)
    return squares, sum(len(logs) - 1 for logs in sides)


def _judge(key: dict, before: list[dict], after: list[dict], scatter: tuple) -> Row:
    """The verdict of the rule in this module's first lines; `scatter` is the noise, the typical variance and z."""
    absence = _absence(before, after)
    if absence is not None:
        return Row(key=key, before=before, after=after, verdict=absence)
    noise, typical, z = scatter
    squares, freedom = _runs(before, after)
    seen = max(typical, squares / freedom) if freedom else typical
    times, variance = [], 0.0
    for rows in (before, after):
        assumed = noise**2 + statistics.fmean(_spread(r) ** 2 for r in rows)
        variance += max(assumed, seen) * (MEDIAN_LOSS**2 if len(rows) > 2 else 1.0) / len(rows)
        times.append(statistics.median(r["run_s"]["median"] for r in rows))
    change, margin = math.log(times[1] / times[0]), z * math.sqrt(variance)
    if key["peer"]:
        verdict = "peer"
    elif abs(change) > max(margin, math.log1p(LEAST)):
        verdict = "slower" if change > 0 else "faster"
    else:
        verdict = "same" if change + margin < math.log1p(WANTED) else "unclear"
    values = {"ratio": math.exp(change), "margin": margin}
    return Row(key=key, before=before, after=after, verdict=verdict, **values)


def is_worse(rows: Iterable[Row]) -> bool:
    """Whether anything became slower, or failed that did not fail before."""
    return any(row.verdict in ("slower", "failed") for row in rows)


def table(rows: Sequence[Row]) -> str:
    """The comparison as text: by case and problem, a line for each measurement."""
    head = ("", "before [s]", "after [s]", "ratio", "+-", "compile", "error before", "after", "")
    cells = [_cells(row) for row in rows]
    widths = [max(len(line[k]) for line in (head, *cells)) for k in range(len(head))]
    groups = defaultdict(list)
    for row, line in zip(rows, cells):
        groups[_title(row.key)].append(_align(line, widths))
    top = _align(head, widths)
    return "\n\n".join("\n".join((title, top, *lines)) for title, lines in groups.items())


def summary(rows: Sequence[Row]) -> str:
    """Counts of verdicts, what makes the comparison fail, and what the reader has to know of the rest."""
    counts = Counter(row.verdict for row in rows)
    lines = [", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())]
    for row in rows:
        where = f"{_title(row.key)}: {_name(row.key)}"
        if row.verdict == "slower":
            lines.append(f"slower: {where}: {row.ratio:.2f} times")
        elif row.verdict == "failed":
            reasons = (r["reason"] for r in row.after if r["status"] in BROKEN)
            lines.append(f"failed: {where}: {next(reasons)}")
        worse, was = _error(row.after), _error(row.before)
        if row.ratio is not None and was is not None and worse is not None and worse > 2 * was:
            lines.append(f"error more than doubled: {where}: {was:.2g} to {worse:.2g}")
    if counts["unclear"]:
        text = f"unclear: the scatter could hide a slow-down of {WANTED:.0%}; run both sides several times, each"
        lines.append(f"{text} into a folder of its own, and compare the folders")
    peers = [row.ratio for row in rows if row.verdict == "peer" and row.ratio]
    if peers:
        lines.append(
            f"peers, whose code is not ours: {statistics.median(peers):.2f} times (median)"
        )
    return "\n".join(lines)


def _title(key: dict) -> str:
    problem = f": {key['problem']}" if key["problem"] else ""
    return f"{key['case']}{problem} ({key['size']})"


def _name(key: dict) -> str:
    more = (key["n"] not in (None, 1) and f"n = {key['n']}", key["dtype"])
    return ", ".join([key["variant"], *(word for word in more if word)])


def _error(records: list[dict]) -> float | None:
    errors = [r["error"] for r in records if r["error"] is not None]
    return statistics.median(errors) if errors else None


def _seconds(records: list[dict], name: str) -> float | None:
    times = [r[name] for r in records if r[name]]
    values = [x["median"] if name == "run_s" else x for x in times]
    return statistics.median(values) if values else None


def _cells(row: Row) -> tuple[str, ...]:
    run = [_seconds(rows, "run_s") for rows in (row.before, row.after)]
    first, second = (_seconds(rows, "compile_s") for rows in (row.before, row.after))
    compiled = second / first if first and second else None
    errors = [_error(row.before), _error(row.after)]
    numbers = ["" if x is None else f"{x:.3g}" for x in (*run, row.ratio)]
    margin = "" if row.margin is None else f"{math.expm1(row.margin):.0%}"
    rest = ["" if x is None else f"{x:.2g}" for x in (compiled, *errors)]
    return (_name(row.key), *numbers, margin, *rest, row.verdict)


def _align(cells: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (cell.rjust(width) for cell, width in zip(cells[1:-1], widths[1:-1]))
    return "  ".join(("  " + cells[0].ljust(widths[0]), *numbers, cells[-1])).rstrip()
