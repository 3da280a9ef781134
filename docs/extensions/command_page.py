"""The page of the command line: what `memjax COMMAND --help` prints, for every command."""

import contextlib
import io
import os
import re
from pathlib import Path

from api_pages import write_if_changed

from memjax.cli import main

PAGE = Path(__file__).parents[1] / "howto" / "commands.md"
FIRST = """# The command line

`memjax` comes with these commands. Each one has `--help`, and this page shows what that prints.
Wrong input ends with status 2 and one line that says what, where, what is allowed, and the fix.

"""


def printed(*words: str) -> str:
    """What `memjax WORDS` prints."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([*words])
    return text.getvalue()


def write_page(app, config) -> None:
    """Write the page of all commands."""
    os.environ["COLUMNS"] = "92"
    commands = re.findall(r"^    (\w+)\s", printed("--help"), re.MULTILINE)
    text = FIRST
    for name in commands:
        text += f"## `memjax {name}`\n\n```text\n{printed(name, '--help').strip()}\n```\n\n"
    write_if_changed(PAGE, text)


def setup(app):
    """Write the page before Sphinx looks for sources."""
    app.connect("config-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
