"""The built site asks no other host for anything; links that a reader clicks are another thing."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SITE = Path(os.environ.get("TOKENLAB_SITE", ROOT / "site"))

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(
        not (SITE / "index.html").exists(),
        reason=f"no site in {SITE}: python tools/build_docs.py",
    ),
]

FOREIGN = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
# Attributes that make a browser load something as soon as the element is there.
LOADS = {"src", "srcset", "poster", "data", "background", "xlink:href", "action", "formaction"}
CSS_URL = re.compile(r"url\(\s*['\"]?([^'\")]*)|@import\s+['\"]([^'\"]*)")
SCRIPT_LOADS = re.compile(
    r"""(?:fetch|import|importScripts|open|Worker|EventSource|WebSocket|sendBeacon)\s*\(\s*"""
    r"""(?:["'][A-Z]+["']\s*,\s*)?["'`]((?:[a-z]+:)?//[^"'`]*)""",
)
ADDRESS = re.compile(r"""["'`](?:https?|wss?):?//([a-z0-9.-]+)[^"'`]*["'`]""", re.IGNORECASE)
# Names of vocabularies, which are never fetched.
NAMES = {"www.w3.org"}
# The theme's script can count a repository's stars and draw Mermaid diagrams, with code from other
# hosts. It does when a page has such an element, and ours have none.
THEME = "assets/javascripts/bundle"
TRIGGERS = ('class="mermaid"', 'data-md-component="source"', "data-md-component='source'")


class Page(HTMLParser):
    """What a page would load, as (element, attribute, value)."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.loads: list[tuple[str, str, str]] = []
        self.styles: list[str] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag if tag in ("style", "script") else ""
        found = {name: value or "" for name, value in attrs}
        for name, value in found.items():
            if name in LOADS or (tag == "link" and name == "href" and not self.only_names(found)):
                self.loads.append((tag, name, value))
            elif name == "style":
                self.styles.append(value)
            elif name.startswith("on"):
                self.scripts.append(value)
            elif name == "srcdoc":
                inner = Page(value)
                self.loads += inner.loads
                self.styles += inner.styles
                self.scripts += inner.scripts

    def only_names(self, found):
        """A link that says what the page is and loads nothing."""
        return found.get("rel") in ("canonical", "prev", "next", "alternate")

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "style":
            self.styles.append(data)
        elif self.inside == "script":
            self.scripts.append(data)


def html_files():
    return sorted(SITE.rglob("*.html")) if SITE.is_dir() else []


def foreign_in_css(text):
    urls = (a or b for a, b in CSS_URL.findall(text))
    return [url for url in urls if FOREIGN.match(url)]


def test_the_scan_finds_what_it_is_for():
    """The patterns are not so narrow that nothing can fail."""
    page = Page(
        '<link rel="stylesheet" href="//a.example/x.css"><img srcset="https://a.example/x.png 2x">'
        "<style>b{background:url('https://a.example/y')}</style><a href='https://a.example'>ok</a>"
        "<iframe srcdoc='&lt;script src=&quot;//a.example/z.js&quot;&gt;'></iframe>"
        '<script>fetch("https://a.example/d.json")</script>'
    )
    assert [FOREIGN.match(value) is not None for *_, value in page.loads] == [True, True, True]
    assert foreign_in_css("".join(page.styles)) == ["https://a.example/y"]
    assert SCRIPT_LOADS.findall(page.scripts[0]) == ["https://a.example/d.json"]
    assert ADDRESS.findall(page.scripts[0]) == ["a.example"]


def test_pages_load_nothing_from_elsewhere():
    pages = html_files()
    assert len(pages) > 10
    for path in pages:
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        assert [load for load in page.loads if FOREIGN.match(load[2])] == [], path
        assert [css for part in page.styles for css in foreign_in_css(part)] == [], path
        for script in page.scripts:
            assert {host for host in ADDRESS.findall(script) if host not in NAMES} == set(), path
        assert not any(trigger in text for trigger in TRIGGERS), path


def test_style_sheets_load_nothing_from_elsewhere():
    sheets = sorted(SITE.rglob("*.css"))
    assert sheets
    for path in sheets:
        assert foreign_in_css(path.read_text(encoding="utf-8")) == [], path


def test_scripts_load_nothing_from_elsewhere():
    scripts = sorted(p for p in SITE.rglob("*.js"))
    assert scripts
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        if str(path.relative_to(SITE)).replace("\\", "/").startswith(THEME):
            continue  # its two requests have no element that starts them: TRIGGERS
        assert SCRIPT_LOADS.findall(text) == [], path
        assert {host for host in ADDRESS.findall(text) if host not in NAMES} == set(), path
