r"""Retrofitting Large Language Models with Dynamic Tokenization.

Darius Feher, Ivan Vulić, Benjamin Minixhofer. ACL 2025. arXiv:2411.18553

A batch is tokenized as before; then the most frequent pair of neighbours *of this batch* is merged,
again and again, so that it gets shorter, and a predictor embeds the new tokens. For generation,
tokens come from a vocabulary so large that an index finds the likely ones.

| paper's symbol | name here | shape |
|---|---|---|
| batch | `ids`, `offsets` | `(n,)`, `(b + 1,)` |
| merges $m$ | `n_merges` | number |
| output embeddings | `rows` | `(vocab, d)` |

$$(a, b) = \arg\max_{(a, b)\ \text{valid}} \#\{i : t_i = a,\, t_{i+1} = b\}, \qquad
\hat{y} = \mathrm{top}_{v \in C}\; h \cdot w_v, \quad
C = \mathrm{top}_{v \in \text{lists}} \cos(h, w_v)$$

Example
-------
    merged = merge_batch(ids, offsets, tokenizer.tokens, 100, boundary="word")
    vectors = EmbeddingCache(predict, 10_000).get(merged.tokens)
    SearchHead().fit(rows, 300, rng=0).topk(hidden, 5)
"""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import on_host, to_numpy
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import TopK, topk, unit
from tokenlab.quantization import kmeans
from tokenlab.steps import step
from tokenlab.tokenizers.merging import Places
from tokenlab.tokenizers.split import splitter
from tokenlab.tokenizers.trie import Trie

__all__ = ["EmbeddingCache", "Merged", "SearchHead", "longest_prefix", "merge_batch"]

SPACE_LIKE = (" ", "\t", "\n")
BOUNDARIES = ("pretoken", "word", "sentence")
Pair = tuple[int, int]


class Merged(NamedTuple):
    """A batch after its merges."""

    ids: np.ndarray  # (n,) int64
    offsets: np.ndarray  # (b + 1,) int64
    tokens: list[bytes]  # the old ones, then the new
    merges: np.ndarray  # (m, 3) int64: left, right, new
    counts: np.ndarray  # (m,) how often each pair stood there
    lengths: np.ndarray  # (m + 1,) tokens of the batch, before and after each merge


@takes(ids="n? int", offsets="b int")
@takes(tokens=checks.sequence, special=checks.collection, n_merges="whole")
def merge_batch(
    ids: Any,
    offsets: Any,
    tokens: Sequence[bytes],
    n_merges: int,
    *,
    boundary: str = "pretoken",
    split: Any = "gpt2",
    special: Collection[int] = (),
) -> Merged:
    """Merge the most frequent pairs of a batch; of equal ones the pair that is met first.

    Parameters
    ----------
    ids : (n,) int
        All texts, one after the other.
    offsets : (b + 1,) int
        Where each text begins, and where the last ends.
    tokens : sequence of bytes
        By id.
    n_merges : int
        At most so many; fewer when no valid pair is left.
    boundary : "pretoken", "word" or "sentence"
        What a token may not go beyond: a chunk of `split`, a word, or nothing. In all of them no
        token holds a space behind its first place, as in the official code.
    split : str or callable
        See `splitter`.
    special : collection of int
        Ids that never merge.

    Returns
    -------
    Merged

    Examples
    --------
    >>> tokens = [b" x", b"y", b"."]
    >>> merge_batch([0, 1, 1, 1, 0, 1, 2], [0, 4, 7], tokens, 3).lengths.tolist()
    [7, 5, 4, 3]
    """
    n_merges = checks.count(n_merges, "n_merges", at_least=0)
    checks.choice(boundary, "boundary", BOUNDARIES)
    all_ids = checks.shaped(checks.integers(on_host(ids), "ids", np), "ids", ("n",))
    edges = checks.offsets(on_host(offsets), "offsets", len(all_ids), np, of="ids")
    checks.within(all_ids, "ids", len(tokens), "len(tokens)")
    known = list(tokens)  # new ones are appended; the caller's list stays
    place = {token: i for i, token in reversed(list(enumerate(known))) if i not in special}
    texts = [all_ids[a:b].tolist() for a, b in itertools.pairwise(edges)]
    places = Places(texts, [1] * len(texts))  # counts that merges keep up to date
    valid = Validity(boundary, split, known, special)
    merges: list[tuple[int, int, int]] = []
    counts: list[int] = []
    lengths = [places.alive]
    while len(merges) < n_merges and (best := most_frequent(places, valid)):
        made = known[best[0]] + known[best[1]]
        if made not in place:  # what exists already keeps its id
            place[made] = len(known)
            known.append(made)
        step("merge", np.array(best), "the pair that is merged next, in the whole batch")
        counts.append(places.counts[best])
        places.merge(best, place[made])
        merges.append((*best, place[made]))
        lengths.append(places.alive)
    left = [[i for i in text if i >= 0] for text in texts_of(places.ids, edges)]
    return Merged(
        np.array([i for text in left for i in text], dtype=np.int64),
        np.cumsum([0, *map(len, left)], dtype=np.int64),
        known,
        np.array(merges, dtype=np.int64).reshape(-1, 3),
        np.array(counts, dtype=np.int64),
        np.array(lengths, dtype=np.int64),
    )


