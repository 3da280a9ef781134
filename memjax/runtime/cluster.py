"""Work on other machines: the workers of a scheduler of dask.distributed, to which bytes are sent, and no code."""

import asyncio
import contextlib
import logging
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, TypeVar

from ..errors import MemjaxError
from .lazy import deferred
from .process import is_dask_worker, prepare_environment

if is_dask_worker():  # before what a job needs is imported
    prepare_environment()

K = TypeVar("K")
Work = Callable[[bytes, threading.Event], bytes]

PACKAGES = ("memjax", "jax", "jaxlib", "equinox", "diffrax", "numpy", "scipy", "distributed")
"""Packages whose versions decide on numbers, and on whether a worker is understood."""

TIMEOUT = 5.0
"""Seconds within which a scheduler has to answer."""

_WHERE = "--scheduler"


class ClusterError(MemjaxError):
    """There is no such scheduler, it went away, or its workers are not like this machine."""


def versions() -> dict[str, str]:
    """Versions of `PACKAGES` in this process, and a digest of the source of memjax and fitting."""
    from .compile_cache import source_digest  # which imports JAX

    words = {}
    for name in PACKAGES:
        try:
            words[name] = version(name)
        except PackageNotFoundError:
            words[name] = "none"
    return words | {"source of memjax": source_digest()[:12]}


class Cluster:
    """The workers of a scheduler of dask.distributed.

    Parameters
    ----------
    address : str
        Of the scheduler: ``tcp://HOST:PORT``, or ``tls://HOST:PORT`` with dask's own configuration of certificates.
    identity : callable
        A function of a module without arguments: what has to be the same here and on each worker, by what it is called.
    note : callable, optional
        Called with what is to be known, in words.
    timeout : float, optional
        Seconds within which the scheduler has to answer; `TIMEOUT` by default.

    Raises
    ------
    ClusterError
        Where dask.distributed is not installed, no scheduler answers, or a worker is not like this machine.

    Notes
    -----
    A context manager: leaving it gives up what has not ended. What goes over the wire is the name of a function of a
    module, and bytes. dask itself unpickles what it receives: whoever reaches the scheduler can run code on it, on the
    workers and here. Its network has to be trusted, or be closed to others by TLS.
    """

    def __init__(
        self,
        address: str,
        *,
        identity: Callable[[], dict[str, str]] = versions,
        note: Callable[[str], None] | None = None,
        timeout: float | None = None,
    ):
        if find_spec("distributed") is None:
            fix = "pip install 'memjax[cluster]'"
            raise ClusterError("a cluster needs the package distributed", where=_WHERE, fix=fix)
        self.address, self.identity = address, identity
        self.timeout = TIMEOUT if timeout is None else timeout
        self.note = (lambda _: None) if note is None else note
        self._client = _connect(address, self.timeout)
        try:
            self._check_workers()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the scheduler; what it still has of ours is given up."""
        with _quietly(), contextlib.suppress(Exception):
            self._client.close(timeout=self.timeout)

    def workers(self) -> dict[str, int]:
        """Threads of the workers that there are, by their addresses."""
        with self._watched():
            return dict(self._client.nthreads())

    def ask(self, question: Callable[[], Any]) -> dict[str, Any]:
        """Call a function of a module without arguments on each worker; return its answers, or its error, by
        address.
        """
        with _quietly(), self._watched():
            return self._client.run(_answer, _name_of(question), on_error="return")

    def map(
        self, work: Work, jobs: Iterable[tuple[K, bytes]]
    ) -> Generator[tuple[K, bytes | str], None, None]:
        """Results of jobs in the order in which they end.

        Parameters
        ----------
        work : callable
            A function of a module, ``work(job, halt) -> result``: once `halt` is set nobody waits for the result, and
            it may raise `KeyboardInterrupt`.
        jobs : iterable of (key, bytes)
            Taken as workers have room for them: a few are under way at a time.

        Yields
        ------
        tuple of key, and bytes or str
            The result; or, where worker after worker died of a job that was alone under way, what dask says of it.

        Raises
        ------
        ClusterError
            Where the scheduler goes away, or a worker that came later is not like this machine.
        Exception
            What `work` raised.
        """
        from distributed import KilledWorker, as_completed

        identity, run, waiting = self.identity(), uuid.uuid4().hex[:12], iter(enumerate(jobs))
        keys, suspects, done = {}, [], as_completed(loop=self._client.loop)

        def submit(number: int, key: K, content: bytes, alone: bool) -> None:
            arguments = (_name_of(work), _name_of(self.identity), identity, content)
            name = f"{work.__module__}.{work.__name__}-{run}-{number}" + "-alone" * alone
            future = self._submit(arguments, name)
            keys[future.key] = (number, key, content), alone, future
            done.add(future)

        try:
            while True:
                while len(keys) < self._room() and (job := next(waiting, None)) is not None:
                    submit(job[0], *job[1], alone=False)
                if not keys and suspects:
                    submit(*suspects.pop(), alone=True)
                if not keys:
                    return
                future = next(done)
                job, alone, _ = keys.pop(future.key)
                try:
                    result = self._result(future)
                except KilledWorker as error:
                    # dask blames all that a dead worker held: who is guilty shows once a job is alone.
                    if not alone:
                        suspects.append(job)
                        continue
                    result = (
                        f"{error.allowed_failures + 1} workers died of it, "
                        f"the last one at {error.last_worker.address}"
                    )
                yield job[1], result
        finally:
            with _quietly(), contextlib.suppress(Exception):
                self._client.cancel([future for _, _, future in keys.values()])

    def _submit(self, arguments: tuple, name: str) -> Any:
        import dask

        # A job stays with the scheduler, which sends it again where a worker dies: it is large on purpose.
        large = {"distributed.admin.large-graph-warning-threshold": "10GB"}
        with dask.config.set(large), _quietly(), self._watched():
            return self._client.submit(_call, *arguments, key=name, pure=False)

    def _room(self) -> int:
        """Jobs that are under way at most: one for each thread of a worker, and for each worker one that waits."""
        workers = self.workers()
        if not workers:
            self._wait()
            workers = self.workers()
        return sum(workers.values()) + len(workers)

    def _result(self, future: Any) -> bytes:
        if future.status == "finished":
            with self._watched():
                return future.result()
        if future.status == "error":
            with self._watched():
                error = future.exception()
            raise error
        raise self._lost()

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Within it errors of the connection are `ClusterError`."""
        try:
            yield
        except (OSError, TimeoutError) as error:
            raise self._lost() from error

    def _lost(self) -> ClusterError:
        fix = "what is done stays: the same command goes on, with or without a scheduler"
        return ClusterError("the scheduler went away", where=f"{_WHERE} {self.address}", fix=fix)

    def _wait(self) -> None:
        """Wait for a worker."""
        self.note(f"{self.address} has no workers; waiting for one: dask worker {self.address}")
        while not self.workers():
            if self._client.status != "running":
                raise self._lost()
            time.sleep(0.2)

    def _check_workers(self) -> None:
        """Refuse workers that are not like this machine, before anything is sent to them."""
        if not self.workers():
            self._wait()
        here = self.identity()
        for worker, there in self.ask(self.identity).items():
            if isinstance(there, Exception):
                raise ClusterError(
                    f"{worker} cannot run memjax ({type(there).__name__}: {there})",
                    where=f"{_WHERE} {self.address}", fix="install the same memjax where the workers run",
                )  # fmt: skip
            _compare(here, there, worker)


