"""The built site, served on this machine, and one browser for all tests of the folder.

TOKENLAB_SITE names the folder that `tools/build_docs.py` wrote; without it the tests are skipped.
"""

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browsers import CHROMIUM, DESKTOP, QUIET


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    folder = os.environ.get("TOKENLAB_SITE")
    if not folder:
        pytest.skip("TOKENLAB_SITE is not set: run tools/build_docs.py, then TOKENLAB_SITE=site")
    path = Path(folder).resolve()
    assert (path / "index.html").is_file(), f"TOKENLAB_SITE is {path}, which holds no index.html"
    return path


@pytest.fixture(scope="session")
def base(site):
    """The address of the site, with a slash at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def browser(site):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page of desktop size in a context of its own: no storage from other tests."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()
