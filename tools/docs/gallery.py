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
from tokenlab.cli import STEP_THROUGHS
from tokenlab.papers import PAPERS, Paper

TUTORIALS = Path(__file__).resolve().parents[2] / "tutorials"
FAMILIES = {
    "retrieval": "Searching with the vectors of every token.",
    "logits": "What a language model pays to choose the next token.",
    "attention": "Attention in linear time, and attention that does not rest on a few tokens.",
    "pruning": "Fewer tokens in vision transformers and in vision-language models.",
}
WIDTH, HEIGHT, SCALE = 480, 300, 2  # pixels on the page, and how many times as many in the file
COLOURS = 128  # of a picture; more cannot be told apart at this size
STYLE = {"font.size": 10, "hatch.linewidth": 0.8, "axes.linewidth": 0.8}
# Names that differ from the papers' keys.
STEPS = {"colbert": "maxsim", "vq_logits": "vq", "token_transforming": "token-transforming"}
LESSONS = {
    "retrieval.colbert": ["01_token_retrieval"],
    "retrieval.xtr": ["01_token_retrieval", "09_training_for_retrieval"],
    "logits.vq_logits": ["02_vq_logits"],
    "attention.soft": ["03_softmax_free_attention"],
    "attention.linear": ["07_linear_attention"],
    "attention.tap_adl": ["06_robust_token_attention"],
    "pruning.tome": ["04_token_pruning", "10_merging_tokens"],
    "pruning.token_transforming": ["04_token_pruning", "10_merging_tokens"],
    "pruning.visionzip": ["04_token_pruning", "10_merging_tokens"],
    "pruning.evit": ["04_token_pruning", "10_merging_tokens"],
}
GENERAL = {"pruning": ["04_token_pruning"]}  # for the modules of a family that are not above
DOES = {
    "colbert": "`maxsim` and `maxsim_search` score documents exactly, for one query or many; "
    "`alignment` says which token matched which.",
    "xtr": "`xtr_search` retrieves tokens, imputes what is missing and ranks; `token_topk` and "
    "`xtr_scores` are its two halves. The training objective is `xtr_loss`.",
    "soft": "`soft_attention` attends through landmarks in linear time; `newton_pinv` is the "
    "paper's inverse, every iterate to watch.",
    "soft++": '`soft_attention(..., normalize="symmetric")`; the gradient is `soft_attention_vjp`, '
    "and `pinv_vjp` has the two terms that a singular matrix needs.",
    "tap_adl": "`token_aware_pool` mixes neighbourhoods; `diversification_loss` returns the loss "
    "and its gradient.",
    "nystromformer": "`nystrom_attention`, with runs of tokens or landmarks of your own; "
    "`cubic_pinv` is its inverse.",
    "performer": "`performer_attention` with `orthogonal_features`, whose directions are uniform.",
    "linformer": "`linformer_attention`, with the projection that you pass.",
    "vq_logits": "`VQHead`: probabilities, top tokens and training in the space of codes; maps, "
    "shares within a code and residuals beside it.",
    "hiprune": "`hiprune.reduce` keeps anchors, buffers and registers, on the grid or as the "
    "released code has it.",
    "transprune": "`transprune.transition_variation` scores tokens by what a module changes; "
    "`transprune.reduce` adds what the instruction attends to.",
    "todre": "`todre.reduce` in both versions of the paper; `todre.image_is_done` is its second "
    "stage.",
    "recoverable": "`recoverable.reduce`, as the paper describes it; the module lists where the "
    "released code slips.",
    "token_transforming": "`token_transforming.reduce` spreads every token over those that stay, "
    "by a rule of ours; `token_transforming.kind` names the sort of matrix of any reduction.",
    "tome": "`tome.reduce` merges the most similar pairs and keeps sizes; `size_aware_attention` "
    "uses them.",
    "evit": "`evit.reduce` keeps the best by CLS attention, and the sum of the others.",
    "fastv": "`fastv.reduce` ranks by attention received; `flops.decode_multiply_adds` says what "
    "is left to gain while writing.",
    "visionzip": "`visionzip.reduce` keeps dominant tokens and merges the rest into contextual "
    "ones.",
    "divprune": "`divprune.reduce` chooses greedily, without taking anything twice.",
    "sparsevlm": "`sparsevlm.raters` finds the words that judge; `sparsevlm.reduce` keeps what "
    "they attend to and recycles some of the rest.",
}
INTRODUCTION = """---
hide: [navigation]
---

# Papers

Each figure was drawn by the library when this site was built, from data that comes with it: it
shows the idea of its paper. A claim is what the paper says, in short, and not what we say: whether
it held when our code ran is on [What held, what bent, what failed](tutorials/findings.md) and in
the docstring of the module.
"""


def write(docs: Path, papers: Sequence[Paper] = PAPERS) -> Path:
    """Write gallery.md and the pictures in gallery/; return the page."""
    for family in FAMILIES:
        importlib.import_module(f"docs.figures_{family}")
    working = [paper for paper in papers if paper.status == "works"]
    check(working)
    folder = docs / "gallery"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parts = [INTRODUCTION]
    for family, about in FAMILIES.items():
        mine = [paper for paper in working if family_of(paper) == family]
        if not mine:
            continue
        parts += [f"## {family.capitalize()}\n\n{about}\n", '<div class="grid cards" markdown>\n']
        for paper in mine:
            drawing = FIGURES[paper.key]
            (folder / f"{slug(paper)}.png").write_bytes(png(drawing))
            parts.append(card(paper, drawing))
        parts.append("</div>\n")
    page = docs / "gallery.md"
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def check(papers: Sequence[Paper]) -> None:
    """Every paper has a family, a figure and a sentence; no figure is left over."""
    for paper in papers:
        family = family_of(paper)
        if family not in FAMILIES:
            raise ValueError(f"the paper {paper.key!r} is of {family!r}, which FAMILIES has not")
        for what, where, place in (
            ("figure", FIGURES, f"figures_{family}.py"),
            ("sentence on what the module does", DOES, "gallery.py, DOES"),
        ):
            if paper.key not in where:
                raise ValueError(f"the paper {paper.key!r} has no {what}: tools/docs/{place}")
    left = {*FIGURES, *DOES} - {paper.key for paper in PAPERS}
    if left:
        raise ValueError(f"in the gallery but not in papers.toml: {', '.join(sorted(left))}")


def family_of(paper: Paper) -> str:
    return paper.module.split(".")[1]


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
        f"`{paper.module}`: {DOES[paper.key]}",
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
    found = [f"[Tutorial: {title(name)}](tutorials/{name}.md)" for name in lessons(paper.module)]
    step = STEPS.get(paper.key, paper.key)
    if step in STEP_THROUGHS:
        found.append(f"[Step-through](steps/{step}.html)")
    return [*found, f"[API](api/{family_of(paper)}.md)"]


def lessons(module: str) -> list[str]:
    name = module.removeprefix("tokenlab.")
    return LESSONS.get(name, GENERAL.get(name.split(".")[0], []))


def title(lesson: str) -> str:
    """A tutorial's title, up to its first colon or comma."""
    text = (TUTORIALS / f"{lesson}.py").read_text(encoding="utf-8")
    heading = re.search(r"^# # (.+)$", text, re.MULTILINE)
    return re.split("[:,]", heading[1])[0] if heading else lesson
