r"""Embeddings for another tokenizer, from those that are there: four rules that need no training.

    moved = focus(old, new, auxiliary)           # a sparse W (new, old), rows summing to one
    embeddings = moved.apply(old_embeddings)     # the output matrix alike

Lexical: copy the row of a token of the same bytes. FVT (Gee et al., 2022, arXiv:2402.09977): the
mean of the pieces. FOCUS (Dobler and de Melo, 2023, arXiv:2305.14481): like shared tokens whose
auxiliary vectors are near. WECHSEL (Minixhofer et al., 2022, arXiv:2112.06598): like old tokens
whose word vectors are near, in a common space.

$$E'_v = \sum_o W_{vo} E_o, \qquad W_v = \mathrm{sparsemax}_o \cos(a_v, a_o), \qquad
W_v = \mathrm{softmax}_{o \in N(v)} \frac{\cos(u_v, R u_o)}{T}, \qquad R = U V^\top$$

A row of zeros among the vectors is no vector. Tokens that a rule does not reach are drawn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import segment_sum, softmax, sparsemax, topk, unit
from tokenlab.steps import step
from tokenlab.tokenizers.lattice import best_cut
from tokenlab.tokenizers.token_vectors import ppmi_vectors, procrustes, word_space

__all__ = [
    "Transplant",
    "focus",
    "fvt",
    "lexical",
    "ppmi_vectors",
    "procrustes",
    "wechsel",
    "word_space",
]

Row = tuple[Sequence[int], Sequence[float]]  # old tokens and their weights
TOKENIZER = checks.offering("tokens", "encode")
BLOCK = 256  # new tokens whose cosines with all old ones are held at once


@dataclass(frozen=True)
class Transplant:
    """A sparse matrix of weights, new tokens by old ones.

    The row of new token `v` has the old tokens `ids[offsets[v]:offsets[v + 1]]`.
    """

    offsets: np.ndarray  # (new + 1,) int64
    ids: np.ndarray  # (n,) int64
    weights: np.ndarray  # (n,) float64
    n_old: int
    copied: np.ndarray  # new ids whose row is one old row
    drawn: np.ndarray  # new ids without a row

    @takes(embeddings="old d")
    def apply(self, embeddings: Any, *, rng: Any = None, fallback: str = "normal") -> np.ndarray:
        """The embeddings of the new tokens, `(new, d)`.

        Parameters
        ----------
        embeddings : (old, d) floats
            Of the old tokens: what a model takes in, or its output matrix.
        rng : Generator, int or None
            For the rows that are drawn.
        fallback : "normal", "mean" or "zero"
            What rows without a rule become: drawn with the mean and the standard deviation of each
            column, the mean row, or zeros.
        """
        checks.choice(fallback, "fallback", ("normal", "mean", "zero"))
        old = to_numpy(embeddings)
        if len(old) != self.n_old:
            raise ShapeError(
                f"Transplant.apply: embeddings is {old.shape} = (old, d); expected old = "
                f"{self.n_old}, one row for each token of the old tokenizer."
            )
        moved = old[self.ids] * self.weights[:, None].astype(old.dtype)  # (n, d)
        out = segment_sum(moved, self.offsets)  # (new, d) [E' = W E] zeros where nothing is known
        if fallback != "zero":
            out[self.drawn] = old.mean(axis=0)
        if fallback == "normal":
            noise = checks.generator(rng).standard_normal((len(self.drawn), old.shape[1]))
            out[self.drawn] += (noise * old.std(axis=0)).astype(old.dtype)
        return step(out)  # (new, d) embeddings of the new tokens

    def matrix(self) -> np.ndarray:
        """W as it is written, `(new, old)`: rows that are drawn are zero."""
        w = np.zeros((len(self.offsets) - 1, self.n_old))
        rows = np.repeat(np.arange(len(w)), np.diff(self.offsets))  # (n,) the row of each entry
        np.add.at(w, (rows, self.ids), self.weights)  # a piece may occur twice
        return w


# Spellings: what two tokenizers share.


def spellings(tokenizer: Any) -> list[bytes | str]:
    """What each token is: bytes, or for tokens with a name that name."""
    known: list[bytes | str] = list(tokenizer.tokens)
    for name, i in names_of(tokenizer).items():
        known[i] = name
    return known


def names_of(tokenizer: Any) -> dict[str, int]:
    """Special and added tokens; a tokenizer by probabilities has none."""
    return {**getattr(tokenizer, "added", {}), **getattr(tokenizer, "special", {})}


def shared(old: Any, new: Any) -> dict[int, int]:
    """New token -> the old one of the same spelling."""
    place: dict[bytes | str, int] = {}
    for i, token in enumerate(spellings(old)):
        place.setdefault(token, i)
    return {v: place[token] for v, token in enumerate(spellings(new)) if token in place}


def pieces_of(old: Any, token: bytes | str) -> list[int]:
    """The old tokens that spell a new one: its bytes as one chunk; none for a name."""
    if isinstance(token, str):
        return []
    if hasattr(old, "log_probs"):  # a tokenizer by probabilities
        ids, _, reached = best_cut(token, old.trie, old.log_probs)
        return ids if reached == len(token) else []
    try:
        return list(old._encode_chunk(token))
    except InvalidInput:  # a byte that the old tokenizer lacks
        return []


def transplant(old: Any, rows: Mapping[int, Row], n_new: int, copied: Iterable[int]) -> Transplant:
    """Rows put together; a token without one is drawn."""
    empty: Row = ((), ())
    every = [rows.get(v, empty) for v in range(n_new)]
    lengths = [len(ids) for ids, _ in every]
    return Transplant(
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
        np.array([i for ids, _ in every for i in ids], dtype=np.int64),
        np.array([w for _, weights in every for w in weights], dtype=np.float64),
        len(old.tokens),
        np.array(sorted(copied), dtype=np.int64),
        np.flatnonzero(np.array(lengths) == 0),
    )


# The rules.


@takes(old=TOKENIZER, new=TOKENIZER)
def lexical(old: Any, new: Any) -> Transplant:
    """Copy the rows of shared tokens, and know nothing of the others.

    Parameters
    ----------
    old, new : tokenizers
        `BPE` or `UnigramLM`.

    Examples
    --------
    >>> from tokenlab.tokenizers import BPE
    >>> old, new = BPE.train("low low", 258), BPE.train("lower lower", 260)
    >>> [new.tokens[i] for i in lexical(old, new).drawn]
    [b'er', b'wer', b'lower']
    """
    same = shared(old, new)
    rows: dict[int, Row] = {v: ([o], [1.0]) for v, o in same.items()}
    return transplant(old, rows, len(new.tokens), same)


@takes(old=TOKENIZER, new=TOKENIZER)
def fvt(old: Any, new: Any) -> Transplant:
    """Copy shared tokens; others are the mean of their pieces (fast vocabulary transfer).

    Examples
    --------
    >>> from tokenlab.tokenizers import BPE
    >>> old, new = BPE.train("low low", 258), BPE.train("lower lower", 260)
    >>> row = fvt(old, new).matrix()[new.tokens.index(b"er")]
    >>> {old.tokens[i]: float(row[i]) for i in row.nonzero()[0]}
    {b'e': 0.5, b'r': 0.5}
    """
    same = shared(old, new)
    rows: dict[int, Row] = {v: ([o], [1.0]) for v, o in same.items()}
    for v, token in enumerate(spellings(new)):
        pieces = [] if v in rows else pieces_of(old, token)
        if pieces:
            rows[v] = pieces, [1 / len(pieces)] * len(pieces)  # each piece counts alike
    return transplant(old, rows, len(new.tokens), same)


@takes(auxiliary="new d_aux")
def focus(old: Any, new: Any, auxiliary: Any) -> Transplant:
    """Copy shared tokens; others are like those shared ones whose auxiliary vectors are near.

    Parameters
    ----------
    old, new : tokenizers
    auxiliary : (new, d_aux) floats
        A vector for each new token, such as `ppmi_vectors` of a text in the new tokens.
    """
    vectors = of_tokens(auxiliary, "auxiliary", new)
    same = shared(old, new)
    rows: dict[int, Row] = {v: ([o], [1.0]) for v, o in same.items()}
    anchors = np.array([v for v in sorted(same) if vectors[v].any()], dtype=np.int64)
    others = [v for v in range(len(vectors)) if v not in same and vectors[v].any()]
    sources = np.array([same[v] for v in anchors.tolist()], dtype=np.int64)  # their old ids
    for start in range(0, len(others) if len(anchors) else 0, BLOCK):
        some = others[start : start + BLOCK]
        cosines = vectors[some] @ vectors[anchors].T  # (block, n_anchors)
        weights = step(sparsemax(cosines))  # (block, n_anchors) [sparsemax cos] most are 0
        for v, row in zip(some, weights, strict=True):
            chosen = row.nonzero()[0]
            rows[v] = sources[chosen].tolist(), row[chosen].tolist()
    return transplant(old, rows, len(new.tokens), same)


@takes(old_vectors="old d_w", new_vectors="new d_w")
def wechsel(
    old: Any,
    new: Any,
    old_vectors: Any,
    new_vectors: Any,
    *,
    n_neighbors: int = 10,
    temperature: float = 0.1,
) -> Transplant:
    """Each new token is like the old ones whose word vectors are nearest; only names are copied.

    Parameters
    ----------
    old, new : tokenizers
    old_vectors : (old, d_w) floats
    new_vectors : (new, d_w) floats
        In one space: see `word_space` and `procrustes`.
    n_neighbors : int
    temperature : float
        Above 0; small ones leave the nearest alone.
    """
    n_neighbors = checks.count(n_neighbors, "n_neighbors")
    temperature = checks.positive(temperature, "temperature")
    theirs = of_tokens(old_vectors, "old_vectors", old)
    ours = of_tokens(new_vectors, "new_vectors", new)
    kept = names_of(new)
    same = {v: o for v, o in shared(old, new).items() if v in kept.values()}
    rows: dict[int, Row] = {v: ([o], [1.0]) for v, o in same.items()}
    known = np.flatnonzero(theirs.any(axis=1))  # old tokens that have a vector
    others = [v for v in range(len(ours)) if v not in same and ours[v].any()]
    for start in range(0, len(others) if len(known) else 0, BLOCK):
        some = others[start : start + BLOCK]
        near = topk(ours[some] @ theirs[known].T, n_neighbors)  # (block, n_neighbors)
        weights = step(softmax(near.values / temperature))  # (block, n_neighbors) [softmax cos / T]
        for v, ids, row in zip(some, known[near.ids], weights, strict=True):
            rows[v] = ids.tolist(), row.tolist()
    return transplant(old, rows, len(new.tokens), same)


def of_tokens(vectors: Any, name: str, tokenizer: Any) -> np.ndarray:
    """Unit vectors, one for each token; a row of zeros stays one."""
    if len(vectors) != len(tokenizer.tokens):
        raise ShapeError(
            f"{public_caller()}: {name} is {vectors.shape}; expected {len(tokenizer.tokens)} rows, "
            "one for each token of the tokenizer that they belong to."
        )
    return np.asarray(unit(to_numpy(vectors).astype(np.float64)))
