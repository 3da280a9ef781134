"""The program ``memjax``: it finds the command, runs it, and returns an exit status."""

import contextlib
import gc
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..errors import FitError, MemjaxError, MemjaxWarning, SolveError
from ..runtime.documents import printable
from ..runtime.jax_setup import kernel_folder
from ..runtime.process import end_process, prepare_environment
from . import convert, crossbar, datasets, export, models, observe, read, reservoir, run, simulate
from .command import Parser, UsageError, say

_BUILT_IN = {
    c.name: c
    for c in (
        m.COMMAND
        for m in (
            models,
            read,
            observe,
            simulate,
            run,
            crossbar,
            reservoir,
            datasets,
            convert,
            export,
        )
    )
}
_GROUP = "memjax.commands"
_TOGETHER = (
    0.5  # signals within so long are one [s]: `timeout` signals a process, and then its group
)


def _plugged_in() -> dict[str, EntryPoint]:
    """Commands of other packages by name, not loaded; a built-in command of the same name takes precedence."""
    points = {point.name: point for point in entry_points(group=_GROUP)}
    return {name: point for name, point in points.items() if name not in _BUILT_IN}


def _load(point: EntryPoint) -> Any:
    """The command behind an entry point.

    Raises
    ------
    UsageError
        If the package that offers it does not load.
    """
    try:
        return point.load()
    except Exception as error:  # another package may fail in any way
        if os.environ.get("MEMJAX_DEBUG"):
            raise
        raise UsageError(
            f"command {point.name!r} does not load ({type(error).__name__}: {error})",
            where=point.value,
            fix="update or reinstall the package that offers it",
        ) from error


def _help_of(point: EntryPoint) -> str:
    """One line about a command, also where it does not load."""
    try:
        return str(_load(point).help)
    except UsageError as error:
        return f"({error.what})"


def _parser(name: str | None) -> Parser:
    """The parser of the program with one command, or with all where none is named."""
    parser = Parser(
        prog="memjax",
        description="Differentiable device physics of ion-based memristors.",
        epilog="'memjax COMMAND --help' tells about one command.",
        allow_abbrev=False,
    )
    help_text = "show version and backend, what solves in fixed steps and fits, and exit"
    parser.add_argument("--version", action="store_true", help=help_text)
    plugins = _plugged_in()
    sub = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    if name is None:
        lines = {n: c.help for n, c in _BUILT_IN.items()} | {
            n: _help_of(p) for n, p in plugins.items()
        }
        for command, line in lines.items():
            sub.add_parser(command, help=line, add_help=False)
        return parser
    if name not in _BUILT_IN and name not in plugins:
        allowed = ", ".join([*_BUILT_IN, *plugins])
        raise UsageError(f"unknown command {name!r}", allowed=allowed, fix="see 'memjax --help'")
    command = _BUILT_IN[name] if name in _BUILT_IN else _load(plugins[name])
    subparser = sub.add_parser(
        name, help=command.help, description=command.help, allow_abbrev=False
    )
    command.configure(subparser)
    subparser.set_defaults(run=command.run)
    return parser


def _show_version() -> int:
    """Print the version, and what kernels are built by: a compiler of C that has just shown that it can, or none."""
    from .. import __version__
    from ..lanes.choice import backend_in_use

    print(f"memjax {__version__}\nbackend: {backend_in_use(kernel_folder())}")
    return 0


def _run(words: list[str]) -> int:
    """Parse and run."""
    if words[:1] == ["--version"]:
        return _show_version()
    if wrong := next((w for w in words if "\0" in w), None):
        raise UsageError(f"a NUL in {wrong!r:.80}", where="the command line")
    name = next((w for w in words if not w.startswith("-")), None)
    options = _parser(name).parse_args(words)
    if name is None:
        allowed = ", ".join([*_BUILT_IN, *_plugged_in()])
        raise UsageError("no command", allowed=allowed, fix="see 'memjax --help'")
    status = options.run(options)
    sys.stdout.flush()
    return int(status)


def _status(error: MemjaxError) -> int:
    """2 where the user's input is wrong, 3 where nothing usable came out."""
    default = 3 if isinstance(error, SolveError | FitError) else 2
    return getattr(error, "exit_status", default)


def _show_warning(message: Warning | str, category: type[Warning], *location: Any) -> None:
    """Print a warning of memjax as the program prints its own, and any other one as Python does."""
    if issubclass(category, MemjaxWarning):
        say("warning", str(message))
    else:
        print(warnings.formatwarning(message, category, *location[:2]), file=sys.stderr, end="")


def _on_bug(error: Exception) -> int:
    """An error that memjax did not raise on purpose."""
    if os.environ.get("MEMJAX_DEBUG"):
        traceback.print_exc()
    else:
        text = f"{type(error).__name__}: {error}"
        say(
            "error",
            f"{text[:500]}; this is a bug in memjax; MEMJAX_DEBUG=1 shows where: please report it",
        )
    return 1


def _on_refusal(error: OSError) -> int:
    """A full disk under standard output, a name too long, a folder that has gone or that nobody may write to."""
    what = f"the system refuses: {error.strerror or error}"
    say("error", f"{what}; in {printable(error.filename)}" if error.filename else what)
    try:
        sys.stdout.flush()
    except OSError:
        # The interpreter would try again at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 2


def _interrupt(number: int, frame: Any) -> None:
    """SIGTERM is Ctrl-C: what a scheduler sends before it kills."""
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    if not callable(on_ctrl_c):  # ignored, as in the background of a script
        raise KeyboardInterrupt
    on_ctrl_c(number, frame)


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Within it SIGTERM interrupts, unless it is ignored or someone handles it."""
    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    last = -_TOGETHER

    def interrupt_once(number: int, frame: Any) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last >= before + _TOGETHER:
            _interrupt(number, frame)

    signal.signal(signal.SIGTERM, interrupt_once)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after ``memjax``; those of this process by default.

    Returns
    -------
    int
        Exit status: 0 done, 1 a bug, 2 wrong input, 3 nothing usable came out, 130 interrupted by Ctrl-C or SIGTERM.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        prepare_environment()
        # Rows of files and traces of programs are objects by the million, with hardly any cycles to collect.
        gc.set_threshold(1_000_000, 50, 100)
    try:
        with _interrupted_by_sigterm(), warnings.catch_warnings():
            warnings.simplefilter("always", MemjaxWarning)
            warnings.showwarning = _show_warning
            return _run(words)
    except SystemExit as stop:  # argparse after --help and --version
        return int(stop.code or 0)
    except MemjaxError as error:
        for line in error.lines:
            say("error", line)
        return _status(error)
    except KeyboardInterrupt as stop:
        say("interrupted", str(stop) or "nothing was saved")
        if argv is None:
            # The interpreter would wait for threads that compute, or take itself down while others still compile.
            end_process(130)
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone; the interpreter must not complain at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        return _on_refusal(error)
    except MemoryError:
        say(
            "error",
            "not enough memory; fewer members, rows, draws or connections at a time take less",
        )
        return 2
    except Exception as error:
        return _on_bug(error)
