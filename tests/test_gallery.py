"""The gallery of papers and the page of findings: complete, true to their sources, and small."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

# ruff: noqa: E402
import numpy as np
from docs.figures_registry import FIGURES, figure
from PIL import Image

from docs import gallery
from tokenlab.papers import PAPERS, find
from tokenlab.tour.step_throughs import found

WORKING = [paper for paper in PAPERS if paper.status == "works"]
FINDINGS = (ROOT / "tutorials" / "findings.py").read_text(encoding="utf-8")
LARGEST = 3_000_000  # bytes, all pictures together
TURNS = ("held", "bent", "failed")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The page and the pictures, drawn once."""
    docs = tmp_path_factory.mktemp("docs")
    page = gallery.write(docs)
    return docs, page.read_text(encoding="utf-8")


def test_every_paper_that_works_has_a_card(made):
    docs, page = made
    for paper in WORKING:
        for text in (paper.title, paper.authors, paper.venue, paper.identifier, paper.claim):
            assert text in page, f"{paper.key}: {text}"
        assert f"`{paper.module}`: " in page
        assert (docs / "gallery" / f"{gallery.slug(paper)}.png").is_file()
    assert page.count("\n-   ### ") == len(WORKING)
    assert len({gallery.slug(paper) for paper in PAPERS}) == len(PAPERS)


def test_a_paper_without_a_step_through_stops_the_build(tmp_path):
    new = replace(WORKING[0], key="no_such_paper", steps="no-such-steps")
    with pytest.raises(ValueError, match=r"'no_such_paper' has no step-through 'no-such-steps'"):
        gallery.write(tmp_path, [*PAPERS, new])
    assert not (tmp_path / "gallery.md").exists()


