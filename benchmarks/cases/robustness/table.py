"""The table of a run, one row per model: ``python -m benchmarks.cases.robustness.table FILE`` (Markdown)."""

import sys
from pathlib import Path

from benchmarks.records import read

CASE = "robustness"
COLUMNS = ("fixed steps", "fixed steps, long", "adaptive")


def cell(row: dict | None) -> str:
    """Failed solves by reason, runaways, and what must never be, of one record."""
    if row is None:
        return ""
    extra, n = row["extra"], row["n"]
    words = [f"{k} {v}" for k, v in sorted(extra["failed"].items(), key=lambda x: -x[1])]
    words += [f"derivative ran away {extra['runaway']}"] if extra["runaway"] else []
    words += [f"refused in float32 {extra['refused']}"] if extra.get("refused") else []
    words += [f"**{k} {v}**" for k, v in extra["breaches"].items()]
    share = f"{100 * extra['share failed']:.2g} %"
    steps = f"; steps {extra['steps']['median']:.0f}, at most {extra['steps']['most']:.0f}"
    if again := extra.get("again"):
        count = sum(again["failed"].values())
        steps += f"; of the {again['sets']} at the limit {count} fail with 100,000 steps: {100 * again['share']:.2g} %"
    own = steps if row["variant"] == "adaptive" else ""
    return f"{n}: {share}" + (f" ({', '.join(words)})" if words else "") + own


def table(rows: list[dict]) -> str:
    """Markdown of the newest record of each model and variant."""
    mine = {(r["problem"], r["variant"]): r for r in rows if r["case"] == CASE}
    names = dict.fromkeys(name for name, _ in mine)
    lines = ["| model | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name in names:
        cells = (cell(mine.get((name, c))) for c in COLUMNS)
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(read(Path(sys.argv[1]))))