def texts_of(ids: list[int], edges: np.ndarray) -> list[list[int]]:
    """The texts of a batch; -1 stands where a token became a part of the one before it."""
    return [ids[a:b] for a, b in itertools.pairwise(edges.tolist())]


def most_frequent(places: Places, valid: Callable[[Pair], bool]) -> Pair | None:
    """The valid pair that occurs most; of equal ones that which stands first in the batch."""
    most = 0
    best: list[Pair] = []
    for pair, count in places.counts.items():
        if count >= most and count > 0 and valid(pair):  # validity is asked for few
            best = [*best, pair] if count == most else [pair]
            most = count
    return min(best, key=lambda pair: min(places.where[pair]), default=None)


class Validity:
    """Which pairs may become one token; each is looked at once."""

    def __init__(self, boundary: str, split: Any, tokens: list[bytes], special: Collection[int]):
        self.boundary = boundary
        self.split = splitter(split)
        self.tokens = tokens  # grows while merges are made
        self.special = frozenset(special)
        self.known: dict[Pair, bool] = {}

    def __call__(self, pair: Pair) -> bool:
        if pair not in self.known:
            self.known[pair] = not self.special.intersection(pair) and self.allows(
                self.tokens[pair[0]] + self.tokens[pair[1]]
            )
        return self.known[pair]

    def allows(self, made: bytes) -> bool:
        """Whether a token may be these bytes."""
        text = made.decode(errors="replace")
        if text.strip("".join(SPACE_LIKE)) == "":  # nothing but spaces
            if text == "\n\n" or self.boundary == "word":
                return False
        # This stands before the question of boundaries: no sentence is ever one token.
        elif any(letter in SPACE_LIKE for letter in text[1:]):
            return False
        if self.boundary == "word":
            return len(text.split()) == 1
        if self.boundary == "sentence" or "\ufffd" in text:  # parts of characters may grow together
            return True
        return len(self.split(text)) == 1


@takes(data=checks.byte_string, trie=Trie)
def longest_prefix(data: bytes, trie: Trie) -> np.ndarray:
    """The longest token at each place, one after the other, `(n,)` int64.

    Parameters
    ----------
    data : bytes
    trie : Trie

    Examples
    --------
    >>> longest_prefix(b"abab", Trie([b"a", b"b", b"aba"])).tolist()
    [2, 1]
    """
    ids: list[int] = []
    place = 0
    while place < len(data):
        found = trie.longest(data, place)
        if found is None:
            raise InvalidInput(
                f"longest_prefix: data has no token at byte {place}, 0x{data[place]:02X}; add the "
                "256 bytes to the trie."
            )
        ids.append(found[0])
        place = found[1]
    return np.array(ids, dtype=np.int64)


