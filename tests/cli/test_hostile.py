"""Words, names and files that nobody means well with: exit status 2 in one line, and nothing half written."""

import gzip
import zipfile

import pytest

from benchmarks.cases.files.documents import network, parameters, population, stimulus
from benchmarks.cases.files.workbook import write_workbook
from memjax.data import binary
from memjax.data.binary import MOST_UNPACKED

LONG = "a" * 5000


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with a file of each kind, in which commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iv.csv").write_text("v_V,i_A\n0,0\n0.5,1e-6\n1,2e-6\n")
    for name, make in {"s.csv": stimulus, "p.toml": parameters, "pop.json": population}.items():
        (tmp_path / name).write_text(make().text)
    return tmp_path


_VTEAM, _OUT = ["simulate", "vteam"], ["--out", "o.csv"]
SIMULATE = [*_VTEAM, "--params", "p.toml", "--stimulus", "s.csv", *_OUT]
POPULATION = [*_VTEAM, "--population", "pop.json", "--stimulus", "s.csv", *_OUT]
LIKE = [*_VTEAM, "--params", "p.toml", "--like", "iv.csv", *_OUT]

WORDS = {
    "3e+09 members take": [*SIMULATE, "--members", "3000000000"],
    "and < 4294967296": [*SIMULATE, "--members", "1000000000000"],
    "'1e12'; allowed: a whole number": [*SIMULATE, "--members", "1e12"],
    "'1_0'; allowed: a whole number": [*SIMULATE, "--members", "1_0"],
    "'١'; allowed: a finite number": [*SIMULATE, "--series-resistance", "١"],
    "rows every 1e-300 s": [*SIMULATE, "--save-every", "1e-300"],
    "1e+09 members take": [*POPULATION, "--members", "1000000000"],
    "a point time of 1e+308 s": [*LIKE, "--point-time", "1e308"],
    "labels such as 3-20": ["read", "iv.csv", "--sweeps", "1-99999999999999"],
    "a NUL in": ["read", "a\0b.csv"],
    "cannot be opened (File name too long); in aaa": ["read", LONG],
    "cannot be written (File name too long": ["read", "iv.csv", "--out", f"{LONG}.csv"],
    "no file, but a device": ["read", "/dev/zero"],
    "cannot be read as a fit: File name too long": [*_VTEAM, "--fit", LONG, "--stimulus", "s.csv", *_OUT],
}  # fmt: skip


@pytest.mark.parametrize("message", WORDS)
def test_words_and_names_are_refused_before_anything_is_done(refused, files, message):
    assert message in refused(*WORDS[message])
    assert {p.name for p in files.iterdir()} == {"iv.csv", "s.csv", "p.toml", "pop.json"}


def test_what_no_terminal_shows_is_escaped(refused, files):
    line = refused("read", "iv.csv", "--columns", "v=\x1b[2J,i=2")
    assert "\x1b" not in line
    assert r"\x1b[2J" in line


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fan_in = 3", "fan_in = 5000000000", "2e+10 connections take 596 GiB"),
        ("n = 4", "n = 1000000000000", "1e+12 members take"),
        ("n = 4", f"n = 1{'0' * 400}", "in groups.exc.n; allowed: a whole number"),
        ("every = 4e-5", "every = 1e400", "a finite number > 0"),
        ('model = "threshold', 'params = "a\\u0000b"\nmodel = "threshold', "'a\\x00b' leads out of the folder"),
        ('model = "threshold', f'params = "{LONG}"\nmodel = "threshold', "cannot be read (File name too long)"),
    ],
)  # fmt: skip
def test_networks_that_no_machine_holds(refused, files, old, new, message):
    (files / "net.toml").write_text(network().text.replace(old, new, 1))
    assert message in refused("run", "net.toml", "--out", "r")
    assert not (files / "r").exists()


@pytest.mark.parametrize("name", [".", ".."])
def test_groups_with_names_of_folders(refused, files, name):
    text = network().text.replace("[groups.in]", f'[groups."{name}"]')
    (files / "net.toml").write_text(text.replace('pre = "in"', f'pre = "{name}"'))
    assert f"a group named '{name}'" in refused("run", "net.toml", "--out", "r")


def test_packed_files_are_refused_while_they_unpack(refused, files, monkeypatch):
    monkeypatch.setattr(binary, "UNPACKED_AT_LEAST", 1_000_000)
    rows = b"0.5,1e-6\n" * 500_000  # 4.5 MB, which gzip makes less than a two hundredth of
    (files / "bomb.csv.gz").write_bytes(gzip.compress(b"v_V,i_A\n" + rows))
    line = refused("read", "bomb.csv.gz")
    assert f"allowed: at most {MOST_UNPACKED} times the size of the file" in line
    write_workbook(files / "a.xlsx", {"a": [["V (V)", "I (A)"], [1, 2], [2, 3]]})
    with (
        zipfile.ZipFile(files / "a.xlsx") as old,
        zipfile.ZipFile(files / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            more = b"<!--" + b"0" * 4_000_000 + b"-->" if "sheet1" in name else b""
            new.writestr(name, old.read(name) + more)
    assert "unpack to more than" in refused("read", "bomb.xlsx")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("deep.json", "[" * 100_000, "broken JSON (nested more than 64 levels deep)"),
        ("long.csv", "v_V,i_A\n0,0\n" + "1," * 200_000 + "\n1,1\n", "200001 cells where other rows have 2"),
        ("quote.csv", 'v_V,i_A\n0,0\n1,"2\n2,3\n', "a quotation mark that none closes"),
        (
            "pulses.csv", "device,branch,cycle,pulse,g_S,\na,P,0,,1e-5,\na,P,0,1,2e-5,\na,D,0,0,2e-5,\na,D,0,1,1e-5,\n",
            "no count of the pulse",
        ),
    ],
)  # fmt: skip
def test_files_that_ended_in_tracebacks(refused, files, name, text, message):
    (files / name).write_text(text)
    assert message in refused("read", name)


def test_a_trailing_separator_of_pulse_tables_is_no_column(run, files):
    rows = [
        f"a,{b},0,{k},{g}e-5," for b, gs in (("P", "123"), ("D", "321")) for k, g in enumerate(gs)
    ]
    (files / "pulses.csv").write_text("\n".join(["device,branch,cycle,pulse,g_S,", *rows, ""]))
    ended = run("read", "pulses.csv")
    assert ended.status == 0
    assert "1: a" in ended.out


def test_a_parameter_file_that_may_be_cut_is_said_by_the_program(run, files):
    (files / "p.toml").write_text("k_on = 10")
    ended = run("export", "vteam", "--params", "p.toml", "--to", "spice", "--out", "d.cir")
    assert ended.status == 0
    assert (
        "memjax: warning: p.toml ends without a line end: its last value, 10, may be cut"
        in ended.err
    )
