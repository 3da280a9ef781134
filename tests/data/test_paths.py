"""Folders, patterns and compressed files."""

import gzip

import pytest

from memjax.cli import main
from memjax.data import data_files, read
from memjax.errors import ReaderError

LOOP = "v_V,i_A\n0,0\n1,1e-3\n0,0\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("run 2.csv", "run 10.csv", "run [1].csv", "notes.md"):
        (tmp_path / name).write_text(LOOP)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "run 3.csv").write_text(LOOP)
    with gzip.open(tmp_path / "run 11.csv.gz", "wt") as file:
        file.write(LOOP)
    return tmp_path


def names(found, folder):
    return [f.removeprefix(f"{folder}/") for f in found]


def test_a_folder_stands_for_its_tables_in_the_order_of_their_numbers(folder):
    found = names(data_files(str(folder)), folder)
    assert found == ["run 2.csv", "run 10.csv", "run 11.csv.gz", "run [1].csv"]
    assert names(data_files(str(folder), suffixes=(".md",)), folder) == ["notes.md"]


def test_a_pattern_is_expanded_unless_a_file_bears_that_name(folder):
    assert names(data_files(f"{folder}/run 1*.csv"), folder) == ["run 10.csv"]
    assert names(data_files(f"{folder}/**/run 3.csv"), folder) == ["inner/run 3.csv"]
    assert names(data_files(f"{folder}/run [1].csv"), folder) == ["run [1].csv"]
    assert data_files("absent.csv") == ["absent.csv"]


@pytest.mark.parametrize(
    ("name", "says"), [("no*", "matches the pattern"), ("empty", "a folder without")]
)
def test_nothing_is_an_error(tmp_path, name, says):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReaderError, match=says):
        data_files(str(tmp_path / name))


def test_a_compressed_file_is_read_and_a_damaged_one_refused(folder):
    m = read(folder / "run 11.csv.gz")
    assert m.v.tolist() == [0, 1, 0]
    data = (folder / "run 11.csv.gz").read_bytes()
    (folder / "cut.csv.gz").write_bytes(data[:-10])
    with pytest.raises(ReaderError, match="damaged gzip file"):
        read(folder / "cut.csv.gz")


def test_read_shows_all_files_of_a_folder_and_names_those_it_refuses(folder, capsys):
    (folder / "words.txt").write_text("no numbers")
    assert main(["read", str(folder)]) == 0
    shown = capsys.readouterr()
    assert shown.out.count("3 points in 1 sweep\n") == 4
    assert shown.err.count("warning") == 1
    assert "words.txt: no measurement" in shown.err
    assert main(["read", f"{folder}/words*", f"{folder}/words.txt"]) == 2
    assert "none of 2 files is a measurement" in capsys.readouterr().err


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("options", [[], ["--json"], ["--sweeps", "1"]])
def test_a_folder_in_which_nothing_can_be_read_is_wrong_input(tmp_path, capsys, count, options):
    for k, text in enumerate(["no numbers", '{"a": 1}', "1\n2\n"][:count]):
        (tmp_path / f"{k}.csv").write_text(text)
    (tmp_path / "notes.md").write_text("v_V,i_A\n0,0\n1,1\n")  # no file of measurements by its name
    assert main(["read", str(tmp_path), *options]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("memjax: error: ")


def test_json_of_several_files_is_one_object(folder, capsys):
    import json

    assert main(["read", str(folder), "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert (len(about["files"]), about["refused"]) == (4, 0)
    assert about["files"][0]["file"].endswith("run 2.csv")
    assert about["files"][0]["points"] == 3


def test_observe_takes_a_folder(folder, capsys):
    assert main(["observe", str(folder)]) == 0
    assert "positive" in capsys.readouterr().out
