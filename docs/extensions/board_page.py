"""The page of ratios over time: a picture and tables of the records in `benchmarks/history`."""

import sys

from api_pages import write_if_changed
from benchmark_pages import DOCS

sys.path.insert(0, str(DOCS.parent))

from benchmarks.board import HISTORY, draw, history, lines, table

FOLDER = DOCS / "board"

TEXT = """# Ratios over time

Each number is the time that a variant of a [benchmark case](../benchmarks.md) took, divided by that of the baseline
of its case in the same run, or, where a problem has no baseline, by that of the first variant of memjax.
A ratio below 1 is faster than the baseline; where the baseline is memjax, a ratio above 1 means that memjax is faster.
Dashed lines are other libraries in an environment of their own.
Where a commit was measured in several runs, the median stands before their range.

{count} records of {machines} are committed in `benchmarks/history`.
Sizes: {sizes}. Problems of a smoke run are small, so that overheads count.
The machine did other work at the same time, and smoke problems take milliseconds: ratios of one code differ between
runs by a factor of up to ten. They show what can be seen here, and are no verdict on a commit.

![Ratios of each case over the commits that were measured](ratios.png)

{table}
To add to it, run `python -m benchmarks run CASE --size full --out benchmarks/history` on a commit without changes,
and commit the file. Records of a source with changes are left out.
"""


def write_page(app, config) -> None:
    """Write the page and its picture, the latter where records changed."""
    rows = history()
    FOLDER.mkdir(exist_ok=True)
    every = lines(rows)
    machines = sorted({line.machine for line in every})
    text = TEXT.format(
        count=len(rows),
        machines=f"{len(machines)} machine{'s' * (len(machines) != 1)} ({'; '.join(machines)})",
        sizes=", ".join(sorted({line.size for line in every})),
        table=table(rows),
    )
    picture, sources = FOLDER / "ratios.png", [*HISTORY.glob("*.jsonl")]
    newest = max((path.stat().st_mtime for path in sources), default=0.0)
    if not picture.exists() or picture.stat().st_mtime < newest:
        draw(rows, picture)
    write_if_changed(FOLDER / "index.md", text)


def setup(app):
    """Write the page before Sphinx looks for sources."""
    app.connect("config-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
