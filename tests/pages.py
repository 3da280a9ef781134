"""Run the Python of pages: `python -m tests.pages docs/networks.md`; the names of the long ones where none is given."""

import re
import sys
import time
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
LONG = sorted(DOCS.glob("circuits/*.md"))
LONG += [DOCS / f"{n}.md" for n in ("networks", "randomness", "solvers", "uncertainty")]
"""Those that .ci/run runs, a process each; the others are tests."""


def run(page: Path) -> dict:
    """Run all blocks of a page one after the other; what they define."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    if not blocks:
        raise ValueError(f"{page} has no Python")
    names: dict = {}
    for code in blocks:
        exec(compile(code, page.name, "exec"), names)
    return names


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(*LONG, sep="\n")
    for name in sys.argv[1:]:
        start = time.perf_counter()
        run(Path(name))
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
