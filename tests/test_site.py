"""The documentation site: it builds with strict links, holds every public name, and needs no other host."""

import os
import re
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"}
LOADED = re.compile(r"<(?:script|img|iframe|source|video)\b[^>]*?\bsrc=[\"']?([^\"'\s>]+)")
STYLED = re.compile(r"<link\b[^>]*?\brel=[\"']?(?:stylesheet|preconnect|preload|icon)[^>]*")
FROM_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` does; links that lead nowhere end the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
def test_no_page_loads_anything_from_another_host(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        text = page.read_text()
        addresses = LOADED.findall(text) + STYLED.findall(text)
        assert addresses
        assert not [address for address in addresses if "//" in address], page.name
    assert not [sheet.name for sheet in site.rglob("*.css") if FROM_CSS.search(sheet.read_text())]


@pytest.mark.slow
def test_public_names_are_in_the_reference(site):
    page = (site / "reference" / "python.html").read_text()
    names = re.findall(r"\b(\w+) as \1\b", (ROOT / "src/atrous/__init__.pyi").read_text())
    assert len(names) > 50
    assert not [name for name in names if not re.search(rf'<h3 id="atrous\.[\w.]*\.{name}"', page)]


@pytest.mark.slow
def test_search_finds_in_a_browser_that_reaches_no_other_host(site, browser):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}/"
    page = browser.new_page()
    elsewhere = []
    page.route(
        lambda address: not address.startswith((home, "data:")),
        lambda route: (elsewhere.append(route.request.url), route.abort()),
    )
    page.goto(f"{home}index.html")
    page.keyboard.press("/")
    page.keyboard.type("schema.toml")
    page.wait_for_selector(".md-search-result__item a", state="visible")
    assert page.locator(".md-search-result__item a[href*='data.html']").count() > 0
    page.close()
    server.shutdown()
    server.server_close()
    assert elsewhere == []


class QuietHandler(SimpleHTTPRequestHandler):
    """Files of a folder, without a log."""

    def log_message(self, *_):
        pass
