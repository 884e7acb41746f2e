"""An executed notebook as a page of the site: Markdown, with its pictures and frames beside it."""

from __future__ import annotations

import ast
import base64
import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.execute import COLOURS, Executed, PageError, read_script
from docs.markdown import fenced, for_site

FRAME = re.compile(r'<iframe srcdoc="([^"]*)"([^>]*)>')
IMG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
BLANK_LINES = re.compile(r"\n\s*\n")


def write_page(done: Executed, folder: Path) -> Path:
    """Write NAME.md, NAME_files/, NAME.ipynb (without outputs) and NAME.py; return the page."""
    name = done.script.stem
    files = folder / f"{name}_files"
    shutil.rmtree(files, ignore_errors=True)
    parts = []
    for number, cell in enumerate(done.notebook.cells, start=1):
        parts += _cell(done.script, number, cell, files)
        if number == 1:
            parts.append(_downloads(name))
    page = folder / f"{name}.md"
    folder.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts), encoding="utf-8")
    plain = json.dumps(read_script(done.script), indent=1, ensure_ascii=False)
    (folder / f"{name}.ipynb").write_text(plain + "\n", encoding="utf-8")
    shutil.copyfile(done.script, folder / f"{name}.py")
    return page


def _downloads(name: str) -> str:
    return (
        f'<p class="downloads">Take it with you: <a href="{name}.ipynb" download>notebook</a> '
        f'or <a href="{name}.py" download>Python script</a>; both need '
        f'<code>pip install ".[tutorials]"</code> in a clone.</p>\n'
    )


def _cell(script: Path, number: int, cell: Any, files: Path) -> Iterator[str]:
    """A cell as pieces of the page; an answer, text or code with what it printed, is folded."""
    pieces = _open_cell(script, number, cell, files)
    answer = cell.metadata.get("answer")
    if answer:
        pieces = iter([_details(f"Answer: {answer}", "\n".join(pieces))])
    yield from pieces


def _details(title: str, text: str) -> str:
    """Markdown behind a line that opens it."""
    lines = f'<details markdown="1"><summary>{html.escape(title)}</summary>'
    return f"{lines}\n\n{text.strip()}\n\n</details>\n"


def _folded(source: str, drawn: bool) -> str:
    """What the folded code of a cell is called: imports, and what only draws; empty for the rest."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a line for the notebook
        return ""
    if all(isinstance(line, ast.Import | ast.ImportFrom) or _sets_style(line) for line in body):
        return "Imports"
    ends = ast.unparse(body[-1]) if body else ""
    return "The code of the picture" if drawn and ends.startswith("plt.show(") else ""


def _sets_style(line: ast.stmt) -> bool:
    """Whether a line only says how pictures look."""
    return isinstance(line, ast.Expr) and ast.unparse(line).startswith("plt.rcParams")


def _open_cell(script: Path, number: int, cell: Any, files: Path) -> Iterator[str]:
    if cell.cell_type != "code":
        yield for_site(cell.source)
        return
    outputs = _joined(cell.outputs)
    if cell.source.strip():
        code = fenced(cell.source, "python")
        title = _folded(cell.source, drawn=any(map(_picture, outputs)))
        yield _details(title, code) if title else code
    pictures = [picture for output in outputs if (picture := _picture(output))]
    alts = [alt.strip() for alt in str(cell.metadata.get("alt", "")).split(" | ") if alt.strip()]
    if len(pictures) != len(alts):
        raise PageError(
            f"{script}: cell {number} draws {len(pictures)} picture(s) and its marker has "
            f'{len(alts)} alternative text(s); write `# %% alt="first | second"`.'
        )
    for i, output in enumerate(outputs):
        stem = f"{number}" if len(outputs) == 1 else f"{number}-{i + 1}"
        if picture := _picture(output):
            yield _write_picture(picture, output, alts.pop(0), files, stem)
        else:
            yield from _other(script, number, output, files, stem)


def _joined(outputs: list[Any]) -> list[Any]:
    """Outputs with printed text in one piece: it arrives in as many as chance makes."""
    joined: list[Any] = []
    for output in outputs:
        before = joined[-1] if joined else {}
        if output.output_type == "stream" and before.get("name") == output.name:
            joined[-1] = {**before, "text": before["text"] + output.text}
        else:
            joined.append(output)
    return joined


def _picture(output: Any) -> tuple[str, str] | None:
    """Media type and content of what is shown as a picture; HTML is preferred where there is."""
    data = output.get("data", {})
    if "text/html" in data:
        return None
    return next(
        ((kind, data[kind]) for kind in ("image/png", "image/svg+xml") if kind in data), None
    )


def _write_picture(picture: tuple[str, str], output: Any, alt: str, files: Path, stem: str) -> str:
    kind, content = picture
    files.mkdir(parents=True, exist_ok=True)
    if kind == "image/png":
        path = files / f"{stem}.png"
        path.write_bytes(base64.b64decode(content))
    else:
        path = files / f"{stem}.svg"
        path.write_text(content, encoding="utf-8")
    size = output.get("metadata", {}).get(kind, {})
    # Known before it has loaded, so that the page does not move.
    size = "".join(f" {side}={pixels}" for side, pixels in size.items())
    alt = alt.replace("[", "(").replace("]", ")")
    return f"![{alt}]({files.name}/{path.name}){{ loading=lazy{size} }}\n"


def _other(script: Path, number: int, output: Any, files: Path, stem: str) -> Iterator[str]:
    if output["output_type"] == "stream":
        if text := _without_progress(output["text"]):
            yield fenced(text, "text")
        return
    data = output.get("data", {})
    if "text/html" in data:
        yield _html(script, number, data["text/html"], files, stem)
    elif "text/markdown" in data:
        yield for_site(data["text/markdown"])
    elif "text/plain" in data:
        yield fenced(COLOURS.sub("", data["text/plain"]), "text")


def _without_progress(text: str) -> str:
    """What remains of a stream on a screen: a carriage return takes back its line."""
    lines = [line.rpartition("\r")[2] for line in COLOURS.sub("", text).split("\n")]
    return "\n".join(lines).strip("\n")


def _html(script: Path, number: int, text: str, files: Path, stem: str) -> str:
    """HTML as it is, but with every embedded page as a file of its own."""
    for tag in IMG.findall(text):
        if " alt=" not in tag:
            raise PageError(f"{script}: cell {number} shows HTML with an image without alt text")
    frames = 0

    def to_file(found: re.Match) -> str:
        nonlocal frames
        frames += 1
        files.mkdir(parents=True, exist_ok=True)
        path = files / f"{stem}-steps{frames if frames > 1 else ''}.html"
        path.write_text(html.unescape(found[1]), encoding="utf-8")
        # A page of this site: it may know which theme is on, so it is not shut into a sandbox.
        rest = re.sub(r' (sandbox|style|width|height)="[^"]*"', "", found[2])
        return f'<iframe class="steps" src="{files.name}/{path.name}"{rest}>'

    text = FRAME.sub(to_file, text)
    # A blank line would end the block for the Markdown parser.
    return f'<div class="output">\n{BLANK_LINES.sub(chr(10), text.strip())}\n</div>\n'
