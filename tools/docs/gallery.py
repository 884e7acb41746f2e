"""The gallery: a card with a figure for every paper of the registry whose module works."""

from __future__ import annotations

import importlib
import io
import re
import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from docs.figures_registry import FIGURES, Drawing
from tokenlab.papers import FAMILIES, PAPERS, Paper
from tokenlab.tour.step_throughs import found

TUTORIALS = Path(__file__).resolve().parents[2] / "tutorials"
WIDTH, HEIGHT, SCALE = 480, 300, 2  # pixels on the page, and how many times as many in the file
COLOURS = 128  # of a picture; more cannot be told apart at this size
STYLE = {"font.size": 10, "hatch.linewidth": 0.8, "axes.linewidth": 0.8}
INTRODUCTION = """---
hide: [navigation]
---

# Papers

Each figure was drawn by the library when this site was built, from data that comes with it: it
shows the idea of its paper. A claim is what the paper says, in short, and not what we say: whether
it held when our code ran is on [What held, what bent, what failed](tutorials/findings.md) and in
the notes of the module.
"""


def write(docs: Path, papers: Sequence[Paper] = PAPERS) -> Path:
    """Write gallery.md and the pictures in gallery/; return the page."""
    for path in sorted(Path(__file__).parent.glob("figures_*.py")):
        importlib.import_module(f"docs.{path.stem}")
    working = [paper for paper in papers if paper.status == "works"]
    check(working)
    folder = docs / "gallery"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parts = [INTRODUCTION]
    for family in FAMILIES:
        mine = [paper for paper in working if paper.family == family]
        if not mine:
            continue
        about = importlib.import_module(f"tokenlab.{family}").__doc__.partition("\n")[0]
        parts += [f"## {family.capitalize()}\n\n{about}\n", '<div class="grid cards" markdown>\n']
        for paper in mine:
            drawing = FIGURES.get(paper.key) or from_steps(paper)
            (folder / f"{slug(paper)}.png").write_bytes(png(drawing))
            parts.append(card(paper, drawing))
        parts.append("</div>\n")
    page = docs / "gallery.md"
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def check(papers: Sequence[Paper]) -> None:
    """Every paper has a step-through, and no figure is left over."""
    for paper in papers:
        if paper.steps not in found():
            raise ValueError(f"the paper {paper.key!r} has no step-through {paper.steps!r}")
    left = set(FIGURES) - {paper.key for paper in PAPERS}
    if left:
        raise ValueError(f"in the gallery but not in papers.toml: {', '.join(sorted(left))}")


def from_steps(paper: Paper) -> Drawing:
    """The last value of its step-through, for a paper that has no figure of its own."""
    chosen = found()[paper.steps]
    steps = chosen.run(chosen.shown)
    last = steps.names[-1]

    def draw(fig: Figure) -> None:
        with io.BytesIO() as file:
            shown = steps.show(names=[last])
            shown.set_size_inches(WIDTH / 100, HEIGHT / 100)
            shown.savefig(file, dpi=100 * SCALE)
            ax = fig.subplots()
            ax.imshow(Image.open(file))
        ax.axis("off")

    what = f"{last}, the last value of the step-through of {paper.name}"
    return Drawing(paper.name, f"A picture of {what}: {chosen.about}", f"{what}.", draw)


def slug(paper: Paper) -> str:
    """The paper's key as a name of files and anchors."""
    return re.sub(r"\W", "-", paper.key.replace("+", "p"))


def png(drawing: Drawing) -> bytes:
    """The figure, on white, in few colours."""
    with rc_context(STYLE):
        fig = Figure((WIDTH / 100, HEIGHT / 100), dpi=100 * SCALE, layout="constrained")
        drawing.draw(fig)
        drawn = io.BytesIO()
        fig.savefig(drawn, facecolor="white")
    few = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    few.save(packed, "PNG", optimize=True)
    return packed.getvalue()


def card(paper: Paper, drawing: Drawing) -> str:
    """One item of the grid: Markdown, indented, so that it belongs to its bullet."""
    size = f"width={WIDTH} height={HEIGHT} loading=lazy"
    lines = [
        f"### {drawing.name} {{ #{slug(paper)} }}",
        f"![{drawing.alt}](gallery/{slug(paper)}.png){{ {size} }}",
        f"<small>{drawing.caption}</small>",
        f"**{paper.title}**<br>{paper.authors}. {paper.venue}. {link(paper)}",
        f"> **Claimed:** {paper.claim}",
        f"`{paper.module}`: {paper.does}",
        " · ".join(ways(paper)),
    ]
    first, *others = "\n\n".join(lines).split("\n")
    return "\n".join([f"-   {first}", *(f"    {line}" if line else "" for line in others)]) + "\n"


def link(paper: Paper) -> str:
    archive, _, number = paper.identifier.partition(":")
    if archive == "arXiv":
        return f"[{paper.identifier}](https://arxiv.org/abs/{number})"
    if archive == "doi":
        return f"[{paper.identifier}](https://doi.org/{number})"
    return escape(paper.identifier)


def ways(paper: Paper) -> list[str]:
    """Links to where the paper is explained, stepped through and documented."""
    links = [f"[Tutorial: {title(name)}](tutorials/{name}.md)" for name in paper.tutorials]
    links.append(f"[Step-through](steps/{paper.steps}.html)")
    return [*links, f"[API](api/{paper.family}.md)"]


def title(lesson: str) -> str:
    """A tutorial's title, up to its first colon or comma."""
    text = (TUTORIALS / f"{lesson}.py").read_text(encoding="utf-8")
    heading = re.search(r"^# # (.+)$", text, re.MULTILINE)
    return re.split("[:,]", heading[1])[0] if heading else lesson
