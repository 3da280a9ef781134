"""The explorer's answers: the page, curves, cycles, fits; and the loop that serves them."""

import json
import os
import shlex
import socket
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from memjax.cli.command import jsonable
from memjax.core.params import dump
from memjax.errors import MemjaxError
from memjax.runtime.console import say
from memjax.runtime.documents import parse_json

from .guard import HOST, Guard
from .parameters import device_at, message

PAGE = Path(__file__).parent / "page"
"""Folder of the page's own files."""

_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
)
_MOST = 1 << 20  # bytes of a request


def plotly_file() -> Path:
    """The drawing library's script, as its Python package brings it along."""
    import plotly

    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def build_app(subject: Any, fits: Any, *, token: str, port: int, code: str = "") -> Guard:
    """The explorer as an ASGI application.

    Parameters
    ----------
    subject : Measured, DrivenDevice or DrivenCircuit
        What is explored.
    fits : FitProcess
        Where fits run.
    token, code : str
        First part of every path, and of the one that the browser is opened with, see `Guard`.
    port : int
        Where it listens.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route
    from starlette.staticfiles import StaticFiles

    @asynccontextmanager
    async def lifespan(_: Any):
        yield
        fits.close()

    answers = Answers(subject, fits)
    posts = ("simulate", "cycles", "command", "fit", "stop", "save", "parameters", "stimulus")
    routes: list[Any] = [
        Route(f"/{n}", _post(getattr(answers, n)), methods=["POST"]) for n in posts
    ]
    routes += [
        Route("/run", answers.run, methods=["POST"]),
        Route("/setup", _get(answers.setup)),
        Route("/state", _get(answers.state)),
        Route("/fit.json", answers.fit_json),
        Route("/report.html", answers.report),
        Route("/plotly.min.js", _file(plotly_file())),
        Route("/", _file(PAGE / "index.html")),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.mount("/page", StaticFiles(directory=PAGE))
    return Guard(app, token=token, port=port, code=code)


class Answers:
    """What the explorer does for a page; requests and answers are JSON objects.

    Parameters
    ----------
    subject, fits
        See `build_app`.
    """

    def __init__(self, subject: Any, fits: Any):
        self.subject, self.fits = subject, fits

    def setup(self) -> dict:
        """What a page shows first."""
        return self.subject.setup()

    def state(self) -> dict:
        """How the fit stands."""
        return self.fits.state()

    def offered(self, name: str, what: str) -> Callable[..., Any]:
        """What the subject does under that name; an error in words where such a subject has nothing of the kind."""
        work = getattr(self.subject, name, None)
        if work is None:
            kind = type(self.subject).__name__
            raise MemjaxError(f"no {what}", where=f"a request to a page of a {kind}")
        return work

    def simulate(self, choice: dict) -> dict:
        """Curves at values of sliders."""
        return self.offered("simulate", "curves at once: a circuit is run")(choice)

    def cycles(self, choice: dict) -> dict:
        """Simulated cycles at values of sliders."""
        return self.offered("simulate_cycles", "cycles: nothing was measured")(choice)

    def command(self, choice: dict) -> dict:
        """The command line that does the same."""
        if not hasattr(self.subject, "fit_words"):
            return {"command": self.subject.command(choice)}
        out = str(choice.get("out") or "fitted")
        words = ["memjax", *self.subject.fit_words(choice), "--out", out]
        return {"command": shlex.join(words)}

    def fit(self, choice: dict) -> dict:
        """Start a fit; how it stands."""
        if not hasattr(self.subject, "fit_words"):
            what = "nothing measured"
            raise MemjaxError(what, where="Fit", fix="start the explorer with a measured file")
        if not choice.get("free"):
            raise MemjaxError("no parameter is free", where="Fit", fix="tick one at least")
        self.fits.start(self.subject.fit_words(choice), str(choice.get("page", "")))
        return self.fits.state()

    def stop(self, choice: dict) -> dict:
        """Stop the fit."""
        self.fits.stop()
        return self.fits.state()

    def save(self, choice: dict) -> dict:
        """Save the latest fit to a folder; where it is."""
        return {"folder": str(self.fits.save(str(choice.get("out", ""))))}

    def parameters(self, choice: dict) -> dict:
        """Values of sliders as TOML."""
        device = device_at(self.subject.device, choice.get("values", {}))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "parameters.toml"
            dump(device, path)
            return {"text": path.read_text(encoding="utf-8")}

    def stimulus(self, choice: dict) -> dict:
        """What drives a model, as CSV."""
        return {"text": self.offered("stimulus_table", "stimulus beside that of the data")(choice)}

    async def run(self, request: Any) -> Any:
        """Stretches of a circuit's run, a line of JSON each, as they come; the run ends with the request."""
        from starlette.responses import StreamingResponse

        choice, error = await _body(request)
        if error:
            return error

        def lines() -> Iterator[str]:
            try:
                for stretch in self.offered("stretches", "run: that is of circuits")(choice):
                    yield json.dumps(stretch) + "\n"
            except Exception as failure:
                yield json.dumps({"error": message(as_memjax(failure))}) + "\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def fit_json(self, _: Any) -> Any:
        """The file of the latest fit."""
        return self._file_of_fit("fit.json", filename="fit.json")

    async def report(self, _: Any) -> Any:
        """The report of the latest fit, which holds no script."""
        policy = {"content-security-policy": _REPORT_POLICY}
        return self._file_of_fit("report.html", headers=policy)

    def _file_of_fit(self, name: str, **options: Any) -> Any:
        from starlette.responses import FileResponse

        try:
            return FileResponse(self.fits.file(name), **options)
        except MemjaxError as error:
            return _refusal(error)


