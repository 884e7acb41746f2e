r"""A collection in the form of LIMIT, with the token vectors of MiniLM: 46 texts, 1,000 queries.

Every document says what 45 things somebody likes, every query asks who likes one of them, and each
thing is liked by exactly two people: "Who likes flute?". The two are found word by word without any
trouble, and not by one vector a text. Measured (`tests/retrieval/test_limit_data.py`):

| | nDCG@10 | recall@2 |
|---|---|---|
| one pooled vector | 0.273 | 0.131 |
| MaxSim | 0.966 | 0.902 |

The texts are those of `make_limit_texts(rng=0)`; names and things come from lists in this package.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np

from tokenlab.numerics import unit
from tokenlab.retrieval.index import TokenIndex

__all__ = ["Limit", "load_limit", "load_limit_words"]


@dataclass(frozen=True, eq=False, repr=False)
class Limit:
    """Token vectors of the documents and of each query, what answers what, and the texts."""

    index: TokenIndex
    queries: list[np.ndarray]
    qrels: np.ndarray
    docs: list[str]
    query_texts: list[str]

    def __repr__(self) -> str:
        n = f"{len(self.queries)} queries, {self.index.n_docs} documents"
        return f"Limit({n} with {self.index.n_tokens} tokens, d={self.index.d})"


@cache
def load_limit() -> Limit:
    """Read the collection from the installed package.

    Returns
    -------
    Limit
        `index`, a `TokenIndex`; `queries`, a list of `(n_q, 64)`; `qrels (1000, 2)`; `docs` and
        `query_texts`. The same object at every call, with arrays that are read-only.

    Examples
    --------
    >>> limit = load_limit()
    >>> limit
    Limit(1000 queries, 46 documents with 4324 tokens, d=64)
    >>> limit.query_texts[0], limit.qrels[0].tolist()
    ('Who likes canoe?', [0, 1])
    """
    from tokenlab.retrieval.limit_texts import make_limit_texts

    texts = make_limit_texts(rng=0)
    with as_file(files("tokenlab.data") / "limit" / "vectors.npz") as path, np.load(path) as stored:
        parts = dict(stored)
    docs, queries = (unit(parts[name].astype(np.float32)) for name in ("docs", "queries"))
    for x in (docs, queries, texts.qrels):
        x.flags.writeable = False  # also of every slice of it
    index = TokenIndex(docs, parts["doc_offsets"])
    ends = parts["query_offsets"][1:-1]
    return Limit(index, np.split(queries, ends), texts.qrels, texts.docs, texts.queries)


@cache
def load_limit_words() -> tuple[list[str], list[str]]:
    """First names, and things that somebody may like: a word each, and one wordpiece of MiniLM.

    Returns
    -------
    names, things : list of str

    Examples
    --------
    >>> names, things = load_limit_words()
    >>> len(names), len(things), things[:3]
    (201, 1817, ['abstract', 'accelerator', 'accordion'])
    """
    folder = files("tokenlab.data") / "limit"
    names, things = (
        (folder / name).read_text(encoding="utf-8").split() for name in ("names.txt", "things.txt")
    )
    return names, things
