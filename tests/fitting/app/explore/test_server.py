"""The explorer's answers over a socket of this machine: the page, JSON in and out, errors in memjax's words."""

import http.client
import json
import socket
import threading
import time
from contextlib import closing

import pytest

from memjax.errors import BoundsError, MemjaxError

pytest.importorskip("starlette", reason="the extra 'explore' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'explore' is not installed")
pytest.importorskip("plotly", reason="the extra 'explore' is not installed")

from fitting.app.explore.server import bind, build_app, plotly_file, server_of

TOKEN = "token"


class _Subject:
    """What is explored, without JAX."""

    seen: list

    def __init__(self):
        self.seen = []

    def setup(self):
        return {"title": "t", "bound": float("inf")}

    def simulate(self, choice):
        self.seen.append(choice)
        if choice.get("values", {}).get("x") == 2:
            raise BoundsError("x = 2", allowed="0 to 1")
        if choice.get("values", {}).get("x") == 3:
            raise ZeroDivisionError("a bug")
        return {"ms": 1.0}

    def fit_words(self, choice):
        return ["fit", "a file.csv", *choice["free"]]

    def stretches(self, choice):
        yield {"stretch": 0}
        raise BoundsError("it ends here")


class _Fits:
    """Fits that do not run."""

    unsaved, stopped = False, 0

    def state(self):
        return {"running": False}

    def start(self, words, page):
        raise MemjaxError(" ".join(words))

    def stop(self):
        self.stopped += 1

    def file(self, name):
        raise MemjaxError(f"no {name}")

    def close(self):
        pass


@pytest.fixture(scope="module")
def explorer():
    """Port, subject and fits of a server in a thread."""
    sock = bind(0)
    port = sock.getsockname()[1]
    subject, fits = _Subject(), _Fits()
    app = build_app(subject, fits, token=TOKEN, port=port)
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    for _ in range(100):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    assert sock.getsockname()[0] == "127.0.0.1"
    yield port, subject, fits
    server.should_exit = True
    thread.join(10)
    sock.close()


def _ask(port, path, body=None, **headers):
    about = {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/json"} | headers
    content = body if body is None or isinstance(body, str) else json.dumps(body)
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET" if body is None else "POST", f"/{TOKEN}{path}", content, about)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def test_the_page_needs_nothing_from_elsewhere(explorer):
    port, *_ = explorer
    status, headers, text = _ask(port, "/")
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "://" not in text.replace("http://www.w3.org", "")
    for name in ("plotly.min.js", "page/explore.js", "page/explore.css"):
        assert name in text
        status, _, content = _ask(port, f"/{name}")
        assert (status, len(content) > 1000) == (200, True)
    assert plotly_file().stat().st_size > 1e6
    assert _ask(port, "/page/../server.py")[0] == 404


@pytest.mark.integration
def test_answers_are_json_and_errors_are_messages(explorer, capsys):
    port, subject, _ = explorer
    assert json.loads(_ask(port, "/setup")[2]) == {"title": "t", "bound": None}
    assert json.loads(_ask(port, "/simulate", {"values": {"x": 1}})[2]) == {"ms": 1.0}
    status, _, text = _ask(port, "/simulate", {"values": {"x": 2}})
    assert (status, json.loads(text)) == (400, {"error": "x = 2; allowed: 0 to 1"})
    status, _, text = _ask(port, "/simulate", {"values": {"x": 3}})
    assert status == 400
    assert "ZeroDivisionError" in text
    assert "a bug" in capsys.readouterr().err  # said where the explorer was started, too
    count = len(subject.seen)
    for body, kind in (
        ("{", "application/json"),
        ("[1]", "application/json"),
        ("{}", "text/plain"),
    ):
        assert _ask(port, "/simulate", body, **{"Content-Type": kind})[0] == 400
    assert _ask(port, "/simulate", {"much": "x" * (1 << 20)})[0] == 400
    assert len(subject.seen) == count


def test_no_request_from_elsewhere_changes_anything(explorer):
    port, subject, fits = explorer
    count = len(subject.seen)
    for headers in (
        {"Origin": "http://evil.example"},
        {"Host": f"evil.example:{port}"},
        {"Origin": "null"},
    ):
        assert _ask(port, "/simulate", {}, **headers)[0] == 403
        assert _ask(port, "/stop", {}, **headers)[0] == 403
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    assert _ask(port, "/run", **upgrade, Origin="http://evil.example")[0] == 403
    assert _ask(port, "/run", **upgrade)[0] == 405  # there are no websockets
    assert (len(subject.seen), fits.stopped) == (count, 0)
    assert _ask(port, "/stop", {})[0] == 200
    assert fits.stopped == 1


def test_fits_commands_and_runs(explorer):
    port, *_ = explorer
    assert "no parameter is free" in _ask(port, "/fit", {"free": []})[2]
    assert "fit a file.csv mu" in _ask(port, "/fit", {"free": ["mu"]})[2]
    text = json.loads(_ask(port, "/command", {"free": ["mu"], "out": "my fit"})[2])["command"]
    assert text == "memjax fit 'a file.csv' mu --out 'my fit'"
    lines = [json.loads(x) for x in _ask(port, "/run", {})[2].splitlines()]
    assert lines == [{"stretch": 0}, {"error": "it ends here"}]
    for name in ("fit.json", "report.html"):
        assert _ask(port, f"/{name}")[0] == 400


def test_a_port_that_is_taken_is_refused(explorer):
    with pytest.raises(MemjaxError, match=r"--port"):
        bind(explorer[0])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("[" * 10_000 + "]" * 10_000, "nested more than 64 levels deep"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "nested more than 64 levels deep"),
        ('{"values": {}, "values": {}}', "the key 'values' stands twice"),
        ("{", "no JSON object: Expecting"),
    ],
    ids=["lists", "tables", "twice", "cut"],
)
@pytest.mark.parametrize("path", ["/simulate", "/run", "/cycles"])
def test_json_that_is_none_is_answered_in_a_sentence(explorer, path, body, said):
    status, _, text = _ask(explorer[0], path, body)
    assert status == 400
    assert said in json.loads(text)["error"]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/cycles", "no cycles: nothing was measured"),
        ("/stimulus", "no stimulus beside that of the data"),
    ],
)
def test_what_a_subject_does_not_have_is_said_in_words(explorer, capsys, path, said):
    status, _, text = _ask(explorer[0], path, {})
    assert (status, json.loads(text)["error"].split(";")[0]) == (400, said)
    assert "Error" not in text + capsys.readouterr().err
