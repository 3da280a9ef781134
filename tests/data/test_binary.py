"""Packed contents: how much they unpack to is known before they do."""

import io
import struct
import zipfile

import pytest

from memjax.data import binary
from memjax.data.binary import check_archive
from memjax.errors import ReaderError

SIZE, STATED = 3_000_000, 1000


def _archive(stated: int | None = None) -> bytes:
    """An archive of one member of zeros, which may state another size of it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(SIZE))
    data = bytearray(content.getvalue())
    if stated is not None:
        for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            at = data.find(mark) + offset
            data[at : at + 4] = struct.pack("<I", stated)
    return bytes(data)


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch):
    check_archive(_archive(), where="a.xlsx")
    monkeypatch.setattr(binary, "UNPACKED_AT_LEAST", SIZE // 2)
    with pytest.raises(ReaderError, match="unpack to more than"):
        check_archive(_archive(), where="a.xlsx")


def test_of_a_member_no_more_is_read_than_the_archive_states():
    """So that what an archive says of its sizes may be believed."""
    with zipfile.ZipFile(io.BytesIO(_archive(STATED))) as archive, archive.open("a") as member:
        parts: list[bytes] = []
        with pytest.raises(zipfile.BadZipFile):
            parts.extend(iter(lambda: member.read(100), b""))
    assert sum(map(len, parts)) <= STATED


def test_what_is_no_archive_is_left_to_its_reader():
    check_archive(b"PK\x03\x04 and nothing of an archive", where="a.xlsx")
    check_archive(b"t_s,v_V", where="a.csv")
