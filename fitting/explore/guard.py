"""Who may ask the explorer: this machine's browser, at this address, from a page of this address, with the token."""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
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

    Notes
    -----
    A name that is made to point to this machine has another Host; a page of another site has another Origin, which a
    browser always says where something may be changed; and neither knows the token.
    """

    def __init__(self, app: App, *, token: str, port: int):
        self.app, self.token = app, token
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
            await self._refuse(reason, send)
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
        first = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not secrets.compare_digest(first.encode(), self.token.encode()):
            return "no token"
        return ""

    @staticmethod
    async def _refuse(reason: str, send: Send) -> None:
        """Answer with 403 and the reason."""
        body = f"memjax explore: refused: {reason}\n".encode()
        headers = HEADERS | {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(body)),
        }
        pairs = [(n.encode(), x.encode()) for n, x in headers.items()]
        await send({"type": "http.response.start", "status": 403, "headers": pairs})
        await send({"type": "http.response.body", "body": body})


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
