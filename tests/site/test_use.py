"""The site in use: search, colours, step-throughs, the explorables; and pictures of it all."""

import json
import os
import re
from pathlib import Path

import pytest
from browsers import DESKTOP, PHONE

pytestmark = pytest.mark.site

EXPLORABLES = ("xtr", "probes", "pruning", "soft", "layers", "walk", "mood", "cipher")


def test_the_search_finds_a_word(page, base):
    page.goto(base + "index.html")
    page.keyboard.press("/")
    page.keyboard.type("imputed", delay=20)
    found = page.locator(".md-search-result__link")
    found.first.wait_for()
    assert "imputed" in page.locator(".md-search-result__list").inner_text().lower()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\.html"))
    # A long page is read while it comes in.
    there = "document.querySelector('main').innerText.toLowerCase().includes('imputed')"
    page.wait_for_function(there, timeout=10_000)


def test_the_colours_can_be_switched_and_stay(page, base):
    page.goto(base + "index.html")
    scheme = "document.body.dataset.mdColorScheme"
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(scheme) == "default"
    light = page.evaluate(ground)
    page.locator(".md-header__option label:visible").first.click()
    assert page.evaluate(scheme) == "slate"
    assert page.evaluate(ground) != light
    page.goto(base + "index.html")
    assert page.evaluate(scheme) == "slate"


@pytest.fixture
def steps(site, base) -> str:
    """The address of a step-through page."""
    pages = sorted(p for p in (site / "steps").glob("*.html") if p.name != "index.html")
    if not pages:
        pytest.skip("this site has no step-throughs")
    return base + pages[-1].relative_to(site).as_posix()


def test_a_step_through_goes_forward_and_back(page, steps):
    page.goto(steps)
    name, count = page.locator("#name"), page.locator("#count")
    first = name.inner_text(), count.inner_text()
    page.keyboard.press("ArrowRight")
    second = name.inner_text(), count.inner_text()
    assert second != first
    assert page.url.endswith("#step-2")
    page.keyboard.press("ArrowLeft")
    assert (name.inner_text(), count.inner_text()) == first
    page.get_by_role("button", name="Next").click()
    assert (name.inner_text(), count.inner_text()) == second
    page.get_by_role("button", name="Previous").click()
    assert (name.inner_text(), count.inner_text()) == first


# The explorables: what they show is what the data say.


