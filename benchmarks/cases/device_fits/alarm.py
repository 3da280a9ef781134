"""An end to searches that take too long."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def alarm(seconds: float, *, again: float = 0.0) -> Iterator[None]:
    """Interrupt the main thread after so much processor time: a fit then ends with the best that it has reached.

    Parameters
    ----------
    seconds : float
        Processor time [s].
    again : float
        Processor time after which it rings again, and again [s]; 0 for once.
    """

    def ring(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds, again)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
