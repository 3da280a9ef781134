"""An interrupt ends a program within seconds, whatever computes."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from fitting.deadline import INTERRUPTED, deadline

# A call of C holds the main thread, as XLA does: what Python does at a signal waits for its end.
BLOCKED = """
import hashlib
from fitting.deadline import deadline
with deadline(lambda: "the best is saved", seconds=0.2):
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""
WRITING = """
import hashlib
from fitting.deadline import deadline
from memjax.runtime.files import writing, writing_folder
def rescue():
    with writing_folder("FOLDER/fit") as place:
        (place / "best").touch()
    return "the best is saved"
with deadline(rescue, seconds=0.2), writing_folder("FOLDER/fit") as place, writing("FOLDER/table") as file:
    (place / "half").touch()
    file.touch()
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""
PROMPT = """
import time
from fitting.deadline import deadline
def rescue():
    raise AssertionError("the program ended by itself")
try:
    with deadline(rescue, seconds=20.0):
        print("begun", flush=True)
        time.sleep(30)
except KeyboardInterrupt:
    time.sleep(0.3)
    raise SystemExit(7)
"""

SAVING = """
import signal, time
from fitting.deadline import deadline
def rescue():
    raise AssertionError("the program ended by itself")
signal.signal(signal.SIGTERM, lambda number, frame: None)
with deadline(rescue, seconds=20.0):
    print("begun", flush=True)
    time.sleep(2.0)
raise SystemExit(7)
"""


def _interrupted(program: str, number: int = signal.SIGINT, *, times: int = 1) -> tuple[int, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal({int(number)}, signal.default_int_handler)\n{program}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.5)  # the program is in its call
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.05)  # else the system makes one of them
    _, said = process.communicate(timeout=25)
    return process.returncode, said


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_does_not_hear_of_an_interrupt_is_saved_and_ended(number):
    assert _interrupted(BLOCKED, number) == (
        INTERRUPTED,
        "memjax: interrupted: the best is saved\n",
    )


@pytest.mark.integration
def test_what_was_being_written_goes_and_what_is_saved_stays(tmp_path):
    assert _interrupted(WRITING.replace("FOLDER", str(tmp_path)))[0] == INTERRUPTED
    assert [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*"))] == [
        "fit",
        "fit/best",
    ]


@pytest.mark.integration
def test_where_sigint_is_ignored_as_in_the_background_of_a_script_sigterm_ends_it():
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + BLOCKED
    assert _interrupted(ignoring, signal.SIGTERM)[0] == INTERRUPTED


@pytest.mark.integration
def test_a_program_that_ends_by_itself_is_left_alone():
    status, said = _interrupted(PROMPT)
    assert (status, said) == (7, "")


@pytest.mark.integration
def test_two_signals_of_one_moment_are_one_interrupt():
    """As of `timeout`, which signals a process and then its group: what is saved after the first is left alone."""
    status, said = _interrupted(SAVING, signal.SIGTERM, times=2)
    assert (status, said) == (7, "")


def test_without_an_interrupt_nothing_stays_behind():
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    threads = threading.active_count()
    with deadline(lambda: "", seconds=0.01):
        pass
    after = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(after)
    assert before == after
    for _ in range(100):
        if threading.active_count() <= threads:
            return
        time.sleep(0.01)
    raise AssertionError("a thread still watches")
