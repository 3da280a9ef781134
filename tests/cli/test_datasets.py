"""``memjax datasets``, and ``dataset:NAME`` in place of a file."""

import json

import pytest

import memjax as mj


def test_list_for_people_and_programs(run):
    rows = json.loads(run("datasets", "--json").out)["datasets"]
    assert tuple(r["name"] for r in rows) == mj.datasets.names()
    out = run("datasets").out
    assert all(r["name"] in out and r["licence"] in out for r in rows)


def test_facts_of_one_set(run):
    out = run("datasets", "sto_nb_iv_old_device").out
    for word in (
        "thomastiotto/Memristor-Models",
        "1dcb5f33",
        "none stated",
        "p1V_m4V.dat",
        "d7dfe6af",
    ):
        assert word in out
    about = json.loads(run("datasets", "vo2_iv_sweep", "--json").out)
    assert (about["licence"], about["doi"]) == ("MIT", "10.1073/pnas.2318362121")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("datasets", "nosuch"), "no public set 'nosuch'"),
        (("datasets", "--fetch"), "no set to fetch"),
        (("datasets", "vo2_iv_sweep", "--trust"), "--trust without --fetch"),
        (("datasets", "usc_diffusive_pulse", "--fetch"), "is a pickle"),
        (("read", "dataset:nosuch"), "no public set 'nosuch'"),
    ],
)
def test_wrong_use_is_one_line(refused, words, message):
    assert message in refused(*words)


def test_a_set_is_read_by_name(run, shared_data, monkeypatch):
    monkeypatch.setenv("MEMJAX_DATA", str(shared_data))
    about = json.loads(run("read", "dataset:vo2_iv_sweep", "--json").out)
    assert about["v_max"] == pytest.approx(21.0, abs=0.2)
    out = run("datasets", "sto_nb_iv_old_device", "--fetch").out.splitlines()
    assert [line.rsplit("/", 1)[-1] for line in out] == [f"p1V_m{k}V.dat" for k in range(1, 5)]
    original = json.loads(run("read", "dataset:sto_nb_iv_old_device/p1V_m2V.dat", "--json").out)
    assert original["v_min"] == pytest.approx(-2.0, abs=0.01)
