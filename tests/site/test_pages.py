"""Every page of the built site, visited once: what it loads, where it leads, how it can be read."""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag

import pytest
from browsers import DESKTOP, PHONE

pytestmark = pytest.mark.site

PROBE = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8")
# Pages of the theme carry their colour scheme as an attribute; others follow the system's.
SCHEME = (
    'document.querySelector("[data-md-color-scheme]")?.setAttribute("data-md-color-scheme", "{}")'
)


class Visit(NamedTuple):
    """What was seen of one page."""

    errors: list[str]  # of the console
    foreign: list[str]  # requests that left this machine
    desktop: dict  # what probe.js found: 1280 pixels wide, light
    dark: dict
    phone: dict


@pytest.fixture(scope="module")
def visits(browser, site, base) -> dict[str, Visit]:
    """Each page of the site by its path, after one look at it in three guises."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    foreign: list[str] = []
    page.on("console", lambda message: _note_error(message, errors))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: _note_foreign(request.url, base, foreign))
    found = {}
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        errors.clear()
        foreign.clear()
        page.set_viewport_size(DESKTOP)
        page.goto(base + name, wait_until="load")
        page.evaluate("document.fonts.ready.then(() => 0)")
        desktop = page.evaluate(PROBE)
        themed = page.locator("[data-md-color-scheme]").count() > 0
        _set_colours(page, themed, "dark")
        dark = page.evaluate(PROBE)
        _set_colours(page, themed, "light")
        page.set_viewport_size(PHONE)
        phone = page.evaluate(PROBE, "width")  # colours are as before
        found[name] = Visit(errors[:], foreign[:], desktop, dark, phone)
    context.close()
    return found


def _set_colours(page, themed: bool, colours: str) -> None:
    if themed:
        page.evaluate(SCHEME.format({"dark": "slate", "light": "default"}[colours]))
    else:
        page.emulate_media(color_scheme=colours)


def _note_error(message, errors: list[str]) -> None:
    """Errors and warnings, files that are missing included; a browser asks for an icon unasked."""
    where = message.location.get("url", "")
    if message.type in ("error", "warning") and not where.endswith("/favicon.ico"):
        errors.append(f"{message.text.splitlines()[0][:160]} ({where})")


def _note_foreign(url: str, base: str, foreign: list[str]) -> None:
    if not url.startswith((base, "data:", "blob:", "about:")):
        foreign.append(url)


def _told(problems: dict[str, list]) -> str:
    """One line each, for a failure that says where to look."""
    lines = (f"{page}: {what}" for page, whats in problems.items() for what in whats)
    return "\n".join(list(lines)[:60])


def test_there_are_pages(visits):
    assert len(visits) >= 4
    assert visits["index.html"].desktop["texts"] > 5


def test_no_page_reports_an_error(visits):
    problems = {page: visit.errors for page, visit in visits.items() if visit.errors}
    assert not problems, _told(problems)


def test_no_page_asks_another_host(visits):
    problems = {page: visit.foreign for page, visit in visits.items() if visit.foreign}
    assert not problems, _told(problems)


def test_links_and_anchors_lead_somewhere(visits, site, base):
    pages: dict[str, list] = {}  # by link: one fault in the navigation comes on every page
    for name, visit in visits.items():
        for link in set(visit.desktop["links"]):
            if link.startswith(base):
                pages.setdefault(link, []).append(name)
    wrong = {link: _broken(link, base, site, visits) for link in pages}
    problems = {
        link.removeprefix(base): [f"{what}; on {len(pages[link])} pages, first {pages[link][0]}"]
        for link, what in wrong.items()
        if what
    }
    assert not problems, _told(problems)


def _broken(link: str, base: str, site: Path, visits: dict[str, Visit]) -> str:
    """What is wrong with a link within the site; empty if nothing is."""
    address, anchor = urldefrag(link)
    name = unquote(address.removeprefix(base).partition("?")[0])
    path = site / name
    if path.is_dir():
        path = path / "index.html"
    if not path.is_file():
        return "no such file"
    target = path.relative_to(site).as_posix()
    known = target in visits and visits[target].desktop["ids"]
    if anchor and known is not False and unquote(anchor) not in [*known, "top"]:
        return f"no such anchor in {target}"
    return ""


def test_pictures_and_frames_say_what_they_are(visits):
    problems = {page: visit.desktop["noAlt"] for page, visit in visits.items()}
    problems = {page: images for page, images in problems.items() if images}
    assert not problems, _told(problems)
    assert not [page for page, visit in visits.items() if visit.desktop["emptyFrames"]]


def test_a_phone_needs_no_sideways_scrolling(visits):
    problems = {
        page: visit.phone["wide"] or ["?"]
        for page, visit in visits.items()
        if visit.phone["overflow"] > 0
    }
    assert not problems, _told(problems)


@pytest.mark.parametrize("guise", ["desktop", "dark"])
def test_text_stands_out_from_its_ground(visits, guise):
    seen: dict[str, list] = {}  # by kind: one fault of the theme comes on every page
    for page, visit in visits.items():
        for kind, text in getattr(visit, guise)["found"]:
            seen.setdefault(kind, []).append(f"{text!r} on {page}")
    problems = {kind: [f"{len(where)} times, first {where[0]}"] for kind, where in seen.items()}
    assert not problems, _told(problems)


def test_the_dark_look_was_really_dark(visits):
    assert all("dark" in visit.dark["scheme"] for visit in visits.values())
