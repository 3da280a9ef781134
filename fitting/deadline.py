"""An interrupt ends a program within seconds, though Python hears of signals only between two of its own lines."""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator

from memjax.runtime.console import say
from memjax.runtime.process import end_process

LATEST = 3.0
"""Time after an interrupt at which the program ends [s]; what it saves then takes less than another one."""

INTERRUPTED = 130
"""Exit status."""

TOGETHER = 0.5
"""Time within which signals are one interrupt [s]: `timeout` signals a process, and then the group that it is in."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Those that interrupt. A shell without job control has what it starts with `&` ignore the first of them."""


@contextlib.contextmanager
def deadline(rescue: Callable[[], str], *, seconds: float = LATEST) -> Iterator[None]:
    """Within it the process ends so long after an interrupt at the latest, or at once after another one.

    Parameters
    ----------
    rescue : callable
        Saves what has been reached, and says in words what that is: called in a thread of its own where the program
        has not left the block by then.
    seconds : float
        That time [s].

    Notes
    -----
    Compiling a program with XLA, or a long call of a kernel, holds the main thread, which alone hears of signals. The
    operating system writes them to a pipe besides, which another thread reads. Outside the main thread, and where
    Python handles none of `SIGNALS`, nothing is changed.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if (
        not in_main
        or not any(callable(signal.getsignal(number)) for number in SIGNALS)
        or os.name != "posix"
    ):
        yield
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read, rescue, seconds), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(write)  # which ends the thread


def _watch(pipe: int, rescue: Callable[[], str], seconds: float) -> None:
    """Wait for an interrupt, then for the end of the block, the end of the time or another interrupt."""
    try:
        while signals := os.read(pipe, 1):
            if signals[0] in SIGNALS:
                break
        else:
            return
        begin = time.monotonic()
        while select.select([pipe], [], [], max(begin + seconds - time.monotonic(), 0.0))[0]:
            signals = os.read(pipe, 1)
            if not signals:
                return
            if signals[0] in SIGNALS and time.monotonic() > begin + TOGETHER:
                break
        _end(rescue)
    finally:
        os.close(pipe)


def _end(rescue: Callable[[], str]) -> None:
    """Save what there is, say it, and end the process."""
    try:
        text = rescue()
    except Exception as error:  # it must end
        text = f"nothing was saved ({type(error).__name__}: {error})"
    with contextlib.suppress(OSError, ValueError):
        say("interrupted", text)
    end_process(INTERRUPTED)