def _refusal(error: MemjaxError) -> Any:
    """An error in the words of memjax, for a page."""
    from starlette.responses import JSONResponse

    return JSONResponse({"error": message(error)}, status_code=400)


async def _body(request: Any) -> tuple[dict, Any]:
    """The JSON object that a request holds, or what is answered where it holds none."""
    kind = request.headers.get("content-type", "").split(";")[0]
    text = b""
    async for part in request.stream():
        text += part
        if len(text) > _MOST:
            break
    what = "no JSON object"
    try:
        is_short = kind == "application/json" and len(text) <= _MOST
        content = parse_json(text.decode()) if is_short else None
    except ValueError as error:
        content, what = None, f"no JSON object: {error}"
    if not isinstance(content, dict):
        return {}, _refusal(MemjaxError(what, where="the request"))
    return content, None


async def _answer(work: Callable[..., dict], *args: Any) -> Any:
    """What work gives, done beside the loop that serves; or why it does not."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    try:
        return JSONResponse(jsonable(await run_in_threadpool(work, *args)))
    except Exception as error:
        return _refusal(as_memjax(error))


def as_memjax(error: Exception) -> MemjaxError:
    """An error for a page; one that memjax did not raise on purpose is said on standard error too.

    The explorer lives on: a page may ask what nobody thought of.
    """
    if isinstance(error, MemjaxError):
        return error
    text = f"{type(error).__name__}: {error}"[:300]
    if os.environ.get("MEMJAX_DEBUG"):
        traceback.print_exception(error)
    say("error", f"{text}; a request of the page failed; MEMJAX_DEBUG=1 shows where")
    return MemjaxError(
        text,
        where="the request",
        fix="take it back with Undo; where the page asked it, please report it",
    )


def _post(work: Callable[[dict], dict]) -> Callable[[Any], Awaitable[Any]]:
    """An endpoint that takes and gives a JSON object."""

    async def endpoint(request: Any) -> Any:
        choice, error = await _body(request)
        return error or await _answer(work, choice)

    return endpoint


def _get(work: Callable[[], dict]) -> Callable[[Any], Awaitable[Any]]:
    """An endpoint that gives a JSON object."""

    async def endpoint(_: Any) -> Any:
        return await _answer(work)

    return endpoint


def _file(path: Path) -> Callable[[Any], Awaitable[Any]]:
    """An endpoint that gives a file."""

    async def endpoint(_: Any) -> Any:
        from starlette.responses import FileResponse

        return FileResponse(path)

    return endpoint


def bind(port: int) -> socket.socket:
    """A socket of this machine alone; a `MemjaxError` where the port is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
        sock.listen()  # a browser that is faster than the server waits, and is not refused
    except OSError as error:
        sock.close()
        what = f"port {port}: {error.strerror}"
        raise MemjaxError(what, where="--port", fix="choose another, or leave it out") from None
    return sock


def server_of(app: Guard) -> Any:
    """A `uvicorn.Server` of the explorer; ``run(sockets=[...])`` serves until the process is interrupted."""
    import uvicorn

    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=1, server_header=False, ws="none"
    )  # fmt: skip
    return uvicorn.Server(config)
