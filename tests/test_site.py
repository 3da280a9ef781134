"""The site is built without a warning, and each public name has its page: `pytest -m study tests/test_site.py`."""

import importlib.util
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

import memjax as mj

pytestmark = pytest.mark.study  # it takes a minute or two, and the extra "docs"

ROOT = Path(__file__).parents[1]


class _Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.links |= {v for k, v in attrs if k in ("href", "src") and v}
        self.anchors |= {v for k, v in attrs if k == "id" and v}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site without executed code; a warning is an error."""
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("needs pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-t", "quick"]
    words += [
        "-d",
        str(folder / "doctrees"),
        "-b",
        "html",
        str(ROOT / "docs"),
        str(folder / "html"),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.mark.timeout(600)
def test_every_public_name_and_every_model_has_its_page(site):
    sys.path.insert(0, str(ROOT / "docs" / "extensions"))
    try:
        pages = importlib.import_module("api_pages").public_names()
    finally:
        sys.path.pop(0)
    named = {page for names in pages.values() for page in names.values()}
    assert len(named) > 400
    assert {"memjax.DiffusiveMemristor", "fitting.SweepProblem", "memjax.plot.iv"} <= named
    assert [n for n in named if not (site / "api" / "names" / f"{n}.html").exists()] == []
    models = site / "physics" / "models"
    assert [m for m in mj.model_names() if not (models / f"{m}.html").exists()] == []


@pytest.mark.timeout(600)
def test_internal_links_hold(site):
    # The theme leaves a template of its own among the static files.
    pages = {p.resolve(): _Page(p) for p in site.rglob("*.html") if p.parent.name != "_static"}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if link.startswith(("http:", "https:", "mailto:", "data:", "javascript:")):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = (path.parent / file.partition("?")[0]).resolve() if file else path
            if target.is_dir():
                target /= "index.html"
            wanted = target in pages and anchor and anchor not in pages[target].anchors
            if not target.exists() or wanted:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


@pytest.mark.timeout(600)
def test_pages_ask_nothing_of_the_net(site):
    """No script, style, picture or font of another host: the site is read offline."""
    foreign = set()
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        foreign |= {p for p in text.split('src="')[1:] if p.startswith(("http", "//"))}
        foreign |= {
            line for line in text.splitlines() if "stylesheet" in line and 'href="http' in line
        }
    assert foreign == set()
