"""A fit in a process of its own: the page stays alive, hears of the progress, and can stop it."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from memjax.errors import FitError, MemjaxError, OutputError
from memjax.runtime.files import prepare_output, writing_folder

from ...constants import MARKER
from ...progress import EACH
from .measured import fit_about

_ITERATION = re.compile(r"(\w+): iteration (\d+), loss (\S+?),? (\d+) s")
_STAGE = re.compile(r"stage (\d+) of (\d+): (\w+)")
_NICE = 5
_PATIENCE = 10.0  # seconds that a process has to end after an interrupt


class FitProcess:
    """The fits of an explorer, one at a time, each ``memjax fit`` itself; they end with the explorer."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="memjax-explore-"))
        self.process: subprocess.Popen[str] | None = None
        self.lock = threading.Lock()
        self.count, self.unsaved = 0, False
        self._clear("")

    def _clear(self, page: str) -> None:
        self.page, self.stage, self.messages = page, "", list[str]()
        self.history, self.begin, self.status = list[tuple[int, float]](), time.monotonic(), None
        self.seconds = 0.0

    @property
    def out(self) -> Path:
        """Folder of the latest fit, wherever it is not saved yet."""
        return self.folder / f"fit-{self.count}"

    def start(self, words: Sequence[str], page: str) -> None:
        """Start ``memjax WORDS --out FOLDER``.

        Parameters
        ----------
        words : sequence of str
            Of the command line, without the folder.
        page : str
            Which page asks: it alone moves its sliders when the fit has ended.

        Raises
        ------
        FitError
            While another fit runs.
        """
        with self.lock:
            if self.running:
                what, fix = "a fit is running already", "stop it, or wait for its end"
                raise FitError(what, where="this explorer", fix=fix)
            self.count += 1
            self._clear(page)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "memjax", *words, "--out", str(self.out)], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
                env={**os.environ, EACH: "iterations"}, start_new_session=True,
            )  # fmt: skip
            if hasattr(os, "setpriority"):  # the page comes first, where processors are few
                os.setpriority(os.PRIO_PROCESS, self.process.pid, _NICE)
            threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether a fit has started and not ended."""
        return self.process is not None and self.status is None

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        """Read what the process says to its end."""
        with process:
            self._read(process.stderr or ())
        self.unsaved |= (self.out / MARKER).exists()
        self.seconds, self.status = time.monotonic() - self.begin, process.returncode

    def _read(self, lines: Iterable[str]) -> None:
        """Keep progress and messages."""
        for line in lines:
            kind, _, text = line.strip().removeprefix("memjax: ").partition(": ")
            iteration = _ITERATION.search(text)
            if kind == "progress" and iteration:
                self.stage = iteration[1]
                with contextlib.suppress(ValueError):
                    self.history.append((len(self.history), float(iteration[3])))
            elif kind == "progress":
                stage = _STAGE.search(text)
                self.stage = f"{stage[3]} ({stage[1]} of {stage[2]})" if stage else text
            elif text:
                self.messages.append(f"{kind}: {text}")

    def stop(self) -> None:
        """Interrupt the fit: what it has reached is kept."""
        if self.running and self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                # As Ctrl-C, and taken too where that is ignored: by what a script starts in its background.
                self.process.send_signal(signal.SIGTERM)

    def state(self) -> dict[str, Any]:
        """How the fit stands, for a page."""
        fitted = not self.running and (self.out / MARKER).exists()
        seconds = time.monotonic() - self.begin if self.running else self.seconds
        return {
            "number": self.count,
            "page": self.page,
            "running": self.running,
            "stage": self.stage,
            "seconds": round(seconds, 1),
            "history": [x for _, x in self.history],
            "messages": self.messages,
            "status": self.status,
            "result": fit_about(self.out) if fitted else None,
        }

    def file(self, name: str) -> Path:
        """A file of the latest fit.

        Raises
        ------
        FitError
            Where there is no fit.
        """
        path = self.out / name
        if self.running or not path.exists():
            raise FitError("no fit has ended yet", where="this explorer", fix="press Fit")
        return path

    def save(self, out: str) -> Path:
        """Put the folder of the latest fit in its place, which its command then names; the place.

        Raises
        ------
        FitError, OutputError
            Where there is no fit, or the place is taken.
        """
        self.file(MARKER)
        if not out.strip():
            raise MemjaxError("no folder", where="Save", fix="name one")
        place = Path(out).expanduser()
        if place.exists():
            raise OutputError("it exists already", where=str(place), fix="choose another name")
        place = prepare_output(place, folder=True)
        with writing_folder(place) as temporary:
            shutil.copytree(self.out, temporary, dirs_exist_ok=True)
            for name in (MARKER, "report.html"):
                text = (temporary / name).read_text(encoding="utf-8")
                (temporary / name).write_text(text.replace(str(self.out), out), encoding="utf-8")
        self.unsaved = False
        return place

    def close(self) -> None:
        """End a fit that runs, and remove what was not saved."""
        if self.running and self.process is not None:
            self.stop()
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
