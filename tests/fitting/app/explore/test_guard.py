"""No request of another host or origin, or without the token, reaches what answers: pages and websockets alike."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from fitting.app.explore.guard import HEADERS, HOST, POLICY, Guard, user_of

PORT, TOKEN = 8123, "secret"
HERE = "127.0.0.1:8123"


def _ask(path=f"/{TOKEN}/", *, method="GET", kind="http", **headers):
    """What the guard sends, and the scopes that the application behind it sees."""
    seen, sent = [], []

    async def app(scope, receive, send):
        seen.append(scope)
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"x")]}
        )

    async def send(event):
        sent.append(event)

    pairs = [
        (n.replace("_", "-").encode(), x.encode())
        for n, x in ({"host": HERE} | headers).items()
        if x
    ]
    scope = {"type": kind, "method": method, "path": path, "headers": pairs}
    asyncio.run(Guard(app, token=TOKEN, port=PORT)(scope, None, send))
    return sent, seen


@pytest.mark.integration
def test_a_page_of_this_address_is_answered_below_the_token():
    for headers in ({}, {"host": "localhost:8123"}, {"sec_fetch_site": "same-origin"}):
        sent, (scope,) = _ask(f"/{TOKEN}/setup", **headers)
        assert (sent[0]["status"], scope["path"]) == (200, "/setup")
    names = dict(sent[0]["headers"])
    assert names[b"content-security-policy"].decode() == POLICY
    assert {n.encode() for n in HEADERS} <= set(names)
    assert "unsafe-eval" not in POLICY
    assert POLICY.startswith("default-src 'none'")
    _, (scope,) = _ask(f"/{TOKEN}/fit", method="POST", origin=f"http://{HERE}")
    assert scope["path"] == "/fit"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"host": "evil.example:8123"}, "another host"),
        ({"host": "127.0.0.1:80"}, "another host"),
        ({"host": ""}, "another host"),
        ({"origin": "http://evil.example"}, "another origin"),
        ({"origin": "null"}, "another origin"),
        ({"origin": f"https://{HERE}"}, "another origin"),
        ({"method": "POST"}, "another origin"),
        ({"method": "POST", "origin": "http://127.0.0.1:9"}, "another origin"),
        (
            {"method": "POST", "origin": f"http://{HERE}", "sec_fetch_site": "cross-site"},
            "another site",
        ),
        ({"path": "/"}, "no token"),
        ({"path": "/secre/"}, "no token"),
        ({"path": "/secret2/"}, "no token"),
        ({"path": f"/x/{TOKEN}/"}, "no token"),
        ({"path": ""}, "no token"),
        ({"path": "/säcret/"}, "no token"),
    ],
)
def test_all_else_is_refused_before_it_is_read(about, reason):
    sent, seen = _ask(**about)
    assert seen == []
    assert sent[0]["status"] == 403
    assert reason in sent[1]["body"].decode()


@pytest.mark.integration
@pytest.mark.parametrize("origin", ["http://evil.example", ""])
def test_a_websocket_of_another_origin_is_closed(origin):
    sent, seen = _ask(kind="websocket", origin=origin)
    assert seen == []
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "another origin"}]
    assert _ask("/", kind="websocket", origin=f"http://{HERE}")[0][0]["reason"] == "no token"


def _browser(guard, path, method="GET", kind="http", **headers):
    """What a guard answers to one request: status and where it leads to, or why a websocket is closed."""
    sent = []

    async def send(event):
        sent.append(event)

    pairs = [(n.encode(), x.encode()) for n, x in ({"host": HERE} | headers).items()]
    scope = {"type": kind, "method": method, "path": path, "headers": pairs, "client": (HOST, 1)}
    asyncio.run(guard(scope, None, send))
    if kind == "websocket":
        return sent[0]["reason"], None
    return sent[0]["status"], dict(sent[0]["headers"]).get(b"location")


def _guard():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    return Guard(app, token=TOKEN, port=PORT, code="once")


def test_the_code_leads_to_the_token_once():
    guard = _guard()
    for path, about in (
        ("/once/", {"host": "evil.example"}),
        ("/once/", {"method": "HEAD"}),
        ("/once/", {"kind": "websocket"}),
        ("/once/", {"method": "POST", "origin": f"http://{HERE}"}),
        ("/onc/", {}),
        ("//", {}),
    ):
        assert _browser(guard, path, **about)[0] not in (200, 303)
    assert _browser(guard, "/once/") == (303, f"/{TOKEN}/".encode())
    assert _browser(guard, "/once/")[0] == 403
    assert _browser(guard, "//")[0] == 403
    assert _browser(guard, f"/{TOKEN}/")[0] == 200


def test_a_code_that_nobody_used_ends(monkeypatch):
    guard = _guard()
    monkeypatch.setattr("fitting.app.explore.guard.time.monotonic", lambda: guard.code_ends + 1)
    assert _browser(guard, "/once/")[0] == 403


def test_the_code_is_of_no_use_to_another_user(monkeypatch):
    guard = _guard()
    monkeypatch.setattr("fitting.app.explore.guard.user_of", lambda *ports: os.getuid() + 1)
    assert _browser(guard, "/once/")[0] == 403
    monkeypatch.setattr("fitting.app.explore.guard.user_of", lambda *ports: os.getuid())
    assert _browser(guard, "/once/")[0] == 303


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no table of sockets")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_user_of_a_socket_is_known(family):
    with socket.create_server((HOST, 0)) as server, socket.socket(family) as client:
        try:
            client.connect(
                (HOST if family == socket.AF_INET else f"::ffff:{HOST}", server.getsockname()[1])
            )
        except OSError:
            pytest.skip("no version 6 here")
        ports = client.getsockname()[1], server.getsockname()[1]
        assert user_of(*ports) == os.getuid()
        assert user_of(ports[1], ports[0] + 1) is None
