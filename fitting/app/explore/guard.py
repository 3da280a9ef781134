"""Who may ask the explorer: this machine's browser, at this address, from a page of this address, with the token."""

import os
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HOST = "127.0.0.1"
"""The only interface that the explorer is bound to."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Content security policy: scripts of the explorer alone; styles in line, since plots set them."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # the address holds the token
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every answer."""


_CODE_LASTS = 60.0
"""After which a code that no browser has used is none any more [s]."""

_SOCKETS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""Tables of Linux: addresses of each socket, and the user whose it is."""


class Guard:
    """An ASGI application behind checks of Host, Origin and token; what fails one is refused before it is read.

    Parameters
    ----------
    app : callable
        What answers; it sees paths without the token.
    token : str
        First part of every path.
    port : int
        Where the explorer listens.
    code : str, optional
        First part of the path that the browser is opened with: its first use, in a minute, leads to the token. The
        command line of a browser can be read by other users of the machine, who then have a code of no use.

    Notes
    -----
    A name that is made to point to this machine has another Host; a page of another site has another Origin, which a
    browser always says where something may be changed; and neither knows the token.
    """

    def __init__(self, app: App, *, token: str, port: int, code: str = ""):
        self.app, self.token, self.port = app, token, port
        self.code, self.code_ends = code, time.monotonic() + _CODE_LASTS
        self.hint = "; open the address that the terminal shows" if code else ""
        self.hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        reason = self.refusal(scope)
        if reason and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
        elif reason:
            await self._answer(403, {}, f"memjax explore: refused: {reason}\n", send)
        elif _first_part(scope) != self.token:
            self.code = ""
            await self._answer(303, {"location": f"/{self.token}/"}, "", send)
        else:
            inner = scope["path"].removeprefix(f"/{self.token}") or "/"
            await self.app(
                {**scope, "path": inner, "raw_path": inner.encode()}, receive, _with_headers(send)
            )

    def refusal(self, scope: Scope) -> str:
        """Why a request is refused, in words; nothing where it is not."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts, origins = headers.get("host", []), headers.get("origin", [])
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return "another host"
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        same = [f"http://{hosts[0].lower()}"]
        if (origins or not reads) and [o.lower() for o in origins] != same:
            return "another origin"
        if headers.get("sec-fetch-site", ["same-origin"])[-1] not in ("same-origin", "none"):
            return "another site"
        first = _first_part(scope)
        if secrets.compare_digest(first.encode(), self.token.encode()):
            return ""
        is_open = self.code and time.monotonic() < self.code_ends and scope.get("method") == "GET"
        if not is_open or not secrets.compare_digest(first.encode(), self.code.encode()):
            return f"no token{self.hint}"
        _, client = scope.get("client") or ("", 0)
        user = user_of(client, self.port)
        return "" if user is None or user == os.getuid() else "another user"

    @staticmethod
    async def _answer(status: int, more: dict[str, str], text: str, send: Send) -> None:
        """Answer with a status, headers of its own and a text."""
        body = text.encode()
        headers = HEADERS | more | {"content-type": "text/plain; charset=utf-8"}
        headers["content-length"] = str(len(body))
        pairs = [(n.encode(), x.encode()) for n, x in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})


def _first_part(scope: Scope) -> str:
    return scope["path"].split("/")[1] if "/" in scope["path"] else ""


def user_of(client: int, server: int) -> int | None:
    """Whose the socket at a port of this machine is that is connected to another one; None where nothing tells.

    Parameters
    ----------
    client, server : int
        Ports of 127.0.0.1.
    """
    for table in _SOCKETS:
        try:
            rows = [line.split() for line in table.read_text().splitlines()[1:]]
        except OSError:
            continue
        # Addresses end in that of 127.0.0.1, also where they are mapped to version 6.
        ends = tuple(f"0100007F:{port:04X}" for port in (client, server))
        for row in rows:
            if row[1].endswith(ends[0]) and row[2].endswith(ends[1]):
                return int(row[7])
    return None


def _with_headers(send: Send) -> Send:
    """A `send` that adds `HEADERS`, but for those that an answer sets itself."""

    async def sender(event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            present = {name.lower() for name, _ in event.get("headers", [])}
            more = [
                (n.encode(), x.encode()) for n, x in HEADERS.items() if n.encode() not in present
            ]
            event = {**event, "headers": [*event.get("headers", []), *more]}
        await send(event)

    return sender
