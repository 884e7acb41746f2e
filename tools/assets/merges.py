"""Two merge tables of byte-pair encoding, learned on the plays in lower case, without words.

The smaller one is the beginning of the larger: merges come in the order in which they were learned.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tokenlab.data import load_text
from tokenlab.tokenizers import BPE

from .files import files_table, write_npz, write_section

TOKENS = 640  # that can occur: the letters, and a token a merge
LONGEST = 12  # bytes


def build(_cache: Path, out: Path) -> None:
    """Write `merges/shakespeare.npz` and its section of SOURCES.md."""
    text = load_text("shakespeare").lower()
    letters = len(set(text.encode()))
    tokenizer = BPE.train(text, 256 + TOKENS - letters, split="none", max_token_bytes=LONGEST)
    path = out / "merges" / "shakespeare.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_npz(path, merges=tokenizer.merges.astype(np.uint16), letters=np.uint16(letters))
    print(f"merges: {len(tokenizer.merges)}, {path.stat().st_size} bytes")
    section = SECTION.format(files=files_table(out, [path]), n=len(tokenizer.merges))
    write_section(out / "SOURCES.md", "merges", section)


SECTION = """
Merges of byte-pair encoding on `texts/shakespeare.txt.xz` in lower case, no splitter, tokens of at
most 12 bytes. Made by

    python tools/build_assets.py merges

{files}

{n} merges in the order in which they were learned; ids below 256 are bytes. Nothing but the text
went in, see there.
"""
