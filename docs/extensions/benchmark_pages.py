"""A page for each benchmark case: the README.md that stands beside its code."""

import re
from pathlib import Path

from api_pages import write_if_changed

DOCS = Path(__file__).parents[1]
CASES = DOCS.parent / "benchmarks" / "cases"


def _text(readme: Path) -> str:
    """A README whose links to files beside it are plain names, since the site does not hold these files."""
    text = readme.read_text(encoding="utf-8")
    return re.sub(r"\[([^\]]+)\]\((?!https?:|#)[^)]+\)", r"\1", text)


def write_pages(app, config) -> None:
    """Write the page of every case."""
    for readme in sorted(CASES.glob("*/README.md")):
        write_if_changed(DOCS / "cases" / f"{readme.parent.name}.md", _text(readme))


def link_cases(app, page, source) -> None:
    """A link to the README of a case leads to its page."""
    source[0] = re.sub(
        r"\]\(\.\./benchmarks/cases/(\w+)/README\.md\)", r"](cases/\1.md)", source[0]
    )


def setup(app):
    """Write the pages before Sphinx looks for sources."""
    app.connect("config-inited", write_pages)
    app.connect("source-read", link_cases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