def _connect(address: str, timeout: float) -> Any:
    """A client of the scheduler, which says nothing by itself."""
    from distributed import Client

    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        with _quietly():
            # A client that cannot connect would wait for itself as it ends.
            with ThreadPoolExecutor(1) as thread:  # where a loop may run already, as in a notebook
                thread.submit(asyncio.run, _probe(address, timeout)).result()
            return Client(address, timeout=timeout, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"no scheduler answers within {timeout:g} s", where=f"{_WHERE} {address}",
            allowed="the address that 'dask scheduler' says, as tcp://HOST:8786",
            fix="start one, or leave --scheduler out",
        ) from error  # fmt: skip
    except Exception as error:  # an address that is none, certificates that are missing
        raise ClusterError(
            f"dask cannot use the address ({error})", where=f"{_WHERE} {address}",
            allowed="tcp://HOST:PORT, or tls://HOST:PORT with certificates in dask's configuration",
        ) from error  # fmt: skip


async def _probe(address: str, timeout: float) -> None:
    """Ask what listens there, and leave again."""
    from distributed import rpc
    from distributed.security import Security

    if address.startswith("inproc:"):  # of this process: it is there
        return
    connection_args = Security().get_connection_args("client")
    async with rpc(address, timeout=timeout, connection_args=connection_args) as peer:
        identity: Any = await asyncio.wait_for(peer.identity(), timeout)
    if identity["type"] != "Scheduler":
        raise ValueError(f"it is that of a {identity['type'].lower()}")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without dask's warnings: versions are compared here, and the rest is said in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _compare(here: dict[str, str], there: dict[str, str], worker: str) -> None:
    """Refuse a worker that is not like the machine that sends."""
    for name in here:
        if here[name] != there.get(name):
            raise ClusterError(
                f"the worker {worker} has {name} {there.get(name)}, and this machine {here[name]}",
                where=_WHERE, fix="install the same versions in both places",
            )  # fmt: skip


def _name_of(function: Callable) -> str:
    """``module:name`` of a function of a module: a worker unpickles words, and imports nothing before this module."""
    return f"{function.__module__}:{function.__qualname__}"


def _answer(question: str) -> Any:
    """Answer a question, in the worker that is asked."""
    return deferred(question)()


def _call(work: str, identity: str, here: dict[str, str], job: bytes) -> bytes:
    """Run a job in a worker, once it is sure that the worker is like the machine that sent it."""
    from distributed import Reschedule, get_worker

    worker = get_worker()
    _compare(here, deferred(identity)(), worker.address)
    try:
        return deferred(work)(job, Halt(worker, worker.get_current_task()))
    except KeyboardInterrupt:  # of `Halt`; dask would end the worker
        raise Reschedule from None


class Halt(threading.Event):
    """Set once nobody waits for a task any more: it was given up, its client has gone, or its worker ends.

    Parameters
    ----------
    worker : distributed.Worker
        Where the task runs.
    key : str
        The task.
    """

    def __init__(self, worker: Any, key: Any):
        super().__init__()
        self._worker, self._key = worker, key

    def is_set(self) -> bool:
        """Whether it is to end."""
        task = self._worker.state.tasks.get(self._key)
        ends = self._worker.status.name in ("closing", "closed")
        return ends or task is None or task.state == "cancelled"
