"""Files of public sets: copies, downloads from a server on this machine, and what is refused."""

import hashlib
import http.server
import threading

import numpy as np
import pytest

import memjax as mj
from memjax.datasets import DataFile, DataSet, catalogue
from memjax.errors import ReaderError

TABLE = b"time (s),voltage (V),current (A)\n" + b"".join(
    b"%.3f,%.3f,%.3e\n" % (0.01 * k, 0.1 * k, 1e-6 * k) for k in range(20)
)


def _set(name: str, *, sha256: str | None, path: str = "raw/a table.csv") -> DataSet:
    url = f"https://raw.githubusercontent.com/someone/{name}/0123/raw/a%20table.csv"
    size = None if sha256 is None else len(TABLE)
    file = DataFile(path=path, url=url, copy=f"raw/{name}/a table.csv", sha256=sha256, size=size)
    return DataSet(
        name=name, title="t", device="d", measured="m", repository="https://github.com/someone/x",
        licence="MIT", files=(file,),
    )  # fmt: skip


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.files.get(self.path)
        self.server.asked.append(self.path)
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server on the loopback interface in place of the repositories', and an empty cache."""
    sets = {
        "good": _set("good", sha256=hashlib.sha256(TABLE).hexdigest()),
        "unrecorded": _set("unrecorded", sha256=None),
        "pickled": _set("pickled", sha256=None, path="raw/a.pkl"),
    }
    monkeypatch.setattr(catalogue, "_catalogue", lambda: sets)
    monkeypatch.delenv("MEMJAX_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as it:
        it.files = {f"/someone/{n}/0123/raw/a%20table.csv": TABLE for n in sets}
        it.asked = []
        monkeypatch.setenv("MEMJAX_MIRROR", f"http://127.0.0.1:{it.server_address[1]}")
        threading.Thread(target=it.serve_forever, daemon=True).start()
        yield it
        it.shutdown()


def test_a_file_is_fetched_once_and_verified(server):
    (path,) = mj.datasets.fetch("good")
    assert path.read_bytes() == TABLE
    assert mj.datasets.fetch("good") == (path,)
    assert len(server.asked) == 1
    measured = mj.datasets.load("good")
    np.testing.assert_allclose(measured.i, 1e-6 * np.arange(20))


def test_another_content_is_refused_and_not_kept(server, tmp_path):
    address = next(iter(server.files))
    server.files[address] = TABLE[:-1]
    with pytest.raises(ReaderError, match=r"is not the recorded a table\.csv.*SHA-256"):
        mj.datasets.fetch("good")
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    server.files[address] = TABLE
    assert mj.datasets.fetch("good")[0].read_bytes() == TABLE


def test_a_damaged_cache_is_fetched_again(server):
    (path,) = mj.datasets.fetch("good")
    path.write_bytes(TABLE[:100])
    assert mj.datasets.fetch("good")[0].read_bytes() == TABLE


@pytest.mark.integration
def test_no_network_is_one_line_that_says_what_would_do(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(ReaderError, match=r"cannot be downloaded.*MEMJAX_DATA") as error:
        mj.datasets.fetch("good")
    assert len(error.value.lines) == 1


def test_a_file_that_the_server_has_not_is_refused(server):
    server.files.clear()
    with pytest.raises(ReaderError, match="cannot be downloaded"):
        mj.datasets.fetch("good")


def test_without_a_checksum_a_download_must_be_trusted(server):
    with pytest.raises(ReaderError, match=r"nobody has recorded the SHA-256.*--trust"):
        mj.datasets.fetch("unrecorded")
    assert server.asked == []
    assert mj.datasets.fetch("unrecorded", trust=True)[0].read_bytes() == TABLE


def test_a_pickle_is_never_fetched(server):
    with pytest.raises(ReaderError, match="pickle, which runs code"):
        mj.datasets.fetch("pickled", trust=True)
    assert server.asked == []


def test_a_copy_goes_before_the_network_and_is_verified(server, monkeypatch, tmp_path):
    copy = tmp_path / "data" / "raw" / "good" / "a table.csv"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(TABLE)
    monkeypatch.setenv("MEMJAX_DATA", str(tmp_path / "data"))
    assert mj.datasets.fetch("good") == (copy,)
    assert server.asked == []
    copy.write_bytes(TABLE.replace(b"0.100", b"0.101"))
    with pytest.raises(ReaderError, match=r"SHA-256 .* is not that of a table\.csv"):
        mj.datasets.fetch("good")


def test_measured_sets_load_from_the_copy(shared_data, monkeypatch):
    monkeypatch.setenv("MEMJAX_DATA", str(shared_data))
    sweeps = mj.datasets.load("usc_diffusive_dc_symmetric", options={"point_time": 0.01})
    assert len(np.unique(sweeps.sweep)) == 100
    one = mj.datasets.load("sto_nb_iv_old_device", "p1V_m1V.dat")
    assert np.ptp(one.v) == pytest.approx(2.0)
    with pytest.raises(ReaderError, match="pickle"):
        mj.datasets.fetch("usc_diffusive_dc_symmetric")