def test_a_paper_without_a_figure_shows_the_end_of_its_step_through(tmp_path):
    new = replace(find("hiprune"), key="no_such_paper", tutorials=())
    page = gallery.write(tmp_path, [new]).read_text(encoding="utf-8")
    assert "left, the last value of the step-through of HiPrune" in page
    with Image.open(tmp_path / "gallery" / "no_such_paper.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape == (gallery.HEIGHT * gallery.SCALE, gallery.WIDTH * gallery.SCALE)
    assert pixels[0, 0] > 250
    assert (pixels < 80).any()


def test_a_planned_paper_has_no_card(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "png", lambda drawing: b"")
    planned = replace(find("xtr"), key="later", title="Not written yet", status="planned")
    page = gallery.write(tmp_path, [find("colbert"), planned]).read_text(encoding="utf-8")
    assert find("colbert").title in page
    assert planned.title not in page


def test_two_figures_for_one_paper_are_refused(made):
    with pytest.raises(ValueError, match="'xtr' has two figures"):
        figure("xtr", name="", alt="", caption="")(lambda fig: None)


def test_links_of_the_cards_lead_somewhere(made):
    _, page = made
    for name in re.findall(r"\]\(tutorials/([^)#]+)\.md", page):
        assert (ROOT / "tutorials" / f"{name}.py").is_file(), name
    for family in re.findall(r"\]\(api/([^)#]+)\.md", page):
        assert (ROOT / "docs" / "api" / f"{family}.md").is_file(), family
    steps = re.findall(r"\]\(steps/([^)]+)\.html", page)
    assert set(steps) <= set(found())
    assert len(steps) == len(WORKING)


@pytest.mark.parametrize("paper", WORKING, ids=lambda paper: paper.key)
def test_the_tutorial_of_a_card_names_its_module(paper):
    name = paper.module.split(".")[-1]
    exports = {"tome", "todre", "evit"} & {name} or set(_exports(paper.module)) | {name}
    for lesson in paper.tutorials:
        text = (ROOT / "tutorials" / f"{lesson}.py").read_text(encoding="utf-8")
        assert any(re.search(rf"\b{word}\b", text) for word in exports), lesson


def _exports(module):
    found = __import__(module, fromlist=["__all__"]).__all__
    return [name for name in found if name != "reduce"]


@pytest.mark.parametrize("key", [paper.key for paper in WORKING])
def test_what_is_called_in_a_card_is_there(key):
    """Names in the sentence on what the module does are names of its family."""
    package = __import__(f"tokenlab.{find(key).family}", fromlist=["x"])
    for code in re.findall(r"`([^`]+)`", find(key).does):
        place = package
        for name in code.partition("(")[0].split("."):
            place = getattr(place, name)


@pytest.mark.parametrize("key", [paper.key for paper in WORKING])
def test_pictures_are_described(made, key):
    drawing = FIGURES[key]
    assert 80 <= len(drawing.alt) <= 260, "one sentence that says what one sees"
    assert 30 <= len(drawing.caption) <= 220
    assert not set("[]`\n") & set(drawing.alt), "it would end the description"


def test_pictures_are_of_one_size_on_white_and_small(made):
    docs, _ = made
    pictures = sorted((docs / "gallery").glob("*.png"))
    assert len(pictures) == len(WORKING)
    for path in pictures:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"))
        assert pixels.shape == (gallery.HEIGHT * gallery.SCALE, gallery.WIDTH * gallery.SCALE)
        assert pixels[0, 0] > 250, f"{path.name}: not on white"
        assert (pixels < 80).any(), f"{path.name}: nothing dark in grey print"
        assert (pixels < 250).mean() > 0.01, f"{path.name}: hardly anything is drawn"
    assert sum(path.stat().st_size for path in pictures) < LARGEST


def test_a_figure_is_the_same_at_every_build(made):
    docs, _ = made
    for key in ("xtr", "tome", "performer"):
        kept = (docs / "gallery" / f"{gallery.slug(find(key))}.png").read_bytes()
        assert gallery.png(FIGURES[key]) == kept, key


# What we found.


def sections():
    """Number, title, and the text up to the next heading, of every section."""
    parts = re.split(r"^# ## (\d+)\. (.+)$", FINDINGS, flags=re.MULTILINE)
    return list(zip(parts[1::3], parts[2::3], parts[3::3], strict=True))


def rows():
    """Number, anchor and outcome, of every line of the table at the top."""
    return re.findall(r"^# \| \[(\d+)\. .+\]\(#([^)]+)\) \| (.+) \|$", FINDINGS, re.MULTILINE)


def test_the_table_leads_to_every_section():
    anchors = [
        re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", f"{number} {title}").strip().lower())
        for number, title, _ in sections()
    ]
    assert len(anchors) >= 16
    assert [anchor for _, anchor, _ in rows()] == anchors
    assert [number for number, _, _ in rows()] == [number for number, _, _ in sections()]


def test_the_table_says_what_the_sections_say():
    for (_, title, text), (_, _, outcome) in zip(sections(), rows(), strict=True):
        told = re.findall(r"^# \*\*(Held|Bent|Failed)\.?\*\*", text, re.MULTILINE)
        if outcome in TURNS:
            assert [word.lower() for word in told] == [outcome], title
        else:
            assert not told, title


def test_every_section_has_a_claim_and_what_its_outcome_rests_on():
    for (_, title, text), (_, _, outcome) in zip(sections(), rows(), strict=True):
        assert "\n# > " in text, f"{title}: no claim"
        assert "print(" in text, f"{title}: nothing is printed"
        if outcome in TURNS:
            assert re.search(r"^ *assert ", text, re.MULTILINE), f"{title}: nothing is asserted"


def found_in(paper):
    """The findings of a paper of the registry: (title, outcome)."""
    text = paper.finding
    told = re.findall(r"(.+?): (held|bent|failed)\.\s*", text)
    assert "".join(f"{title}: {outcome}. " for title, outcome in told).strip() == text, paper.key
    return set(told)


def test_the_registry_tells_the_findings_of_the_page():
    """Each finding of papers.toml is a row of the table, with its outcome, and none is missing."""
    titles = re.findall(r"^# \| \[\d+\. (.+?)\]\(#.*?\) \| (\w+) \|$", FINDINGS, re.MULTILINE)
    assert titles
    for paper in WORKING:
        assert found_in(paper) <= set(titles), f"{paper.key}: not a row of tutorials/findings.py"
    for (title, outcome), (_, _, text) in zip(titles, sections(), strict=False):
        claim = "\n".join(re.findall(r"^# > .*$", text, re.MULTILINE))
        for paper in WORKING:
            if paper.identifier.removeprefix("arXiv:") in claim:
                assert (title, outcome) in found_in(paper), f"{paper.key} lacks {title!r}"


def test_each_turn_occurs():
    assert {outcome for _, _, outcome in rows()} >= set(TURNS)
