"""The facts of the public sets."""

import hashlib
import re

import pytest

import memjax as mj
from memjax.errors import ReaderError


def every_file():
    for name in mj.datasets.names():
        data_set = mj.datasets.describe(name)
        yield from ((data_set, f) for f in (data_set.tidy, *data_set.files) if f is not None)


def test_every_set_says_where_it_is_from_and_under_which_licence():
    for name in mj.datasets.names():
        data_set = mj.datasets.describe(name)
        assert data_set.repository.startswith("https://github.com/")
        assert data_set.licence in ("MIT", "none stated")
        assert all((data_set.title, data_set.device, data_set.measured))
        assert data_set.doi is None or re.fullmatch(r"10\.\d{4,}/\S+", data_set.doi)
        assert data_set.commit is None or re.fullmatch("[0-9a-f]{40}", data_set.commit)


def test_every_file_has_a_checksum_or_says_that_it_has_none():
    for data_set, file in every_file():
        assert (file.sha256 is None) == (file.size is None), file
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file is data_set.tidy or file.url is not None
    # Nobody could fetch the relaxation sets where the catalogue was written.
    assert [f.sha256 for f in mj.datasets.describe("rram_relaxation_a").files] == [None] * 3


def test_addresses_hold_the_commit_and_are_quoted():
    file = mj.datasets.describe("sto_nb_iv_old_device").files[0]
    assert file.url == (
        "https://raw.githubusercontent.com/thomastiotto/Memristor-Models/"
        "1dcb5f33181f153e2596fbb16d15ddad4e458ec7/raw_data/Old%20device/p1V_m1V.dat"
    )


def test_unknown_set_and_unknown_file_are_refused_with_what_there_is():
    with pytest.raises(ReaderError, match=r"no public set 'nosuch'.*usc_diffusive_dc_symmetric"):
        mj.datasets.describe("nosuch")
    with pytest.raises(ReaderError, match=r"no file 'x'.*p1V_m1V\.dat"):
        mj.datasets.describe("sto_nb_iv_old_device").file("x")


def test_checksums_are_those_of_the_files_at_hand(shared_data):
    checked = 0
    for _, file in every_file():
        path = shared_data / file.copy if file.copy else None
        if path is not None and path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256, file.copy
            assert path.stat().st_size == file.size
            checked += 1
    assert checked > 20
