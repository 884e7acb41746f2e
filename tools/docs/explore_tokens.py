"""The data of docs/explore/tokens.md: four vocabularies whose merges a page makes as one types.

This page alone computes in the browser, since nobody knows what will be typed. Its samples come with
the ids that the library gives, which a test compares with what the page shows.
"""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import VOCABULARIES, load_vocabulary
from tokenlab.tokenizers import BPE
from tokenlab.tokenizers.split import ANY_CASE, PATTERNS, SPACES

SHOWN = {
    "gpt2": "GPT-2",
    "smollm2": "SmolLM2",
    "cl100k": "cl100k (GPT-4)",
    "o200k": "o200k (GPT-4o)",
}
SAMPLES = {
    "English": "Tokenization isn't solved: unhappiness, 1234567 and  two spaces.",
    "Turkish": "Çekoslovakyalılaştıramadıklarımızdan mısınız?",
    "German": "Donaudampfschifffahrtsgesellschaftskapitän",
    "Code": "def merge(ids, pair):\n        return [ids[i] for i in range(len(ids))]",
    "Chinese": "我们把文字切成词元。",
    "Emoji": "naïve café 👩🏽‍💻 e\u0301",
}
CASES = (
    "(?:'(?:[sS\\u017f]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL]{2}|[dD]))"  # JavaScript has no (?i:...)
)


def page_of(table_page: Callable[..., str]) -> tuple[dict[str, Any], str]:
    """What the page shows before anybody types, and the same as a table."""
    assert sorted(VOCABULARIES) == sorted(SHOWN)
    loaded = {name: load_vocabulary(name) for name in SHOWN}
    ids = {
        sample: {name: one.encode(text, special="text").tolist() for name, one in loaded.items()}
        for sample, text in SAMPLES.items()
    }
    rows = [
        [text, f"{len(text.encode())}", *(f"{len(ids[sample][name])}" for name in SHOWN)]
        for sample, text in SAMPLES.items()
    ]
    data = {
        "names": SHOWN,
        "samples": SAMPLES,
        "ids": ids,
        "sizes": {name: one.vocab for name, one in loaded.items()},
        "patterns": {name: in_javascript(PATTERNS[name]) for name in SHOWN},
    }
    text = "How many tokens some texts are in four vocabularies."
    return data, table_page("Tokens of some texts", text, ["text", "bytes", *SHOWN.values()], rows)


def write_vocabularies(folder: Path) -> list[Path]:
    """A script for each vocabulary, which the page asks for one after the other."""
    files = []
    for name in SHOWN:
        files.append(folder / f"tokens-{name}.js")
        text = json.dumps(packed(load_vocabulary(name)), separators=(",", ":"))
        line = f'(window.exploreVocabularies ||= {{}})["{name}"] = {text};\n'
        files[-1].write_text(line, encoding="utf-8")
    return files


def packed(tokenizer: BPE) -> dict[str, Any]:
    """Merges as numbers of three bytes: 0 to 255 are bytes, 256 + r is what merge r makes."""
    place = {i: byte for byte, i in enumerate(tokenizer.byte_id) if i >= 0}
    for r, new in enumerate(tokenizer._news.tolist()):
        place.setdefault(new, 256 + r)
    pairs = np.array([place[i] for i in tokenizer.merges.ravel().tolist()])  # (2 m,)
    three = np.stack([pairs >> 16, pairs >> 8 & 255, pairs & 255], axis=1).astype(np.uint8)
    news = tokenizer._news
    first = int(news[0]) if len(news) else 0
    assert (news == first + np.arange(len(news))).all(), "ids of merges are one after the other"
    return {
        "bytes": list(tokenizer.byte_id),
        "first": first,
        "merges": base64.b64encode(three.tobytes()).decode(),
    }


def in_javascript(pattern: str) -> str:
    r"""The pattern for `RegExp(..., "gu")`: its `\s` is another one, so the 25 are written out."""
    spaces = "".join(c if c == "-" else f"\\u{ord(c):04x}" for c in SPACES)
    out, inside = [], False
    for piece in re.findall(r"\\p\{\w+\}|\\.|.", pattern.replace(ANY_CASE, CASES), re.DOTALL):
        if piece == "\\s":
            out.append(spaces if inside else f"[{spaces}]")
        elif piece == "\\S":
            assert not inside
            out.append(f"[^{spaces}]")
        else:
            out.append(piece)
            inside = (inside or piece == "[") and piece != "]"
    return "".join(out)
