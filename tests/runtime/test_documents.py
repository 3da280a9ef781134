"""Documents from anywhere: what is wrong with one is one sentence, and what may be cut is said."""

import json

import pytest

from memjax.errors import MemjaxWarning, ModelError
from memjax.runtime.documents import (
    is_finite_number,
    last_bare_value,
    load_json,
    load_toml,
    parse_json,
    parse_toml,
    printable,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested more than 64 levels"),
        ("[" * 70 + "]" * 70, "nested more than 64 levels"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('{"a": {"b": 1, "b": 1}}', "'b' stands twice"),
        ('{"a": 1', "delimiter"),
    ],
)
def test_json_that_is_ambiguous_or_deep_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_whole_json_is_what_json_makes_of_it():
    text = json.dumps({"a": [1, {"b": [[2.5]]}], "c": None})
    assert parse_json(text) == json.loads(text)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = " + "[" * 50_000, "nested more than 64 levels"),
        ("a." * 50_000 + "b = 1\n", "a key of more than 64 parts"),
        ("a.b." * 20 + "c = { " + "d." * 30 + "e = 1 }\n", "nested more than 64 levels"),
        ("x = 1e-0", "ends within a number, '1e-0'"),
        ("x = 1\nx = 2\n", "overwrite"),
    ],
)
def test_toml_that_is_cut_or_deep_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_toml(text)


@pytest.mark.parametrize("text", ["x = 1.25", "a = 1\nx = 1_000", "[t]\nx = 1979-05-27"])
def test_a_last_value_without_a_line_end_may_be_cut(text):
    with pytest.warns(
        MemjaxWarning, match="the file ends without a line end: its last value, .* may be cut"
    ):
        assert parse_toml(text)


@pytest.mark.integration
@pytest.mark.parametrize(
    "text",
    ["x = 1\n", "x = 'word'", "x = [1, 2]", "x = true", "x = { y = 1 }", "[t]", "x = 1 # all"],
)
def test_a_last_value_that_is_closed_is_whole(text):
    assert last_bare_value(text) == ""
    assert isinstance(parse_toml(text), dict)


def test_files_that_cannot_be_read_are_errors_of_the_given_type(tmp_path):
    about = dict(what="no fit", allowed="a fit")
    for name, message in (
        (tmp_path / "none.json", "no such file"),
        ("a\0b", "null"),
        ("a" * 5000, "too long"),
    ):
        with pytest.raises(ModelError, match=message) as error:
            load_json(name, ModelError, **about)
        assert len(error.value.lines) == 1
        assert error.value.lines[0].isprintable()
    (tmp_path / "binary").write_bytes(b"x = 1\x00\n")
    with pytest.raises(ModelError, match="NUL bytes"):
        load_toml(tmp_path / "binary", ModelError, **about)
    with pytest.raises(ModelError, match="no file of at most 256 MiB"):
        load_toml("/dev/zero", ModelError, **about)


def test_names_are_shown_without_what_no_terminal_shows():
    assert printable("a\x1b[2Jb") == r"a\x1b[2Jb"
    assert len(printable("a" * 5000)) < 300


@pytest.mark.integration
def test_numbers_of_documents_are_those_that_floats_hold():
    assert is_finite_number(3)
    assert is_finite_number(-1e308)
    assert not any(map(is_finite_number, (10**400, float("nan"), float("inf"), True, "1", None)))
