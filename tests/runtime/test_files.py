"""Outputs appear whole or not at all, and nothing is overwritten unasked."""

import json
import os
import subprocess
import threading

import pytest

from memjax.errors import OutputError
from memjax.io import prepare_output, writing, writing_folder
from memjax.runtime.files import is_inside, lock_file, write_json


def _stopped(place, write, error=None):
    """Write something, then end by an error, in the place that a context manager gives."""
    with place as beside:
        write(beside)
        raise error or KeyboardInterrupt


def test_what_exists_stays_unless_forced(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(OutputError, match=r"exists already.*--force"):
        prepare_output(path)
    assert prepare_output(path, force=True) == path
    with pytest.raises(OutputError, match="directory of that name"):
        prepare_output(tmp_path, force=True)
    with pytest.raises(OutputError, match="file of that name"):
        prepare_output(path, force=True, folder=True)


def test_unwritable_places_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "none" / "a.csv", tmp_path / "file" / "a.csv"):
        with pytest.raises(OutputError, match="no such folder"):
            prepare_output(path)
    with pytest.raises(OutputError, match="cannot be written"):
        prepare_output("/proc/memjax.csv")
    with pytest.raises(OutputError, match="cannot be written"):
        prepare_output(tmp_path / ("x" * 300))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_file_appears_at_the_end_or_not_at_all(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _stopped(writing(path), lambda beside: beside.write_text("half"))
    assert (path.read_text(), len(list(tmp_path.iterdir()))) == ("old", 1)
    with writing(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert (path.read_text(), len(list(tmp_path.iterdir()))) == ("new", 1)
    full = OSError(28, "No space left on device")
    with pytest.raises(OutputError, match="cannot be written"):
        _stopped(writing(path), lambda beside: None, full)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.integration
def test_what_a_killed_process_was_writing_is_removed_by_the_next(tmp_path):
    """But not what a process that lives is writing, nor that of another output."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    names = (f".a.csv.7.{gone.pid}.part", f".a.csv.{os.getppid()}.part", f".b.csv.{gone.pid}.part")
    for name in names:
        (tmp_path / name).write_text("half")
    (tmp_path / f".a.csv.8.{gone.pid}.part").mkdir()
    (tmp_path / f".a.csv.8.{gone.pid}.part" / "fit.json").write_text("half")
    with writing(prepare_output(tmp_path / "a.csv")) as temporary:
        temporary.write_text("whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*names[1:], "a.csv"])


def test_a_file_is_written_by_one_at_a_time(tmp_path):
    path = tmp_path / "a.npz"
    with (
        lock_file(path),
        pytest.raises(OutputError, match="another run is writing"),
        lock_file(path),
    ):
        pass
    with lock_file(path):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_folder_is_swapped_whole(tmp_path):
    path = tmp_path / "fit"
    with writing_folder(path) as beside:
        (beside / "fit.json").write_text("1")
        assert not path.exists()
    with pytest.raises(KeyboardInterrupt):
        _stopped(writing_folder(path), lambda beside: (beside / "fit.json").write_text("2"))
    assert (path / "fit.json").read_text() == "1"
    (path / "more").write_text("x")
    with writing_folder(path) as beside:
        (beside / "fit.json").write_text("3")
    assert [p.name for p in path.iterdir()] == ["fit.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["fit"]


def test_what_an_interrupt_saves_takes_nothing_from_the_folder_that_is_being_written(tmp_path):
    def save():
        with writing_folder(tmp_path / "fit") as place:
            (place / "best").touch()

    with writing_folder(tmp_path / "fit") as place:
        (place / "first").touch()
        rescue = threading.Thread(target=save)
        rescue.start()
        rescue.join()
        assert [p.name for p in (tmp_path / "fit").iterdir()] == ["best"]
        (place / "second").touch()
    assert sorted(p.name for p in (tmp_path / "fit").iterdir()) == ["first", "second"]
    assert [p.name for p in tmp_path.iterdir()] == ["fit"]


def test_force_does_not_delete_a_folder_of_something_else(tmp_path):
    path = tmp_path / "home"
    path.mkdir()
    ask = dict(force=True, folder=True, marker="fit.json")
    assert prepare_output(path, **ask) == path
    (path / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match=r"holds no fit\.json"):
        prepare_output(path, **ask)
    (path / "fit.json").write_text("")
    assert prepare_output(path, **ask) == path


@pytest.mark.integration
def test_json_is_strict_and_whole(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"x": [1.5, None]})
    assert json.loads(path.read_text()) == {"x": [1.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"x": float("nan")})
    assert json.loads(path.read_text()) == {"x": [1.5, None]}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json"]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "inside"),
    [("a.csv", True), ("a/../b", True), ("..a", True), ("..", False), ("a/../../b", False), ("/etc/a", False),
     ("a\0b", False), ("./../a", False)],
)  # fmt: skip
def test_a_path_that_leads_out_of_its_folder_is_known(name, inside):
    assert is_inside(name) is inside
