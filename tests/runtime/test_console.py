"""Lines on standard error, tables of text, and packages that are missing."""

import pytest

from memjax.errors import UsageError
from memjax.runtime.console import say, table
from memjax.runtime.packages import require_packages


def test_what_is_said_is_one_line(capsys):
    say("note", "two\n  lines")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "memjax: note: two lines\n")


def test_columns_are_as_wide_as_their_widest_cell():
    text = table([["mms", "1"], ["linear-drift", "2"]], head=["model", "states"])
    assert text.splitlines() == ["model         states", "mms           1", "linear-drift  2"]


def test_a_package_that_is_missing_is_named_with_the_extra_that_installs_it():
    require_packages(["json"], what="it needs", where="here", extra="plot")
    with pytest.raises(UsageError, match=r"it needs no_such_package.*pip install 'memjax\[plot\]'"):
        require_packages(["json", "no_such_package"], what="it needs", where="here", extra="plot")
