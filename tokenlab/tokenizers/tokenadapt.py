r"""Achieving Tokenizer Flexibility in Language Models through Heuristic Adaptation and Supertoken
Learning.

Shaurya Sharthak, Vinayak Pahalwan, Adithya Kamath, Adarsh Shirawalmath. 2025. arXiv:2505.09738

A new token is like its pieces in the old tokenizer, and like the old tokens that mean the same by
another text embedding. Pieces count by that likeness and by how much of the token they spell.
Shared tokens are copied.

| paper's symbol | name here | shape |
|---|---|---|
| $\phi(s)$ | `old_vectors`, `new_vectors` | `(vocab, d)` |
| $\omega$ | `global_weight` | number |
| $T$, $\theta$ | `temperature`, `threshold` | numbers |

$$w_i = \mathrm{softmax}_i \frac{a_i + l_i}{2 T}, \quad
a = \mathrm{softmax}_i \cos(\phi(s), \phi(s_i)), \quad l_i = \frac{|s_i|}{|s|} \tag{local}$$
$$g = \mathrm{softmax}_j \frac{\cos(\phi(s), \phi(o_j))}{T} \tag{global}$$
$$e = (1 - \omega) \sum_i w_i E_{s_i} + \omega \sum_j g_j E_{o_j} \tag{hybrid}$$

Example
-------
    moved = hybrid(old, new, old_vectors, new_vectors, global_weight=0.3)
    embeddings = moved.apply(old_embeddings)
    moved.copied, moved.drawn
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.numerics import softmax, topk
from tokenlab.steps import step
from tokenlab.tokenizers.transplant import (
    BLOCK,
    Row,
    Transplant,
    of_tokens,
    pieces_of,
    shared,
    spellings,
    transplant,
)

__all__ = ["global_weights", "hybrid", "local_weights"]

SOFTER = 1e-5  # is added to every temperature, as in the paper's code


@takes(cosines="m", lengths="m")
def local_weights(cosines: Any, lengths: Any, *, temperature: float = 0.3) -> Any:
    """How much each piece of a token counts.

    Parameters
    ----------
    cosines : ndarray of shape (m,)
        Of the token's vector with those of its pieces.
    lengths : ndarray of shape (m,)
        Characters of each piece over those of the token.
    temperature : float

    Returns
    -------
    ndarray of shape (m,)

    Examples
    --------
    >>> local_weights([0.8, 0.4], [0.75, 0.25]).round(4).tolist()
    [0.7617, 0.2383]
    """
    temperature = checks.positive(temperature, "temperature")
    alike = step(softmax(cosines))  # (m,) [a] how alike the pieces are, in shares
    both = (alike + lengths) / 2  # (m,)
    return step(softmax(both / (temperature + SOFTER)))  # (m,) [w, Eq. (local)] of the pieces


@takes(similarities="... k")
def global_weights(similarities: Any, *, temperature: float = 0.3, threshold: float = 0.0) -> Any:
    """How much each near token counts; zeros where none is as near as the threshold.

    Parameters
    ----------
    similarities : ndarray of shape (..., k)
        Cosines with the nearest old tokens.
    temperature : float
    threshold : float
        Tokens below get nothing, and the rest is scaled to one. It acts behind the softmax.

    Returns
    -------
    ndarray of shape (..., k)

    Examples
    --------
    >>> global_weights([0.9, 0.6, 0.3], threshold=0.5).round(4).tolist()
    [0.7311, 0.2689, 0.0]
    """
    temperature = checks.positive(temperature, "temperature")
    threshold = checks.number(threshold, "threshold")
    xp = get_xp(similarities)
    shares = softmax(similarities / (temperature + SOFTER))  # (..., k) [g, Eq. (global)]
    kept = xp.where(similarities >= threshold, shares, 0)
    total = kept.sum(axis=-1, keepdims=True)
    return step(kept / xp.where(total > 0, total, 1))  # (..., k) [g] what is near enough, in shares


@takes(old_vectors="old d_phi", new_vectors="new d_phi")
def hybrid(
    old: Any,
    new: Any,
    old_vectors: Any,
    new_vectors: Any,
    *,
    global_weight: float = 0.3,
    temperature: float = 0.3,
    k: int = 3,
    threshold: float = 0.0,
) -> Transplant:
    """Weights over old tokens for each new one: by its pieces, and by its neighbours.

    Parameters
    ----------
    old, new : tokenizers
        `BPE` or `UnigramLM`.
    old_vectors : (old, d_phi) floats
        What the old tokens mean by another embedding; a row of zeros is none.
    new_vectors : (new, d_phi) floats
        The same for the new ones.
    global_weight : float
        Of the neighbours, from 0 to 1. A half of weight 0 does not exist; where one half is
        missing, the other counts alone.
    temperature, threshold : float
    k : int
        How many neighbours.

    Returns
    -------
    Transplant
        Tokens with neither half are drawn.
    """
    global_weight = checks.share(global_weight, "global_weight")
    temperature = checks.positive(temperature, "temperature")
    threshold = checks.number(threshold, "threshold")
    k = checks.count(k, "k")
    theirs = of_tokens(old_vectors, "old_vectors", old)
    ours = of_tokens(new_vectors, "new_vectors", new)
    same = shared(old, new)
    rows: dict[int, Row] = {v: ([o], [1.0]) for v, o in same.items()}
    words = spellings(new)  # bytes, or a name, which has no pieces
    others = [v for v in range(len(words)) if v not in same]
    known = np.flatnonzero(theirs.any(axis=1))  # old tokens that mean something
    for start in range(0, len(others), BLOCK):
        some = others[start : start + BLOCK]
        near = topk(ours[some] @ theirs[known].T, k)  # (block, k)
        weights = global_weights(near.values, temperature=temperature, threshold=threshold)
        for v, ids, shares in zip(some, known[near.ids], weights, strict=True):
            pieces = pieces_of(old, words[v])
            local = weights_of(old, pieces, words[v], theirs[pieces] @ ours[v], temperature)
            # A token without a vector of its own has no neighbours.
            near_enough = shares if ours[v].any() else 0 * shares
            row = joined((pieces, local), (ids, near_enough), global_weight)
            if row[0]:
                rows[v] = row
    return transplant(old, rows, len(new.tokens), same)


def weights_of(
    old: Any, pieces: list[int], token: Any, cosines: np.ndarray, temperature: float
) -> np.ndarray:
    """The local weights of the pieces, `(m,)`; half a character counts as one."""
    if not pieces:
        return np.zeros(0)
    whole = len(token.decode(errors="replace"))
    lengths = [len(old.tokens[i].decode(errors="replace")) / whole for i in pieces]
    return np.asarray(local_weights(cosines, lengths, temperature=temperature))


def joined(local: Any, near: Any, global_weight: float) -> Row:
    """Both halves, or the one that exists: (hybrid), divided by the weight that is left."""
    halves = [(*local, 1 - global_weight), (*near, global_weight)]
    real = [half for half in halves if half[2] > 0 and np.any(half[1])]
    left = sum(weight for *_, weight in real)
    ids: list[int] = []
    row: list[float] = []
    for tokens, weights, weight in real:
        ids += list(map(int, tokens))
        row += (weight / left * weights).tolist()  # [e, Eq. (hybrid)]
    return ids, row


NOTES = r"""
Differs from the paper
----------------------
- Pieces are those of the token's bytes as one chunk. The paper's code decodes a token first, so
  that all unfinished UTF-8 is the same U+FFFD and gets one and the same embedding.
- The vectors are whatever is passed; the paper takes a large text embedding model.
- Shared are tokens of the same bytes, whatever letters stand for a space.
- Tokens with neither half are in `drawn`; the paper draws them with the mean and the standard
  deviation of the whole matrix.
- Two softmaxes follow each other: with two pieces of equal length the ratio of their weights is at
  most $e^{0.5 \tanh(1) / 0.3} = 3.6$, however alike one of them is. The threshold acts behind the
  softmax, not before it.

Cost
----
One product of all new vectors with all old ones, in blocks of 256 new tokens.

Why not just
------------
- *take the mean of the pieces?* `un|happy` is no mean: pieces say how a token is spelled, and the
  neighbours what it means.
- *take the neighbours alone?* The vectors may not know a token; its pieces are always there.
"""
