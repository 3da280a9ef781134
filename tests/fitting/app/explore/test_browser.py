"""The explorer clicked through in headless Chromium: sliders, a fit that is stopped, a circuit, two pages, the end.

It takes minutes and wants Playwright and a Chromium of the system: `pip install playwright`, then `pytest -m study`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
for library in ("starlette", "uvicorn", "plotly"):
    pytest.importorskip(library, reason="the extra 'explore' is not installed")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
USC = "clean/usc_diffusive_dc_symmetric.csv"

pytestmark = [
    pytest.mark.study,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in PATH, and none named by CHROMIUM"),
    pytest.mark.timeout(1200),
]


@contextmanager
def _explorer(*words, folder):
    """A running explorer: its process and the address that it prints."""
    # Of a shell's background jobs an interrupt is ignored, and a child inherits that.
    program = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "from memjax.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "explore", *words, "--no-browser"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address, process.stderr.read()
        yield process, address[0]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _wait(page, condition, seconds=300.0):
    """Until a condition of the page holds; asked from outside, since its policy lets no text become a script."""
    for _ in range(int(20 * seconds)):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{condition}: {page.inner_text('body')[:400]}")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def _page(browser, address, *, width=1400, errors=None):
    """A page with its first curves; what goes wrong in its scripts is collected."""
    context = browser.new_context(
        viewport={"width": width, "height": 1000}, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    errors = [] if errors is None else errors
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on(
        "request",
        lambda r: (
            errors.append(r.url) if "127.0.0.1" not in r.url and "http" in r.url[:4] else None
        ),
    )
    page.goto(address)
    _wait(page, "Number(document.body.dataset.answers) >= 1")
    yield page
    context.close()
    assert errors == []


def _slide(page, name, place):
    """Move a slider; the time from the change to the drawn curve [ms]."""
    before = page.evaluate("Number(document.body.dataset.answers)")
    move = "([name, place]) => { const s = document.querySelector(`[data-name='${name}'] input[type=range]`);"
    move += " s.value = place; for (const e of ['input', 'change']) s.dispatchEvent(new Event(e, {bubbles: true})); }"
    page.evaluate(move, [name, place])
    _wait(page, f"Number(document.body.dataset.answers) > {before}")
    return float(page.evaluate("document.body.dataset.latency"))


def test_sliders_of_the_shared_sweeps_show_within_100_ms(browser, shared_data, tmp_path):
    with _explorer(str(shared_data / USC), "--point-time", "0.01", folder=tmp_path) as (_, address):
        with _page(browser, address) as page:
            assert "usc_diffusive_dc_symmetric.csv" in page.inner_text("h1")
            _slide(page, "mu", 400)
            spent = sorted(_slide(page, "mu", 400 + 10 * k) for k in range(1, 12))
            print(f"from a change to the curve: {spent} ms")
            assert spent[len(spent) // 2] < 100, spent
            last = page.evaluate("document.getElementById('iv').data.at(-1).y")
            _slide(page, "r_off", 900)
            assert page.evaluate("document.getElementById('iv').data.at(-1).y") != last
        with _page(browser, address, width=400) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_fit_runs_beside_the_sliders_and_is_stopped_saved_and_undone(browser, tmp_path):
    with _explorer("example:diffusive-sweeps", folder=tmp_path) as (process, address):
        with _page(browser, address) as page, _page(browser, address) as other:
            for tick in page.query_selector_all(".row .top input[type=checkbox]"):
                tick.set_checked(tick.get_attribute("aria-label") in ("fit mu", "fit r_on"))
            entry = page.get_by_label("mu, value")
            entry.fill("55")
            entry.press("Enter")
            page.click("#copy")
            _wait(page, "!document.getElementById('command').hidden")
            assert "--free r_on mu" in page.inner_text("#command")
            assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#command")
            page.click("#fit")
            _wait(other, "!document.getElementById('progress').hidden")
            assert "from another page" in other.inner_text("#progress-text")
            assert _slide(page, "lam", 500) < 5000  # the page is alive
            _wait(page, "/iteration/.test(document.getElementById('progress-text').textContent)")
            page.click("#stop")
            _wait(page, "!document.getElementById('result').hidden")
            assert "stopped: the best result so far" in page.inner_text("#result")
            assert entry.input_value() != "55"
            assert "Take its values" in other.inner_text("#result")
            page.fill("#folder", "my-fit")
            page.click("#save")
            _wait(page, "document.getElementById('saved').textContent !== ''")
            page.click("#undo")
            _wait(
                page, "document.querySelector('[data-name=mu] input[type=number]').value === '55'"
            )
            with page.expect_download() as download:
                page.click("#fit-json")
            assert json.loads(Path(download.value.path()).read_text())["free"] == ["r_on", "mu"]
        content = json.loads((tmp_path / "my-fit" / "fit.json").read_text())
        assert (content["interrupted"], content["free"]) == (True, ["r_on", "mu"])
        assert content["command"].endswith("--out my-fit")
        assert (tmp_path / "my-fit" / "report.html").exists()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        assert said.splitlines()[-1] == "memjax: interrupted: the explorer has ended"
    with _explorer("my-fit", folder=tmp_path) as (_, address), _page(browser, address) as page:
        assert "±" in page.inner_text("[data-name=mu]")


def _first_spike(page):
    """Time of the first spike [s]."""
    return float(re.search(r"the first at (\S+) s", page.inner_text("#spike-text"))[1])


def test_spikes_come_while_a_circuit_runs(browser, tmp_path):
    with _explorer("1m1t1r", folder=tmp_path) as (_, address), _page(browser, address) as page:
        _wait(page, "/spike/.test(document.getElementById('spike-text').textContent)")
        first = _first_spike(page)
        _slide(page, "level", 650)  # at 2 V the ions drift twice as fast
        assert 0 < _first_spike(page) < 0.8 * first
        page.set_checked("#all", True)
        _wait(page, "document.getElementById('time').data.length >= 7")
        begin = time.monotonic()
        page.click("#again")
        _wait(page, "document.getElementById('seed').value === '1'")
        assert time.monotonic() - begin < 60


def test_learned_functions_follow_their_sliders(browser, tmp_path):
    with _explorer("hybrid", folder=tmp_path) as (_, address), _page(browser, address) as page:
        assert page.is_visible("#functions-card")
        names = page.evaluate("document.getElementById('functions').data.map((x) => x.name)")
        assert names == ["off, x = 0", "on, x = 1", "set, at x = 0", "reset, at x = 1"]
        first = page.evaluate("document.getElementById('functions').data[2].y")
        _slide(page, "set5", 900)
        # What stands below the loop follows where no newer value waits.
        _wait(page, "document.body.dataset.complete > 0")
        assert page.evaluate("document.getElementById('functions').data[2].y") != first


def test_hysteresis_of_a_model_follows_its_drive(browser, tmp_path):
    with _explorer("vteam", folder=tmp_path) as (_, address), _page(browser, address) as page:
        _slide(page, "peak", 600)
        voltages = page.evaluate("Math.max(...document.getElementById('iv').data.at(-1).x)")
        assert voltages == pytest.approx(10 ** (2 * 0.6 - 1), rel=1e-3)
        with page.expect_download() as download:
            page.click("#toml")
        assert "k_off = " in Path(download.value.path()).read_text()
