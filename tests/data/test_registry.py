"""Why a reader is chosen, and how sure it is."""

import json
import re
from importlib.metadata import EntryPoint

import pytest

from memjax.cli import main
from memjax.data import base, read, read_records, registry
from memjax.data.text import load
from memjax.errors import ReaderError

LOOP = "v_V,i_A\n0,0\n1,1e-3\n0,0\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="file.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("text", "reader", "reason"),
    [
        (LOOP, "tidy", r"the header states units: v in V, i in A"),
        ("# v_V i_A\n0 0\n1 1\n", "savetxt", "lines that begin with #"),
        ("Voltage Current\n0\t0\n1\t1\n", "labscript", "blanks over rows with tabs"),
        ("V1,I1,absI\n0,0,0\n1,1,1\n", "b1500-list", "bare names V1,I1"),
        ("Voltage;Current\n0;0\n1;1\n", "text", "a line names a voltage and a current above rows"),
        ('{"V": [0, 1], "I": [0, 1]}', "json", "JSON throughout"),
    ],
)
def test_a_reader_says_why_it_was_chosen(write, text, reader, reason):
    known = read(write(text)).source["recognised"]
    assert re.search(reason, known["reason"])
    assert 0 < known["certainty"] <= 1
    assert read(write(text)).reader == reader


def test_records_say_it_too(write):
    record = read_records(write("t_s,r_ohm\n0,1\n1,2\n2,3\n"))[0]
    assert "names a time and a resistance" in record.source["recognised"]["reason"]


def test_a_named_reader_needs_no_reason(write):
    known = read(write(LOOP), reader="text").source["recognised"]
    assert known == {"certainty": None, "reason": "named by the user", "second": None}


def test_no_reader_is_sure_of_words(write):
    source = load(write("It was a dark night."))
    assert {r.judge(source) for r in registry.readers()} == {base.Verdict()}


class Plain(base.AbstractReader):
    """A reader of the interface that gives a number alone."""

    name = "plain"
    description = "files of another package"

    def sniff(self, head):
        """A certainty without a reason."""
        return 0.75 if "Voltage;Current" in head or "v_V" in head else 0.0

    def parse(self, source, options):
        """No records."""
        return ()


def plug_in(monkeypatch, loaded):
    point = EntryPoint("plain", "pkg:Plain", "memjax.readers")
    monkeypatch.setattr(EntryPoint, "load", lambda self: loaded)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])


def test_a_plug_in_that_gives_a_number_is_chosen_with_its_description_as_reason(write, monkeypatch):
    plug_in(monkeypatch, Plain)
    source = registry.recognise(load(write("Voltage;Current\n0;0\n1;1\n")), base.AbstractReader)
    assert source is not None
    assert source.reader.name == "plain"
    assert source.verdict == base.Verdict(
        certainty=0.75, reason="its reader takes it for: files of another package"
    )
    assert source.second is None


def test_a_close_second_is_named(write, monkeypatch, capsys):
    plug_in(monkeypatch, Plain)
    path = write(LOOP)
    second = read(path).source["recognised"]["second"]
    assert (second["reader"], second["certainty"]) == ("plain", 0.75)
    assert main(["read", str(path)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"reader +tidy, 80% sure: the header states units: v in V, i in A\n", out)
    assert re.search(r"or +plain, 75%: its reader takes it for: files of another package\n", out)
    assert main(["read", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recognised"]["second"]["reader"] == "plain"


def test_a_format_without_looks_is_read_by_name_alone(write, monkeypatch):
    class Named(base.AbstractReader):
        name = "named"
        description = "of that name"

        def parse(self, source, options):
            return (base.Table(names=("v", "i"), columns=(["0", "1"], ["0", "2"]), lines=[1, 2]),)

    plug_in(monkeypatch, Named)
    path = write("no numbers here")
    with pytest.raises(ReaderError, match="no reader recognises it"):
        read(path)
    assert read(path, reader="named").i.tolist() == [0, 2]
