"""How the tour is shown: its parts in turn, a summary, and a page over all that it made."""

import importlib
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path

import tokenlab
from tokenlab.engine import use_engine
from tokenlab.errors import InvalidInput
from tokenlab.papers import PAPERS
from tokenlab.tour import PARTS
from tokenlab.tour.step_throughs import found
from tokenlab.tour.terminal import did_you_mean, entries, heading, paragraph

INTRODUCTION = """Each paper here is one small file of NumPy. This is one result of each family,
computed on real data while you watch; most papers claim more than what came out, and the sentences
say so."""


def show(parts: Sequence[str], out: Path, *, whole: bool) -> int:
    """Run the short tour, or the whole parts that were asked for."""
    for part in parts:
        if part not in PARTS:
            raise InvalidInput(f"no such part: {part}. {did_you_mean(part, PARTS)}")
    start = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    print(f"tokenlab {tokenlab.__version__}")
    if parts or whole:
        for part in parts or PARTS:
            importlib.import_module(f"tokenlab.tour.{part}").run(out)
    else:
        _minutes(out)
    index = write_index(out)
    seconds = time.perf_counter() - start
    if not parts and not whole:
        _goodbye(seconds)
    print(f"\nAll pages and pictures: {index}")
    if parts or whole:
        print(f"The tour took {seconds:.0f} s.")
    return 0


def _minutes(out: Path) -> None:
    print()
    paragraph(INTRODUCTION)
    for i, part in enumerate(PARTS, start=1):
        module = importlib.import_module(f"tokenlab.tour.{part}")
        with use_engine("numpy"):  # compiling the fast path takes longer than it saves here
            told = module.minute(out)
        heading(f"Part {i} of {len(PARTS)}: {part}, see {told.page}", line=False)
        paragraph(told.question, "Question: ")
        paragraph(told.result, "Result:   ")
        paragraph(told.terms, "Words:    ")


def _goodbye(seconds: float) -> None:
    works = [paper for paper in PAPERS if paper.status == "works"]
    heading("That was the tour")
    paragraph(
        f"""{len(works)} papers, {len(found())} step-throughs, {seconds:.0f} seconds. A claim of a
        paper was run, not believed; `tokenlab papers NAME` says what held."""
    )
    print("\nWhat next?")
    entries(
        [
            ("tokenlab steps xtr", "watch one search, value by value, beside its source"),
            (f"tokenlab tour {PARTS[0]}", "all results of one family"),
            ("tokenlab papers", "what there is; papers NAME says more about one"),
            ("tokenlab assignment start a01", "an exercise that grades itself"),
        ]
    )


def write_index(out: Path) -> Path:
    """Write index.html over the pages and pictures in a folder."""
    pages = [p for p in sorted(out.glob("*.html")) if p.name != "index.html"]
    links = "".join(f'<li><a href="{escape(p.name)}">{escape(_title(p))}</a></li>' for p in pages)
    pictures = "".join(
        f'<figure><a href="{escape(p.name)}"><img src="{escape(p.name)}" alt="{escape(p.stem)}">'
        f"</a><figcaption>{escape(p.stem)}</figcaption></figure>"
        for p in sorted(out.glob("*.png"))
    )
    page = out / "index.html"
    page.write_text(PAGE.format(links=links, pictures=pictures), encoding="utf-8")
    return page


def _title(page: Path) -> str:
    """What a page calls itself."""
    with page.open(encoding="utf-8") as file:
        head = file.read(4000)
    _, found, rest = head.partition("<title>")
    return rest.partition("</title>")[0] if found else page.stem


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>The tour of tokenlab</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
img {{ max-width: 100%; background: white }} figure {{ margin: 2rem 0 }}
</style>
<h1>The tour of tokenlab</h1>
<h2>Step through</h2><ul>{links}</ul>
<h2>Pictures</h2>{pictures}
</html>
"""