def data_of(site: Path, name: str) -> dict:
    text = (site / "explore" / "data" / f"{name}.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("window.exploreData = ").rstrip(";\n"))


@pytest.fixture(params=EXPLORABLES)
def explorable(request, page, site, base):
    """Name, data, and the opened page."""
    if not (site / "explore").is_dir():
        pytest.skip("this site has no explorables")
    page.goto(f"{base}explore/{request.param}.html")
    page.locator("#explore[data-ready]").wait_for()
    return request.param, data_of(site, request.param), page


def expected(name: str, data: dict, first: int, at: int) -> list[str]:
    """What must stand on the page for the first choice of the first list and one slider place."""
    if name == "xtr":
        now = data["questions"][first]["at"][at]
        return [
            f"{now['candidates']} of {data['n_docs']} texts",
            f"{now['order']:.3f} of the pairs",
        ]
    if name == "probes":
        now = data["questions"][first]["at"][data["bits"].index("4 bits")][at]
        return [
            f"{now['candidates']} of {data['n_docs']} texts",
            f"{now['shared']} of the {data['best']} best",
        ]
    if name == "pruning":
        entry = data["rules"]["HiPrune"][first][at]
        return [f"{data['kept'][at]} of 256", f"HiPrune {entry['fidelity']:.3f}"]
    if name == "layers":
        best, cosine = data["sentences"][first]["neighbours"][at + 1][2][0]
        word, sentence = data["pool"][best]
        return [f"Layer {at + 1}", f"{word} of sentence {sentence + 1}, cosine {cosine:.3f}"]
    if name == "walk":
        word, percent = data["top"][at][first][0], data["percent"][at][first][0]
        name = data["steps"][at]
        return [f"{name[0].upper()}{name[1:]}: ", f"{data['words'][word]}, {percent:.1f} %"]
    if name == "mood":
        odds, perplexity = data["odds"][at], round(data["perplexity"][at])
        return [f"Strength {data['strengths'][at]:g}:", f"words {odds:.1f}", f"{perplexity:,}"]
    if name == "cipher":
        now = data["runs"][first][at]
        likelier = "likelier" if now["found"] > now["true"] + 1e-6 else "no likelier"
        return [f"{data['lengths'][at]} letters", f"is {likelier} than the true one"]
    run = data["runs"][data["inputs"][first]][0][data["kinds"][0]]
    return [f"{data['m'][at]} landmarks", f"{100 * run['error'][at]:.1f} %"]


def assert_shown(page, texts: list[str]) -> None:
    said = page.locator(".said").inner_text()
    for text in texts:
        assert text in said, f"{text!r} is not in {said!r}"


def test_the_keyboard_moves_an_explorable(explorable):
    name, data, page = explorable
    slider = page.get_by_role("slider")
    last = int(slider.get_attribute("max"))
    page.locator("#explore select").first.focus()
    for _ in range(12):  # by Tab alone, as somebody without a mouse would come there
        if page.evaluate("document.activeElement.type") == "range":
            break
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "range"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    first = int(page.locator("#explore select").first.input_value())
    for key, at in (("Home", 0), ("ArrowRight", 1), ("End", last), ("ArrowLeft", last - 1)):
        page.keyboard.press(key)
        assert int(slider.input_value()) == at
        assert_shown(page, expected(name, data, first, at))
    assert slider.get_attribute("aria-valuetext") == page.locator("output").inner_text()


def test_the_pointer_moves_an_explorable(explorable):
    name, data, page = explorable
    slider = page.get_by_role("slider")
    first = int(page.locator("#explore select").first.input_value())
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    last = int(slider.get_attribute("max"))
    assert_shown(page, expected(name, data, first, last))
    page.get_by_role("button", name="less").click()
    assert_shown(page, expected(name, data, first, last - 1))
    chart = page.locator(".chart")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.click(box["x"] + 46, box["y"] + 60)
    assert_shown(page, expected(name, data, first, 0))


def last_choice(page) -> int:
    """The third choice of the first list, or the second where there are two."""
    return min(page.locator("#explore select").first.locator("option").count() - 1, 2)


OUTSIDE = """() => [...document.querySelectorAll(".chart svg")].flatMap((picture) => {
  const box = picture.getBoundingClientRect();
  return [...picture.querySelectorAll("*")].filter((part) => {
    const { left, right, top, bottom } = part.getBoundingClientRect();
    return left < box.left - 1 || right > box.right + 1 || top < box.top - 1 || bottom > box.bottom + 1;
  }).map((part) => part.outerHTML.slice(0, 80));
})"""


def test_the_curves_stay_within_the_chart(explorable):
    assert explorable[2].evaluate(OUTSIDE) == []


def test_a_choice_changes_an_explorable(explorable):
    name, data, page = explorable
    at = int(page.get_by_role("slider").input_value())
    for choice in (last_choice(page), 0):
        page.locator("#explore select").first.select_option(index=choice)
        assert_shown(page, expected(name, data, choice, at))


def test_an_address_shows_what_was_chosen(explorable):
    name, data, page = explorable
    choice = last_choice(page)
    page.locator("#explore select").first.select_option(index=choice)
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("End")
    last = int(slider.get_attribute("max"))
    address = page.url
    assert "#" in address
    assert f"at={last}" in address
    page.goto("about:blank")
    page.goto(address)
    page.locator("#explore[data-ready]").wait_for()
    assert page.locator("#explore select").first.input_value() == str(choice)
    assert int(page.get_by_role("slider").input_value()) == last
    assert_shown(page, expected(name, data, choice, last))
    page.goto("about:blank")
    page.goto(address.replace(f"at={last}", "at=999"))  # what is no choice is not taken
    page.locator("#explore[data-ready]").wait_for()
    assert int(page.get_by_role("slider").input_value()) <= last


def test_xtrs_table_holds_the_recorded_cells(page, site, base):
    if not (site / "explore").is_dir():
        pytest.skip("this site has no explorables")
    data = data_of(site, "xtr")
    page.goto(base + "explore/xtr.html")
    page.locator("#explore[data-ready]").wait_for()
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    question = data["questions"][0]
    now = question["at"][0]
    rows = page.locator("#explore tbody tr").all()
    assert len(rows) == len(question["tokens"])
    for i, row in enumerate(rows):
        for column, cell in zip(now["cells"], row.locator("td").all(), strict=True):
            if column is None:
                wanted = "–"
            else:
                wanted = f"({now['imputed'][i]:.2f})" if column[i] is None else f"{column[i]:.2f}"
            assert cell.inner_text() == wanted
    for _ in data["k_primes"][1:]:
        page.keyboard.press("ArrowRight")
    assert "imputed" not in page.locator("#explore tbody").inner_html()
    left, right = (items.all_inner_texts() for items in _rankings(page))
    assert [text.split()[0] for text in left] == [text.split()[0] for text in right]


def _rankings(page):
    lists = page.locator(".rankings ol")
    return lists.nth(0).locator("li"), lists.nth(1).locator("li")


def test_a_finger_moves_an_explorable(browser, site, base):
    if not (site / "explore").is_dir():
        pytest.skip("this site has no explorables")
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(base + "explore/soft.html")
    page.get_by_role("button", name="more").tap()
    data = data_of(site, "soft")
    at = int(page.get_by_role("slider").input_value())
    assert_shown(page, expected("soft", data, 1, at))
    context.close()


def test_merges_of_what_is_typed(page, site, base):
    if not (site / "explore").is_dir():
        pytest.skip("this site has no explorables")
    page.goto(base + "explore/tokens.html")
    page.locator("#explore[data-whole]").wait_for()
    data = data_of(site, "tokens")
    first = next(iter(data["samples"]))
    for name, ids in data["ids"][first].items():
        count = page.locator(f"section[data-name={name}] .count")
        assert count.inner_text() == f"{len(ids)} tokens"
    page.get_by_label("Text").fill("hello world")
    for name in data["names"]:
        shown = page.locator(f"section[data-name={name}] .piece").all_inner_texts()
        assert shown == ["hello", "\u2423world"]
    page.get_by_role("button", name="less").click()
    assert page.locator("section.told .piece").count() == 3


def test_missing_data_are_reported(page, site, base):
    if not (site / "explore").is_dir():
        pytest.skip("this site has no explorables")
    page.route("**/data/xtr.js", lambda route: route.abort())
    page.goto(base + "explore/xtr.html")
    alert = page.get_by_role("alert")
    assert "missing" in alert.inner_text()
    alert.get_by_role("link").click()
    assert page.locator("table tr").count() > 4


@pytest.mark.parametrize("name", [*EXPLORABLES, "tokens"])
def test_without_script_a_table_stands_in(browser, site, base, name):
    if not (site / "explore").is_dir():
        pytest.skip("this site has no explorables")
    context = browser.new_context(viewport=DESKTOP, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{base}explore/{name}.html")
    assert "JavaScript" in page.locator("#explore").inner_text()
    rows = page.frame_locator("#explore iframe").locator("tr")
    assert rows.count() > 4
    context.close()


CUT = """() => [...document.querySelectorAll(".md-typeset .wide, .md-typeset .md-typeset__table")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1)
  .map((box) => box.innerText.slice(0, 60))"""


def test_no_table_of_the_benchmarks_is_cut_off(page, site, base):
    pages = [site / "benchmarks.html", *sorted((site / "benchmarks").glob("*.html"))]
    if len(pages) < 2:
        pytest.skip("this site has no benchmarks")
    page.set_viewport_size({"width": 1280, "height": 900})
    for path in pages:
        page.goto(base + path.relative_to(site).as_posix())
        assert page.evaluate(CUT) == [], path.name


def test_lines_of_88_columns_are_whole_beside_two_columns(page, site, base):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(base + "tutorials/01_token_retrieval.html")
    cut = page.evaluate(
        """() => [...document.querySelectorAll(".md-typeset pre > code")]
          .filter((code) => code.scrollWidth > code.clientWidth + 1)
          .map((code) => Math.min(...code.innerText.split("\\n").filter((l) => l.length > 72)
            .map((l) => l.length)))"""
    )
    assert all(columns > 88 for columns in cut)


def test_a_page_that_is_not_there_leads_home(page, site, base):
    assert (site / "404.html").is_file()
    page.goto(base + "404.html")
    assert "not here" in page.locator("h1").inner_text()
    page.locator("article a", has_text="Home").click()
    page.wait_for_url(re.compile(r"index\.html"))
    icon = page.locator("link[rel=icon]").get_attribute("href")
    assert icon.endswith("favicon.svg")
    assert (site / "assets" / "favicon.svg").is_file()


# Screenshots: for people to look at.

MAIN = {
    "home": ["index.html"],
    "tutorial": ["tutorials/01_token_retrieval.html", "tutorials/0*.html"],
    "gallery": ["gallery.html"],
    "steps": ["steps/xtr.html"],
    "steps-list": ["steps/index.html"],
    "xtr": ["explore/xtr.html"],
    "pruning": ["explore/pruning.html"],
    "soft": ["explore/soft.html"],
    "tokens": ["explore/tokens.html"],
    "benchmarks": ["benchmarks.html"],
    "found": ["found/index.html"],
    "teaching": ["teaching/index.html"],
    "api": ["api/retrieval.html"],
}


def test_screenshots_are_taken(browser, site, base):
    folder = os.environ.get("TOKENLAB_SCREENSHOTS")
    if not folder:
        pytest.skip("TOKENLAB_SCREENSHOTS is not set: no folder for the pictures")
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for size, colours in ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light")):
        context = browser.new_context(viewport=size, color_scheme=colours)
        page = context.new_page()
        for name, patterns in MAIN.items():
            paths = [p for pattern in patterns for p in sorted(site.glob(pattern))]
            if not paths:
                continue
            page.goto(base + paths[0].relative_to(site).as_posix())
            path = out / f"{name}-{size['width']}-{colours}.png"
            page.screenshot(path=path, animations="disabled")
            assert path.stat().st_size > 5_000
        context.close()


def test_a_point_on_the_circle_moves_by_keys_and_by_pointer(page, site, base):
    if not (site / "explore" / "pairs.html").is_file():
        pytest.skip("this site has no explorables")
    page.goto(f"{base}explore/pairs.html")
    page.locator("#explore[data-ready]").wait_for()
    rows = data_of(site, "pairs")["rows"]
    assert_shown(page, [f"{rows[2]['two']} of {rows[2]['pairs']} pairs"])
    point = page.locator('[data-point="0"]')
    before = point.get_attribute("aria-valuenow")
    point.focus()
    page.keyboard.press("ArrowLeft")
    assert point.get_attribute("aria-valuenow") != before
    box = page.locator('[data-point="2"]').bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.up()
    assert_shown(page, [f"{rows[2]['two']} of {rows[2]['pairs']} pairs"])  # still the neighbours
    page.locator("#explore select").nth(1).select_option("1")
    assert_shown(page, [f"{rows[2]['four']} of {rows[2]['pairs']} pairs"])