class EmbeddingCache:
    """Embeddings of tokens that were made before; those used longest ago go first.

    Parameters
    ----------
    make : callable
        From a list of tokens to their embeddings `(n, d)`.
    capacity : int
        How many are held.

    Examples
    --------
    >>> cache = EmbeddingCache(lambda tokens: np.array([[len(t)] for t in tokens]), 2)
    >>> cache.get([b"to", b"be", b"to"]).tolist(), cache.misses, cache.hits, len(cache)
    ([[2], [2], [2]], 2, 0, 2)
    """

    def __init__(self, make: Callable[[list[Any]], Any], capacity: int):
        self.make = make
        self.capacity = checks.count(capacity, "capacity")
        self.rows: OrderedDict[Hashable, np.ndarray] = OrderedDict()  # the newest last
        self.hits = 0  # both count distinct tokens of a call
        self.misses = 0

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, tokens: Sequence[Any]) -> np.ndarray:
        """Embeddings of tokens, `(n, d)`; those that are missing are made in one call."""
        distinct = list(
            dict.fromkeys(checks.sequence(tokens, "tokens"))
        )  # in the order of the call
        if not distinct:
            raise InvalidInput("EmbeddingCache.get: tokens is empty; expected at least one.")
        if len(distinct) > self.capacity:
            raise InvalidInput(
                f"EmbeddingCache.get: tokens has {len(distinct)} distinct ones, more than capacity "
                f"{self.capacity}; ask for fewer at once."
            )
        # one call for all of them
        missing = [token for token in distinct if token not in self.rows]
        made = np.asarray(self.make(missing)) if missing else np.empty((0, 0))
        if len(missing) != len(made):
            raise ShapeError(
                f"EmbeddingCache.get: make returned {made.shape} for {len(missing)} tokens; "
                "expected one row for each."
            )
        self.rows.update(zip(missing, made, strict=True))
        self.hits += len(distinct) - len(missing)
        self.misses += len(missing)
        for token in distinct:  # what a call uses becomes the newest
            self.rows.move_to_end(token)
        while len(self.rows) > self.capacity:
            self.rows.popitem(last=False)
        return np.stack([self.rows[token] for token in tokens])


class SearchHead:
    """The likeliest of very many tokens: cosines choose, dot products rank."""

    @takes(rows="vocab d")
    def fit(self, rows: Any, n_lists: int, *, rng: Any = None) -> "SearchHead":
        """Group the directions of output rows `(vocab, d)` into lists."""
        self.rows = to_numpy(rows)
        self.directions = unit(self.rows)  # the length of a row plays no part in the choice
        n_lists = checks.count(n_lists, "n_lists", at_most=len(self.rows))
        found = kmeans.fit(self.directions, n_lists, spherical=True, iters=5, rng=rng)
        self.centers = to_numpy(found.codebook)  # (n_lists, d)
        self.lists = [np.flatnonzero(found.codes == i) for i in range(len(self.centers))]
        return self

    @takes(hidden="d")
    def topk(self, hidden: Any, k: int, *, n_probe: int = 15, n_candidates: int = 20) -> TopK:
        """The `k` rows of the largest dot product with a state `(d,)`, among the candidates.

        Parameters
        ----------
        hidden : (d,) floats
        k : int
        n_probe : int
            How many lists are looked through, the nearest first.
        n_candidates : int
            How many of their rows are kept by cosine, then ranked by the dot product.
        """
        k = checks.count(k, "k")
        n_probe = checks.count(n_probe, "n_probe")
        n_candidates = checks.count(n_candidates, "n_candidates")
        if not hasattr(self, "rows"):
            raise InvalidInput("SearchHead.topk: call fit(rows, n_lists) first.")
        state = to_numpy(hidden)
        if state.shape != self.rows.shape[1:]:
            raise ShapeError(
                f"SearchHead.topk: hidden is {state.shape} = (d,); expected d = "
                f"{self.rows.shape[1]}, that of the rows."
            )
        near = topk(self.centers @ state, n_probe).ids  # the nearest lists
        inside = np.sort(np.concatenate([self.lists[i] for i in near.tolist()]))  # (n_inside,)
        cosines = self.directions[inside] @ state  # the length of the state changes no order
        candidates = np.sort(inside[topk(cosines, n_candidates).ids])  # (n_candidates,)
        best = topk(self.rows[candidates] @ state, k)
        return TopK(candidates[best.ids], best.values)


NOTES = r"""
Differs from the paper
----------------------
- The first test of the official code forbids a space behind the first place of a token, whatever
  the boundary: "sentence" merges never cross a space. The same here. Two newlines are never one
  token; other strings of spaces alone are, by "sentence", and by "pretoken" if the splitter keeps
  them whole.
- The official code counts all pairs anew for each merge; here counts are kept up to date.
- Lists come from spherical k-means with five rounds; the paper uses ScaNN. Normalising the rows
  changes which one is largest, so that the exact dot product ranks the candidates in the end.

Cost
----
A merge costs the places at which it happens and a look at all distinct pairs. A search costs the
lists' centers, the rows of the lists that are looked through, and `n_candidates` dot products.

Why not just
------------
- *use a larger vocabulary?* Its embeddings must be trained; merges of the batch need none but
  those that are predicted.
- *rank by cosine?* The model was trained with dot products, and long rows win more often there.
"""
