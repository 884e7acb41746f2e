"""Notebook cells and scripts as Python reads them: encodings, line ends, and lines for IPython.

A line is for IPython only where a statement begins: `% 5` may be the rest of a sum in brackets,
and `!= b` that of a comparison. So the text is scanned for strings, brackets and continued lines.
"""

import io
import re
import tokenize
from collections.abc import Sequence

from tokenlab.errors import InvalidInput

__all__: list[str] = []

NEWLINE = re.compile(r"\r\n|\r|\n")  # what ends a line for Python: not U+2028, \x0b or U+0085
PARTS = re.compile(
    r"""(?P<comment>\#.*)|(?P<triple>\"{3}|'{3})|(?P<open>[([{])|(?P<close>[)\]}])"""
    r"""|(?P<quote>["'])|(?P<continued>\\$)|\\.|[^"'#()\[\]{}\\]+|.""",
    re.S,
)
PYTHON_CELLS = ("time", "capture", "prun")  # cell magics that run the cell as it stands
MAGIC = re.compile(r"^(\s*)[%!?]")
ASSIGNED = re.compile(r"^(\s*[\w.\[\]'\", ]+?)\s*=\s*(!{1,2}|%)\s*\S")
ASKED = re.compile(r"^(\s*)[^#'\"]*\?\s*$")  # `np.mean?`
AUTOMATIC = re.compile(
    r"^\s*(?:(?:pip|conda|mamba|uv)\s+[a-z]+\b(?!\s*[=(])|(?:cd|ls|pwd|cat|mkdir)\s+(?!in\b|is\b|and\b"
    r"|or\b|if\b|not\b)[\w./~]|(?:ls|pwd)\s*$)"
)
LONGEST = 500  # characters of a line for IPython; patterns need time on longer ones


def decode(data: bytes, name: str) -> str:
    """The text of a script, in the encoding that Python would take (PEP 263, or UTF-8)."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise InvalidInput(
            f"{name} cannot be read as text: {error}. Save it as UTF-8, or name its encoding in "
            "the first line, `# -*- coding: latin-1 -*-`."
        ) from None
    return "\n".join(lines(text.removeprefix("\ufeff")))


def lines(text: str) -> list[str]:
    """The lines, as Python numbers them."""
    return NEWLINE.split(text)


def beginnings(text_lines: Sequence[str]) -> tuple[list[bool], bool]:
    """For each line whether a statement may begin there; and whether all that opens is closed."""
    begins, depth, inside, continued = [], 0, "", False
    for line in text_lines:
        begins.append(not (depth or inside or continued))
        depth, inside, continued = _after(line, depth, inside)
    return begins, not (depth or inside)


def _after(line: str, depth: int, inside: str) -> tuple[int, str, bool]:
    """Open brackets, the quotes of an open string, and a continued line, after a line."""
    at, continued = 0, False
    while at < len(line):
        if inside:
            end = _closes(line, at, inside)
            if end < 0:
                # A string of one line ends with it, unless a backslash carries it over.
                carried = len(inside) == 3 or line.endswith("\\")
                return depth, inside if carried else "", False
            at, inside = end, ""
            continue
        found = PARTS.match(line, at)
        assert found
        kind, at = found.lastgroup, found.end()
        inside = found[0] if kind in ("triple", "quote") else ""
        depth = max(0, depth + (kind == "open") - (kind == "close"))
        continued = kind == "continued"
    return depth, inside if len(inside) == 3 else "", continued


def _closes(line: str, at: int, quotes: str) -> int:
    """Where a string ends in a line, or -1."""
    while at < len(line):
        if line[at] == "\\":
            at += 2
        elif line.startswith(quotes, at):
            return at + len(quotes)
        else:
            at += 1
    return -1


def plain(text: str) -> str:
    """A notebook's cell without what is for IPython; every line keeps its number."""
    given = lines(text)
    first = next((i for i, line in enumerate(given) if line.strip()), 0)
    # `%%capture` above `%%time`: each takes the rest of the cell.
    while first < len(given) and given[first].startswith("%%"):
        name = re.match(r"%%\s*(\w*)", given[first])
        if name is None or name[1] not in PYTHON_CELLS:
            return ""  # a cell of another language
        given[first] = "# " + given[first]
        first += 1
    depth, inside, continued = 0, "", False
    for at, line in enumerate(given):
        if not (depth or inside or continued) and not _is_python(line):
            given[at] = _replaced(line)  # what it opens stays closed
        else:
            depth, inside, continued = _after(line, depth, inside)
    return "\n".join(given)


def _is_python(line: str) -> bool:
    if len(line) > LONGEST:
        return True
    return not any(form.match(line) for form in (MAGIC, ASSIGNED, ASKED, AUTOMATIC))


def _replaced(line: str) -> str:
    """`x = !ls` gives x no lines, `x = %timeit -o f()` gives it None, all else does nothing."""
    if assigned := ASSIGNED.match(line):
        value = "[]" if assigned[2].startswith("!") else "None"
        return f"{assigned[1]} = {value}"
    space = line[: len(line) - len(line.lstrip())]
    return f"{space}pass  # {line.strip()}"
