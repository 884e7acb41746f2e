"""How alike answers are: a reason to look at two of them side by side, and no proof of anything.

Two texts are cut into all runs of a few words; their likeness is the share of runs that both have
(Jaccard's index). In code all names count as one word, so that renaming hides nothing, and what the
stub holds is left out. Short right answers are alike by nature.
"""

import io
import keyword
import re
import tokenize
from collections.abc import Mapping, Sequence

from tokenlab.assignments.cells import Cell

__all__: list[str] = []

RUN = 6  # words
SKIPPED = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)

Runs = frozenset[tuple[str, ...]]


def of_code(cells: Sequence[Cell]) -> Runs:
    """The runs of the code cells."""
    return frozenset(
        run for cell in cells if cell.kind == "code" for run in _runs(_words(cell.text))
    )


def of_text(text: str) -> Runs:
    """The runs of a text for people."""
    return frozenset(_runs(re.findall(r"\w+", text.lower())))


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)]


def _words(code: str) -> list[str]:
    words = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in SKIPPED or token.string[:1] in "\"'":
                continue
            is_name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
            words.append("name" if is_name else token.string)
    except (tokenize.TokenError, SyntaxError):
        pass  # what could be read before the mistake
    return words


def nearest(runs: Mapping[str, Runs], common: Runs = frozenset()) -> dict[str, tuple[float, str]]:
    """For each answer the likeness to the one that is most like it, and whose that is."""
    own = {key: value - common for key, value in runs.items()}
    found: dict[str, tuple[float, str]] = dict.fromkeys(own, (0.0, ""))
    keys = list(own)
    for i, a in enumerate(keys):
        for b in keys[:i]:
            both = len(own[a] & own[b])
            share = both / len(own[a] | own[b]) if both else 0.0
            for key, other in ((a, b), (b, a)):
                if share > found[key][0]:
                    found[key] = (share, other)
    return found
