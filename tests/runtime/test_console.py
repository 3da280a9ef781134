"""Lines on standard error, numbers, lists and tables of text, and packages that are missing."""

import pytest

from memjax.errors import UsageError
from memjax.runtime.console import counted, listed, say, table
from memjax.runtime.packages import require_packages


def test_what_is_said_is_one_line(capsys):
    say("note", "two\n  lines")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "memjax: note: two lines\n")


def test_one_thing_is_not_called_several():
    assert [counted(n, "sweep") for n in (0, 1, 2)] == ["0 sweeps", "1 sweep", "2 sweeps"]


def test_a_list_that_is_cut_says_how_much_is_missing():
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"


def test_columns_are_as_wide_as_their_widest_cell():
    text = table([["mms", "1"], ["linear-drift", "2"]], head=["model", "states"])
    assert text.splitlines() == ["model         states", "mms           1", "linear-drift  2"]


def test_a_package_that_is_missing_is_named_with_the_extra_that_installs_it():
    require_packages(["json"], what="it needs", where="here", extra="plot")
    with pytest.raises(UsageError, match=r"it needs no_such_package.*pip install 'memjax\[plot\]'"):
        require_packages(["json", "no_such_package"], what="it needs", where="here", extra="plot")
